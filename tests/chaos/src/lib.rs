//! Trouble for mimiq: a P4Runtime server that fails in front of a real one ([`proxy`]), and a harness that kills the real
//! processes and checks what must hold ([`harness`]).

pub mod fault;
pub mod journal;
pub mod proxy;
pub mod harness;

//! Loopix (Piotrowska et al., USENIX Security 2017) by simulation: its Figures 5 to 8 and Theorems 1 and 2, each value next to
//! the reference it is compared with.
//!
//! [`entropy`], [`network`] and [`theorems`] are the models: pure, with randomness as an argument. [`figures`] runs them over the
//! parameters of the paper, on all cores, and compares with [`reference`](mod@reference).

pub mod entropy;
pub mod figures;
pub mod network;
pub mod parallel;
pub mod pool;
pub mod reference;
pub mod report;
pub mod theorems;

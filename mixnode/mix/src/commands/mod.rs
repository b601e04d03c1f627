//! What a user can do.

pub mod chat;
pub mod load;
pub mod receive;
pub mod send;
mod started;

//! A Loopix client (§3.2): sends and receives messages in a way that shows nobody whether it does.
//!
//! [`Core`] is pure: three Poisson clocks, a queue for what the user wants to send, what comes back from the inbox. [`Client`] runs one over a connection to
//! the provider: plain, or through the agent of MIMIQ, so that the client's address changes meanwhile ([`Link`]).

mod client;
mod core;
mod cover;
mod folder;
mod link;
mod packets;
mod replies;
mod session;
mod traffic;

pub use client::{Client, Handle, NotSubmitted, NotTaken, Reached, Settings, Stopped};
pub use core::{Core, CoreError, Event, Message};
pub use folder::{Folder, FolderError, Keys};
pub use link::{Link, LinkError};
pub use traffic::Stream;

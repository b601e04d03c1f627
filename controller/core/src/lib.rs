//! The allocation server and SDN controller without I/O: who has which address, and what each switch's tables must
//! therefore be.
//!
//! [`Core`] is told what happened, and when: a client asked, a switch was read, a write was answered, a connection was
//! lost, time passed. It answers with [`Command`]s: write this, reply that, remember this. Clocks, sockets, files and
//! tasks are the caller's; equal inputs and an equally seeded generator give equal commands.
//!
//! ```text
//!  clients ──acquire, renew, release──▶ ┌──────┐ ──Write──▶ sessions ──P4Runtime──▶ switches
//!          ◀────────Reply, Revoke────── │ Core │ ◀─read, wrote, lost──┘
//!                     store ◀──Store─── └──────┘ ◀─advance── timer
//! ```
//!
//! The rules of a lease are kept nowhere: they follow from the pools ([`rules`]), whenever a switch is read anew too.
//! So whatever is lost, a switch's entries, its connection, or this process, the next reading puts it right.
//!
//! - **rules-before-reply**: a set is granted when every write of its rules was answered; an alias is used when every
//!   edge switch has confirmed it and the store knows that it is in use.
//! - **no-collision**: an address goes back to the pool when every switch that had its rules has confirmed that they are
//!   gone, or has been read since. What a restarted process cannot know is in quarantine.
//! - **no-leak**: what a switch has and the pools do not explain is deleted when it is read.

mod adopt;
mod bucket;
mod clients;
mod commands;
mod core;
mod diff;
mod epochs;
mod expiry;
mod location;
mod operator;
mod requests;
pub mod rules;
mod stored;
mod switch;
mod sync;
mod topology;
mod writes;

pub use bucket::{Bucket, Rate};
pub use clients::{Client, ClientId};
pub use commands::{Command, Denial, Fault, Granted, StoreVersion, Ticket, WriteError};
pub use core::{Core, Limits, PoolSpec, Settings, Stats};
pub use diff::{Operation, Wanted, diff};
pub use location::Location;
pub use operator::Ended;
pub use stored::{Phase, Stored, StoredAlias};
pub use switch::{Status, Switch, SwitchId, SwitchSpec};
pub use topology::TopologyError;

//! Active attacks, noticed by loops (Loopix §4.2): every mix and client sends packets to itself; who blocks or delays others' packets does it
//! to these as well, because nobody can tell them apart.
//!
//! [`Ledger`] is told what was sent and what came back, and says whether that is still the loss of an honest network, how much
//! more cover traffic to send, and which node or link is to blame. Pure: times are arguments, since any moment.

mod blame;
mod config;
mod cusum;
mod ledger;
mod watch;

pub use blame::{Element, Suspect};
pub use config::{Config, ConfigError};
pub use ledger::{Attack, Ledger, Outcome, Report, State};

//! A Loopix node (§3.2, §3.3): takes packets from its neighbours, unwraps them, keeps each until its delay is over, and sends it on.
//!
//! | thread | what it does |
//! |---|---|
//! | intake | reads datagrams in batches, drops some under overload, opens links, unwraps, drops replays, and puts packets into the queue |
//! | departure | waits for the next packet to be due, seals it for the next node, and sends what is due in batches |
//! | intake of clients (providers) | the first from unwrapping on, for packets that come over clients' connections |
//!
//! The two ends share the queue alone, each for microseconds at a time: so that no packet leaves late because others are being unwrapped.
//! What changes seldom (keys, neighbours, own loops) is done by tasks of the caller's tokio runtime.

mod clock;
mod counters;
mod delays;
mod departure;
mod epochs;
mod intake;
mod loops;
mod mailbox;
mod neighbours;
mod node;
mod priority;
mod receiver;
mod rounds;
mod telemetry;
mod update;

pub use clock::Clock;
pub use delays::{Delays, Task};
pub use epochs::EpochError;
pub use intake::{Batch, Intake};
pub use node::{Delivery, Node, Settings, StartError};
pub use telemetry::describe;

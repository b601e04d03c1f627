//! The SDK: QUIC connections whose client hops from address to address.
//!
//! Each connection has a [`quinn::Endpoint`] of its own. A hop changes source address, UDP port and connection ID together,
//! so that an observer sees unrelated flows; if it cannot, it does not happen and says why ([`Refusal`]).
//!
//! ```no_run
//! # async fn example(tls: rustls::ClientConfig) -> Result<(), Box<dyn std::error::Error>> {
//! use mimiq_agent::sdk::{Agent, Connector, Padding};
//!
//! let agent = Agent::connect("/run/mimiq/agent.sock").await?;
//! let connector = Connector::new(agent, tls, Padding::Http3)?;
//! let hopping = connector.connect("[2001:db8::1]:443".parse()?, "example.org").await?;
//! let (mut send, mut receive) = hopping.connection().open_bi().await?;
//! send.write_all(b"question").await?;
//! send.finish()?;
//! tokio::time::sleep(mimiq_agent::sdk::EARLY).await; // so that path validation overlaps the reply
//! println!("now at {}", hopping.hop().await?);
//! let answer = receive.read_to_end(65536).await?;
//! # Ok(()) }
//! ```
//!
//! # What a hop costs
//! Until the server has validated the new path it may send three times what it got from there (RFC 9000 §8.1), so a bare hop
//! delays the next reply by one round trip. [`Padding`] buys that credit with two full-size packets; hopping [`EARLY`] after
//! a request lets the validation overlap the reply. Large transfers should hop between bursts: servers reset their congestion
//! window (RFC 9000 §9.4).
//!
//! # What it asks of the server
//! Migration (a server that sends `disable_active_migration` is never migrated), spare connection IDs in both directions,
//! and that it moves to a fresh connection ID when the client does (RFC 9000 §9.5); [`Stats::links_seen`] counts the times
//! that it did not.

mod agent;
mod class;
mod connector;
mod gate;
mod hopping;
mod http3;
mod ids;
mod ledger;
mod padding;
mod peer;
mod repeat;
mod session;
mod socket;

pub use agent::{Agent, AgentError, Lease};
pub use class::Class;
pub use connector::{ConnectError, Connector};
pub use gate::Refusal;
pub use hopping::{HopError, Hopping, Stats};
pub use http3::{Http3, Http3Error, Reply, Sender};
pub use padding::Padding;
pub use session::{Moved, Ride, Session, SessionError, SessionStats};

/// When to hop after a request was sent, if the reply is not there before.
pub const EARLY: std::time::Duration = std::time::Duration::from_millis(3);

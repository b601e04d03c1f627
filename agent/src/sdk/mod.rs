//! The SDK: QUIC connections whose client hops from address to address.
//!
//! A [`Session`] is a series of connections to one server, mostly of one: it hops where the server follows ([`Class`]), and lets
//! another connection take over where it does not. An application that uses quinn changes its constructor:
//!
//! ```no_run
//! # async fn example(tls: rustls::ClientConfig) -> Result<(), Box<dyn std::error::Error>> {
//! use mimiq_agent::sdk::{Agent, Connector, Padding};
//!
//! let agent = Agent::connect("/run/mimiq/agent.sock").await?;
//! let connector = Connector::new(agent, tls, Padding::None)?;
//! let session = connector.session("[2001:db8::1]:443".parse()?, "example.org").await?;
//! let connection = session.connection().await?; // a quinn::Connection; keep it until the reply is read
//! let (mut send, mut receive) = connection.open_bi().await?;
//! send.write_all(b"question").await?;
//! send.finish()?;
//! let answer = receive.read_to_end(65536).await?;
//! drop(connection);
//! session.hop().await?; // the next request leaves from another address
//! # Ok(()) }
//! ```
//!
//! [`Http3`] is an HTTP/3 client on a session. [`Hopping`] is the layer below, a single connection: each has a
//! [`quinn::Endpoint`] of its own, and a hop changes source address, UDP port and connection ID together, so that an observer sees
//! unrelated flows; if it cannot, it does not happen and says why ([`Refusal`]). It is for what must not change connections
//! (tunnels, long streams), with servers that are known to follow.
//!
//! # When it hops
//! When its [`Policy`](crate::policy::Policy) says so: the one that the agent's configuration has for this application and server, or
//! [`Connector::policy`]. By default that is never, and [`Session::hop`] and [`Hopping::hop`] may be called at any time, as above. A session
//! follows its policy whatever the server's class; a single connection stays where it is if the server forbids migration.
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
//! that it did not. A session finds out what a server puts up with while no request depends on it.

mod acks;
mod agent;
mod answers;
mod choice;
mod class;
mod connector;
mod follow;
mod frames;
mod gate;
mod group;
mod hopping;
mod http3;
mod ids;
mod ledger;
mod link;
mod meter;
mod padding;
mod peer;
mod repeat;
mod session;
mod socket;
mod stripes;
mod tally;
mod trail;

pub use agent::{Agent, AgentError, Lease, Outage};
pub use class::Class;
pub use connector::{ConnectError, Connector};
pub use gate::Refusal;
pub use hopping::{HopError, Hopping, Stats};
pub use http3::{Http3, Http3Error, Reply, Sender};
pub use padding::Padding;
pub use session::{Moved, Ride, Session, SessionError, SessionStats};
pub use stripes::{Download, DownloadError, Stripes};
pub(crate) use trail::{Arrival, Trail};

/// When to hop after a request was sent, if the reply is not there before.
pub const EARLY: std::time::Duration = std::time::Duration::from_millis(3);

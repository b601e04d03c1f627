//! What the daemon is told.

use std::net::IpAddr;
use std::time::Duration;

use mimiq_api::local::{AgentMessage, Choose, Report};
use tokio::sync::mpsc;

use crate::address::IpVersion;
use crate::stock::{AppId, Grant};

/// What happens to the daemon.
#[derive(Debug)]
pub enum Event {
    /// The session is there (again).
    Connected,
    /// There is no session at the moment.
    Disconnected,
    /// The allocation server granted a set.
    Granted(IpVersion, Grant),
    /// It did not.
    AcquireFailed {
        /// Of which version.
        version: IpVersion,
        /// How many addresses were asked for.
        asked: u32,
        /// When to ask again.
        retry_after: Duration,
        /// Whether to ask for fewer.
        smaller: bool,
        /// The reason's name in metrics.
        reason: &'static str,
        /// For people.
        message: String,
    },
    /// The allocation server took addresses away.
    Revoked(Vec<IpAddr>),
    /// The allocation server stops soon.
    Drain,
    /// An application connected; messages to it go there. (No more wait in it than the application holds addresses.)
    Opened(AppId, mpsc::UnboundedSender<AgentMessage>),
    /// An application wants an address.
    Take(AppId, IpVersion, Duration),
    /// An application gives one back.
    Return(AppId, IpAddr),
    /// An application asks for a policy.
    Choose(AppId, Choose),
    /// An application says what happened to a connection.
    Report(AppId, Report),
    /// Somebody wants to know how the agent is.
    GetStatus(AppId),
    /// An application holds these since before the daemon started.
    Reclaim(AppId, Vec<IpAddr>),
    /// An application's connection closed.
    Closed(AppId),
    /// The daemon is to stop, after what happened before.
    Stop,
}

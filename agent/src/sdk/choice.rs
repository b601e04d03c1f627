//! What is settled before a connection is opened: which policy it follows, and from which address it starts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mimiq_api::local::{Choose, agent_message::Message, app_request::Request};
use tokio::sync::Mutex;

use super::agent::{Agent, AgentError, Lease};
use super::connector::ConnectError;
use crate::address;
use crate::policy::Policy;

/// As many characters of a program's name as the agent takes.
const LONGEST_NAME: usize = 64;

/// The name of the running program.
pub(super) fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let name: String = name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

/// Asks the agent which policy a connection has to follow.
pub(super) async fn ask(
    agent: &Agent,
    application: &str,
    server: SocketAddr,
    server_name: &str,
) -> Result<Policy, ConnectError> {
    let choose = Choose {
        application: application.to_owned(),
        address: address::to_bytes(server.ip()),
        port: server.port().into(),
        server_name: server_name.to_owned(),
    };
    match agent.ask(Request::Choose(choose)).await? {
        Message::Chosen(chosen) => chosen.policy.parse().map_err(ConnectError::Policy),
        _ => Err(AgentError::Gone.into()),
    }
}

/// The addresses, one for each IP version, that connections share if they do not hop.
#[derive(Clone, Debug, Default)]
pub(super) struct Homes(Arc<Mutex<HashMap<u32, Arc<Lease>>>>);

impl Homes {
    /// The address that is there, or a fresh one if there is none or it ends.
    pub(super) async fn take(&self, agent: &Agent, version: u32, wait: Duration) -> Result<Arc<Lease>, AgentError> {
        let mut homes = self.0.lock().await;
        if let Some(lease) = homes.get(&version)
            && !*lease.expired().borrow()
            && lease.ends() > Instant::now()
        {
            return Ok(lease.clone());
        }
        let lease = Arc::new(agent.take(version, wait).await?);
        homes.insert(version, lease.clone());
        Ok(lease)
    }
}

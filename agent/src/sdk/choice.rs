//! What is settled before a connection is opened: which policy it follows, and from which address it starts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mimiq_api::local::{Choose, agent_message::Message, app_request::Request};
use tokio::sync::Mutex;

use super::agent::{Agent, AgentError, Lease, Outage};
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

/// Asks the agent which policy a connection has to follow, waiting for it up to `wait` if it is away.
pub(super) async fn ask(
    agent: &Agent,
    application: &str,
    (server, server_name): (SocketAddr, &str),
    wait: Duration,
) -> Result<Policy, ConnectError> {
    let deadline = tokio::time::Instant::now() + wait;
    let choose = Choose {
        application: application.to_owned(),
        address: address::to_bytes(server.ip()),
        port: server.port().into(),
        server_name: server_name.to_owned(),
    };
    loop {
        match agent.ask(Request::Choose(choose.clone())).await {
            Ok(Message::Chosen(chosen)) => return chosen.policy.parse().map_err(ConnectError::Policy),
            Err(AgentError::Gone) if tokio::time::Instant::now() < deadline => {
                let mut outage = agent.outage();
                let back = outage.wait_for(|outage| *outage != Some(Outage::AgentAway));
                if !matches!(tokio::time::timeout_at(deadline, back).await, Ok(Ok(_))) {
                    return Err(AgentError::Gone.into());
                }
            }
            Ok(_) => return Err(AgentError::Gone.into()),
            Err(error) => return Err(error.into()),
        }
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

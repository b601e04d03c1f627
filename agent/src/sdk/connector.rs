//! Opens connections that can hop.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig};

use super::acks::{Acks, Listening};
use super::agent::{Agent, AgentError};
use super::choice::{self, Homes};
use super::class::Memory;
use super::follow::Following;
use super::hopping::{Hopping, Parts};
use super::ids::{Issued, ResetTokens};
use super::padding::Padding;
use super::peer::Peer;
use super::session::Session;
use super::socket::Sockets;
use crate::policy::Policy;

/// How long a new connection waits for its first address.
const FIRST_ADDRESS_WAIT: Duration = Duration::from_secs(5);
/// UDP and IP headers, bytes.
const HEADERS: [u16; 2] = [28, 48];

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No address to start from.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The agent named a policy that this SDK does not know.
    #[error("agent: {0}")]
    Policy(String),
    /// The address cannot be bound.
    #[error("socket: {0}")]
    Socket(#[from] io::Error),
    /// QUIC cannot start.
    #[error(transparent)]
    Start(#[from] quinn::ConnectError),
    /// The handshake failed.
    #[error(transparent)]
    Connection(#[from] quinn::ConnectionError),
}

/// Opens connections; each has its own endpoint and starts from an address of its own. Clones share what they learn of servers.
#[derive(Clone)]
pub struct Connector {
    agent: Agent,
    memory: Arc<Mutex<Memory>>,
    tls: Arc<QuicClientConfig>,
    padding: Padding,
    application: String,
    policy: Option<Policy>,
    homes: Homes,
}

impl Connector {
    /// Connections will use these TLS settings (with ALPN), but resume no TLS session: a ticket that was given to one address
    /// and comes back from another links the two.
    ///
    /// # Errors
    /// If the TLS settings lack the cipher suite of QUIC's initial packets.
    pub fn new(agent: Agent, mut tls: rustls::ClientConfig, padding: Padding) -> Result<Self, NoInitialCipherSuite> {
        tls.resumption = rustls::client::Resumption::disabled();
        let tls = Arc::new(QuicClientConfig::try_from(tls)?);
        let (memory, application, homes) = (Arc::default(), choice::program(), Homes::default());
        Ok(Self { agent, memory, tls, padding, application, policy: None, homes })
    }

    /// Connects from a fresh address; the session changes addresses as the server allows.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn session(&self, server: SocketAddr, server_name: &str) -> Result<Session, ConnectError> {
        Session::open(self.clone(), server, server_name).await
    }

    /// What is known of servers.
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the application calls itself towards the agent, whose configuration may give it a policy of its own, and whose
    /// status shows it: 1 to 64 characters. Without this it is the program's name.
    #[must_use]
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = name.into();
        self
    }

    /// Connections will follow this policy. Without this the agent is asked for one whenever a connection is opened.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Connects from a fresh address of the server's IP version, or, if the policy is [`Policy::Never`], from the one that the
    /// connector has already.
    ///
    /// # Errors
    /// If the agent does not say which policy to follow, there is no address, or the server cannot be reached or does not prove its name.
    pub async fn connect(&self, server: SocketAddr, server_name: &str) -> Result<Hopping, ConnectError> {
        let version = if server.is_ipv6() { 6 } else { 4 };
        let policy = match self.policy {
            Some(policy) => policy,
            None => choice::ask(&self.agent, &self.application, (server, server_name), FIRST_ADDRESS_WAIT).await?,
        };
        let lease = match policy {
            Policy::Never => self.homes.take(&self.agent, version, FIRST_ADDRESS_WAIT).await?,
            _ => self.agent.take(version, FIRST_ADDRESS_WAIT).await?.into(),
        };
        let mut transport = quinn::TransportConfig::default();
        let room = u16::try_from(lease.mtu()).unwrap_or(u16::MAX).saturating_sub(HEADERS[usize::from(version == 6)]);
        let mut discovery = quinn::MtuDiscoveryConfig::default();
        discovery.upper_bound(room.clamp(1200, 1452));
        transport.mtu_discovery_config(Some(discovery));
        let acks = Acks::default();
        transport.congestion_controller_factory(Arc::new(Listening::new(acks.clone())));

        let (issued, resets) = (Issued::default(), ResetTokens::default());
        let mut endpoint_config = quinn::EndpointConfig::new(Arc::new(resets.clone()));
        let generator = issued.clone();
        endpoint_config.cid_generator(move || generator.generator());

        let sockets = Sockets::new(resets);
        let socket = sockets.add(lease)?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let endpoint = quinn::Endpoint::new_with_abstract_socket(endpoint_config, None, Arc::new(socket), runtime)?;

        let peer = Peer::default();
        // Its store of address validation tokens (RFC 9000 §8.1.3) is its own, so that none is used for another connection.
        let mut config = quinn::ClientConfig::new(peer.watch(self.tls.clone()));
        config.transport_config(Arc::new(transport));
        let connection = endpoint.connect_with(config, server, server_name)?.await?;
        let (agent, padding) = (self.agent.clone(), self.padding);
        let following = Following { application: self.application.clone(), policy };
        Ok(Hopping::start(
            Parts { agent, padding, version, connection, endpoint, sockets, issued, acks, peer },
            following,
        ))
    }
}

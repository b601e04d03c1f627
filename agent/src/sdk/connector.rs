//! Opens connections that can hop.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quinn::congestion::{ControllerFactory, CubicConfig};
use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig};
use tokio::sync::Notify;

use super::acks::{Acks, Congestion, Listening};
use super::agent::{Agent, AgentError};
use super::answers::Answers;
use super::choice::{self, Homes};
use super::class::Memory;
use super::follow::{self, Following, Mover};
use super::group::Group;
use super::hopping::{Hopping, Parts};
use super::ids::{Issued, ResetTokens};
use super::padding::Padding;
use super::peer::Peer;
use super::session::Session;
use super::socket::{Ports, Sockets};
use crate::policy::Policy;

/// How long a new connection waits for its first address.
const FIRST_ADDRESS_WAIT: Duration = Duration::from_secs(5);
/// UDP payload that every path for QUIC carries (RFC 9000 §14), and the largest that is tried, bytes.
const SMALLEST: u16 = 1200;
const LARGEST: u16 = 1452;
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
    /// UDP payload of the first packets, bytes.
    first_packets: u16,
    congestion: Congestion,
    /// Who owns the connections makes their hops.
    by_hand: bool,
    homes: Homes,
    ports: Ports,
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
        let (by_hand, ports) = (false, Ports::default());
        Ok(Self {
            agent,
            memory,
            tls,
            padding,
            application,
            policy: None,
            first_packets: SMALLEST,
            congestion: Arc::new(CubicConfig::default()),
            by_hand,
            homes,
            ports,
        })
    }

    /// Connects; the session changes addresses when its policy says so, and as the server allows. With [`Policy::Never`] its
    /// connections share one address with all others of this connector.
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

    /// Sessions and connections will follow this policy. Without this the agent is asked for one whenever one is opened.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Congestion will be controlled in this way. Without this it is by CUBIC (RFC 9438).
    #[must_use]
    pub fn congestion(mut self, control: Arc<dyn ControllerFactory + Send + Sync>) -> Self {
        self.congestion = control;
        self
    }

    /// For a server that is known to be reached with larger packets than those of 1200 bytes that QUIC begins with: UDP payload of the
    /// first packets, bytes, as far as the address allows it. If they get lost, QUIC goes back to 1200.
    pub(crate) fn first_packets(mut self, bytes: u16) -> Self {
        self.first_packets = bytes;
        self
    }

    /// The connections' owner hops by the policy, and they do not.
    pub(crate) fn by_hand(mut self) -> Self {
        self.by_hand = true;
        self
    }

    /// A single connection, for applications that want to know which one they have: it starts from a fresh address of the server's
    /// IP version, or, if the policy is [`Policy::Never`], from the one that the connector has already. It hops as the policy
    /// says, whatever the server's class, and never gives way to another: see [`Self::session`] for that.
    ///
    /// # Errors
    /// If the agent does not say which policy to follow, there is no address, or the server cannot be reached or does not prove its name.
    pub async fn connect(&self, server: SocketAddr, server_name: &str) -> Result<Hopping, ConnectError> {
        let policy = self.choose(server, server_name).await?;
        let group = Group::new(Arc::default());
        let hopping = self.open((server, server_name), policy == Policy::Never, &group.traffic).await?;
        group.add(&hopping, Arc::new(true.into()));
        self.follow(policy, group.into(), Mover::Connection(hopping.inner().clone()));
        Ok(hopping)
    }

    /// The policy for connections to this server.
    pub(super) async fn choose(&self, server: SocketAddr, server_name: &str) -> Result<Policy, ConnectError> {
        match self.policy {
            Some(policy) => Ok(policy),
            None => choice::ask(&self.agent, &self.application, (server, server_name), FIRST_ADDRESS_WAIT).await,
        }
    }

    /// Makes `mover` follow it.
    pub(super) fn follow(&self, policy: Policy, group: Arc<Group>, mover: Mover) {
        let (agent, application) = (self.agent.clone(), self.application.clone());
        tokio::spawn(follow::follow(Following { agent, application, policy, by_hand: self.by_hand, group, mover }));
    }

    /// A connection that hops when it is told to, from a fresh address, or from `home`. Its traffic is notified.
    pub(super) async fn open(
        &self,
        (server, server_name): (SocketAddr, &str),
        home: bool,
        traffic: &Arc<Notify>,
    ) -> Result<Hopping, ConnectError> {
        let version = if server.is_ipv6() { 6 } else { 4 };
        let lease = if home {
            self.homes.take(&self.agent, version, FIRST_ADDRESS_WAIT).await?
        } else {
            self.agent.take(version, FIRST_ADDRESS_WAIT).await?.into()
        };
        let mut transport = quinn::TransportConfig::default();
        let room = u16::try_from(lease.mtu()).unwrap_or(u16::MAX).saturating_sub(HEADERS[usize::from(version == 6)]);
        let mut discovery = quinn::MtuDiscoveryConfig::default();
        let largest = room.clamp(SMALLEST, LARGEST);
        discovery.upper_bound(largest);
        let acks = Acks::default();
        transport
            .mtu_discovery_config(Some(discovery))
            .initial_mtu(self.first_packets.min(largest))
            .congestion_controller_factory(Arc::new(Listening::new(self.congestion.clone(), acks.clone())));

        let (issued, resets) = (Issued::default(), ResetTokens::default());
        let mut endpoint_config = quinn::EndpointConfig::new(Arc::new(resets.clone()));
        let generator = issued.clone();
        endpoint_config.cid_generator(move || generator.generator());

        let sockets = Sockets::new(resets, traffic.clone(), self.ports.clone());
        let socket = sockets.add(lease)?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let endpoint = quinn::Endpoint::new_with_abstract_socket(endpoint_config, None, Arc::new(socket), runtime)?;

        let (peer, answers) = (Peer::default(), Answers::default());
        // Its store of address validation tokens (RFC 9000 §8.1.3) is its own, so that none is used for another connection.
        let mut config = quinn::ClientConfig::new(peer.watch(self.tls.clone(), answers.clone()));
        config.transport_config(Arc::new(transport));
        let connection = endpoint.connect_with(config, server, server_name)?.await?;
        let (agent, padding) = (self.agent.clone(), self.padding);
        Ok(Hopping::start(Parts {
            agent,
            padding,
            version,
            connection,
            endpoint,
            sockets,
            issued,
            acks,
            answers,
            peer,
        }))
    }
}

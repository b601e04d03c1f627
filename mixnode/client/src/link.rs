//! How a client reaches its provider.

mod departures;
mod rounds;
mod socket;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use mimiq_access::{ConstantRate, client_quic, client_tls};
use mimiq_agent::sdk::{Agent, ConnectError, Connector, Hopping, Padding};
use mimiq_directory::{Node, Role};
use quinn::{Connection, Endpoint, EndpointConfig, TokioRuntime};
use socket::RoundsSocket;

use self::departures::Departures;

/// Nobody sees the provider's name: its key counts.
const NAME: &str = "provider";
/// What the client calls itself towards the agent.
const APPLICATION: &str = "mimiq-mix";

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The node takes no clients.
    #[error("the node is no provider")]
    NoProvider,
    /// No socket can be bound, or no thread started.
    #[error("socket: {0}")]
    Socket(#[from] io::Error),
    /// Keys that cannot be.
    #[error("keys: {0}")]
    Tls(#[from] rustls::Error),
    /// QUIC's cipher suite is missing.
    #[error(transparent)]
    Quic(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
    /// The connection does not begin.
    #[error(transparent)]
    Start(#[from] quinn::ConnectError),
    /// The handshake failed.
    #[error(transparent)]
    Connection(#[from] quinn::ConnectionError),
    /// The agent gives no address, or the server cannot be reached through it.
    #[error(transparent)]
    Agent(#[from] ConnectError),
}

/// By which way.
#[derive(Clone)]
pub enum Link {
    /// From the host's own address. Packets are made a few at a time, and each leaves when it should.
    Plain,
    /// The same from sockets that other clients of the process have as well. Packets are made when they leave.
    Shared(Arc<Endpoints>),
    /// Through the agent of MIMIQ: from an address that changes as the agent's policy for `mimiq-mix` says.
    Agent(Agent),
}

/// One for each version of IP. Clients of one process share them.
pub struct Endpoints {
    v4: Endpoint,
    v6: Option<Endpoint>,
}

/// A connection, and what must live as long.
pub(crate) struct Linked {
    pub(crate) connection: Connection,
    /// What holds packets back until their time.
    pub(crate) departures: Option<Arc<Departures>>,
    _hopping: Option<Hopping>,
}

impl Link {
    /// For some clients of a process. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If no socket can be bound.
    pub fn shared() -> io::Result<Self> {
        let v4 = endpoint(RoundsSocket::bind((Ipv4Addr::UNSPECIFIED, 0).into())?)?;
        // Some hosts have no IPv6.
        let v6 = RoundsSocket::bind((Ipv6Addr::UNSPECIFIED, 0).into()).and_then(endpoint).ok();
        Ok(Self::Shared(Arc::new(Endpoints { v4, v6 })))
    }

    /// Connects a client to its provider, by the key that the directory has for it.
    pub(crate) async fn connect(&self, account: &[u8; 32], provider: &Node) -> Result<Linked, LinkError> {
        let Role::Provider { access, .. } = provider.role else { return Err(LinkError::NoProvider) };
        let tls = client_tls(account, &provider.identity)?;
        match self {
            Self::Plain => {
                let any: IpAddr =
                    if access.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
                let (socket, departures) = RoundsSocket::with_departures((any, 0).into())?;
                let connection = endpoint(socket)?.connect_with(client_quic(tls)?, access, NAME)?.await?;
                Ok(Linked { connection, departures: Some(departures), _hopping: None })
            }
            Self::Shared(endpoints) => {
                let connection = endpoints.to(&access).connect_with(client_quic(tls)?, access, NAME)?.await?;
                Ok(Linked { connection, departures: None, _hopping: None })
            }
            Self::Agent(agent) => {
                let connector = Connector::new(agent.clone(), tls, Padding::None)?
                    .application(APPLICATION)
                    .congestion(Arc::new(ConstantRate));
                let hopping = connector.connect(access, NAME).await?;
                Ok(Linked { connection: hopping.connection().clone(), departures: None, _hopping: Some(hopping) })
            }
        }
    }
}

fn endpoint(socket: RoundsSocket) -> io::Result<Endpoint> {
    Endpoint::new_with_abstract_socket(EndpointConfig::default(), None, Arc::new(socket), Arc::new(TokioRuntime))
}

impl Endpoints {
    fn to(&self, address: &SocketAddr) -> &Endpoint {
        match &self.v6 {
            Some(v6) if address.is_ipv6() => v6,
            _ => &self.v4,
        }
    }
}

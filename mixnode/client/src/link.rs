//! How a client reaches its provider.

mod rounds;
mod socket;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use mimiq_access::{client_quic, client_tls};
use mimiq_agent::sdk::{Agent, ConnectError, Connector, Hopping, Padding};
use mimiq_directory::{Node, Role};
use quinn::{Connection, Endpoint, EndpointConfig, TokioRuntime};
use socket::RoundsSocket;

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
    /// From the host's own address.
    Plain(Arc<Endpoints>),
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
    _hopping: Option<Hopping>,
}

impl Link {
    /// From the host's own addresses. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If no socket can be bound.
    pub fn plain() -> io::Result<Self> {
        let endpoint = |address| {
            let socket = Arc::new(RoundsSocket::bind(address)?);
            Endpoint::new_with_abstract_socket(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime))
        };
        let v4 = endpoint((Ipv4Addr::UNSPECIFIED, 0).into())?;
        // Some hosts have no IPv6.
        let v6 = endpoint((Ipv6Addr::UNSPECIFIED, 0).into()).ok();
        Ok(Self::Plain(Arc::new(Endpoints { v4, v6 })))
    }

    /// Connects a client to its provider, by the key that the directory has for it.
    pub(crate) async fn connect(&self, account: &[u8; 32], provider: &Node) -> Result<Linked, LinkError> {
        let Role::Provider { access, .. } = provider.role else { return Err(LinkError::NoProvider) };
        let tls = client_tls(account, &provider.identity)?;
        match self {
            Self::Plain(endpoints) => {
                let endpoint = endpoints.to(&access);
                let connection = endpoint.connect_with(client_quic(tls)?, access, NAME)?.await?;
                Ok(Linked { connection, _hopping: None })
            }
            Self::Agent(agent) => {
                let connector = Connector::new(agent.clone(), tls, Padding::None)?.application(APPLICATION);
                let hopping = connector.connect(access, NAME).await?;
                Ok(Linked { connection: hopping.connection().clone(), _hopping: Some(hopping) })
            }
        }
    }
}

impl Endpoints {
    fn to(&self, address: &SocketAddr) -> &Endpoint {
        match &self.v6 {
            Some(v6) if address.is_ipv6() => v6,
            _ => &self.v4,
        }
    }
}

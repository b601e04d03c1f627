//! The session with the allocation server: QUIC from the link-local address, one stream per request (MIMIQ §3.2).

use std::net::{IpAddr, Ipv6Addr, SocketAddrV6, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use mimiq_api::allocation::{
    self, Acquire, ClientRequest, Release, ServerPush, ServerReply, client_request, server_push, server_reply,
};
use mimiq_contract::wellknown::{CONTROL_PORT, GATEWAY};
use prost::Message as _;
use quinn::crypto::rustls::QuicClientConfig;
use rand::Rng as _;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::address::{self, IpVersion};
use crate::config::Pki;
use crate::daemon::Event;
use crate::netlink::Netlink;
use crate::reply;

/// The name in the allocation server's certificate.
pub const SERVER_NAME: &str = "mimiq-controller";

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT_MS: u32 = 15_000;

/// What the daemon wants from the allocation server.
#[derive(Debug)]
pub enum Request {
    /// A set of this many addresses.
    Acquire(IpVersion, u32),
    /// Give these back.
    Release(Vec<IpAddr>),
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A file of the `pki` section is of no use.
    #[error("pki.{field}: {path}: {problem}")]
    Pki {
        /// The field.
        field: &'static str,
        /// Its value.
        path: String,
        /// What is wrong with the file.
        problem: String,
    },
    /// TLS cannot be set up.
    #[error("pki: {0}")]
    Tls(#[from] rustls::Error),
    /// No interface or no link-local address yet.
    #[error("interface: {0}: no usable IPv6 link-local address")]
    NoLinkLocal(String),
    /// The kernel refused.
    #[error(transparent)]
    Netlink(#[from] crate::netlink::NetlinkError),
    /// The socket failed.
    #[error("control socket: {0}")]
    Io(#[from] std::io::Error),
    /// QUIC cannot start a connection.
    #[error("control session: {0}")]
    Connect(#[from] quinn::ConnectError),
    /// The connection failed.
    #[error("control session: {0}")]
    Connection(#[from] quinn::ConnectionError),
}

/// Reads the PKI files and makes the QUIC configuration of them.
///
/// # Errors
/// If a file cannot be read, holds no such object, or certificate and key do not match.
pub fn client_config(pki: &Pki) -> Result<quinn::ClientConfig, SessionError> {
    let fault = |field, path: &std::path::Path, problem: &dyn ToString| SessionError::Pki {
        field,
        path: path.display().to_string(),
        problem: problem.to_string(),
    };
    let certificates = |field, path: &std::path::Path| {
        let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        match found {
            Ok(found) if found.is_empty() => Err(fault(field, path, &"no certificate in it")),
            Ok(found) => Ok(found),
            Err(error) => Err(fault(field, path, &error)),
        }
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates("ca", &pki.ca)? {
        roots.add(certificate).map_err(|error| fault("ca", &pki.ca, &error))?;
    }
    let chain = certificates("certificate", &pki.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&pki.key).map_err(|error| fault("key", &pki.key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    tls.alpn_protocols = vec![allocation::ALPN.to_vec()];
    let crypto = QuicClientConfig::try_from(tls).map_err(|error| fault("certificate", &pki.certificate, &error))?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    let mut transport = quinn::TransportConfig::default();
    // The relay wraps each frame: initial packets of 1200 bytes fit every fabric, larger ones may not.
    transport.mtu_discovery_config(None);
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    transport.max_idle_timeout(Some(quinn::VarInt::from_u32(IDLE_TIMEOUT_MS).into()));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// Keeps the session, reconnecting with backoff, until `stop` is dropped and the requests before that are done.
pub async fn run(
    interface: String,
    config: quinn::ClientConfig,
    netlink: Netlink,
    mut requests: mpsc::UnboundedReceiver<Request>,
    events: mpsc::Sender<Event>,
    mut stop: watch::Receiver<()>,
) {
    let mut backoff = FIRST_BACKOFF;
    loop {
        let connected = tokio::select! {
            connected = connect(&interface, &config, &netlink) => connected,
            () = dropped(&mut stop) => return,
        };
        match connected {
            Ok((endpoint, connection)) => {
                backoff = FIRST_BACKOFF;
                metrics::counter!("mimiq_agent_sessions_total").increment(1);
                tracing::info!("session with the allocation server");
                if events.send(Event::Connected).await.is_err() {
                    return;
                }
                let stopped = serve(&connection, &mut requests, &events).await;
                connection.close(quinn::VarInt::from_u32(0), b"");
                if stopped {
                    endpoint.wait_idle().await;
                    return;
                }
                tracing::warn!("lost the session with the allocation server; living on the stock");
            }
            Err(error) => tracing::info!(%error, "no session with the allocation server yet"),
        }
        if events.send(Event::Disconnected).await.is_err() {
            return;
        }
        let pause = backoff.mul_f64(rand::rng().random_range(0.5..1.5));
        backoff = (backoff * 2).min(LAST_BACKOFF);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = dropped(&mut stop) => return,
        }
    }
}

async fn dropped(stop: &mut watch::Receiver<()>) {
    while stop.changed().await.is_ok() {}
}

/// One attempt to make a session.
pub(crate) async fn connect(
    interface: &str,
    config: &quinn::ClientConfig,
    netlink: &Netlink,
) -> Result<(quinn::Endpoint, quinn::Connection), SessionError> {
    let Some((index, address)) = netlink.link_local(interface).await? else {
        return Err(SessionError::NoLinkLocal(interface.to_owned()));
    };
    let at = |address: Ipv6Addr, port| SocketAddrV6::new(address, port, 0, index);
    let socket = UdpSocket::bind(at(address, 0))?;
    let runtime = Arc::new(quinn::TokioRuntime);
    let endpoint = quinn::Endpoint::new(quinn::EndpointConfig::default(), None, socket, runtime)?;
    let gateway = at(GATEWAY, CONTROL_PORT).into();
    let connection = endpoint.connect_with(config.clone(), gateway, SERVER_NAME)?.await?;
    Ok((endpoint, connection))
}

/// Serves one connection; true if the daemon stops, false if the connection ended.
async fn serve(
    connection: &quinn::Connection,
    requests: &mut mpsc::UnboundedReceiver<Request>,
    events: &mpsc::Sender<Event>,
) -> bool {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(request) => {
                    tasks.spawn(ask(connection.clone(), request, events.clone()));
                }
                None => {
                    while tasks.join_next().await.is_some() {}
                    return true;
                }
            },
            push = connection.accept_uni() => match push {
                Ok(stream) => {
                    tasks.spawn(receive_push(stream, events.clone()));
                }
                Err(error) => {
                    tracing::info!(%error, "the session ended");
                    while tasks.join_next().await.is_some() {}
                    return false;
                }
            },
            Some(_) = tasks.join_next() => {}
        }
    }
}

async fn ask(connection: quinn::Connection, request: Request, events: mpsc::Sender<Event>) {
    match request {
        Request::Acquire(version, count) => {
            metrics::counter!("mimiq_agent_acquires_total").increment(1);
            let (ipv6, ipv4) = match version {
                IpVersion::V6 => (count, 0),
                IpVersion::V4 => (0, count),
            };
            let acquire = client_request::Request::Acquire(Acquire { ipv6, ipv4 });
            let event = match exchange(&connection, acquire).await {
                Ok(reply) => reply::granted(reply, version, count),
                Err(error) => Event::AcquireFailed {
                    version,
                    asked: count,
                    retry_after: FIRST_BACKOFF,
                    smaller: false,
                    reason: "session",
                    message: error.to_string(),
                },
            };
            // The daemon is gone only when the process ends.
            let _ = events.send(event).await;
        }
        Request::Release(addresses) => {
            let addresses = addresses.iter().map(|address| address::to_bytes(*address)).collect();
            let release = client_request::Request::Release(Release { addresses });
            match exchange(&connection, release).await {
                Ok(ServerReply { reply: Some(server_reply::Reply::Released(_)) }) => {}
                Ok(reply) => {
                    tracing::warn!("the allocation server did not take addresses back");
                    // It may contain addresses.
                    tracing::debug!(?reply, "instead of taking addresses back");
                }
                // They end by themselves.
                Err(error) => tracing::info!(%error, "addresses were not released"),
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum ExchangeError {
    #[error("no answer within {REQUEST_TIMEOUT:?}")]
    Timeout,
    #[error(transparent)]
    Connection(#[from] quinn::ConnectionError),
    #[error(transparent)]
    Write(#[from] quinn::WriteError),
    #[error(transparent)]
    Closed(#[from] quinn::ClosedStream),
    #[error(transparent)]
    Read(#[from] quinn::ReadToEndError),
    #[error("reply: {0}")]
    Malformed(#[from] prost::DecodeError),
}

async fn exchange(
    connection: &quinn::Connection,
    request: client_request::Request,
) -> Result<ServerReply, ExchangeError> {
    let message = ClientRequest { request: Some(request) }.encode_to_vec();
    let reply = async {
        let (mut send, mut receive) = connection.open_bi().await?;
        send.write_all(&message).await?;
        send.finish()?;
        let bytes = receive.read_to_end(allocation::MAX_MESSAGE).await?;
        Ok(ServerReply::decode(bytes.as_slice())?)
    };
    tokio::time::timeout(REQUEST_TIMEOUT, reply).await.unwrap_or(Err(ExchangeError::Timeout))
}

async fn receive_push(mut stream: quinn::RecvStream, events: mpsc::Sender<Event>) {
    let Ok(bytes) = stream.read_to_end(allocation::MAX_MESSAGE).await else { return };
    let event = match ServerPush::decode(bytes.as_slice()) {
        Ok(ServerPush { push: Some(server_push::Push::Revoke(revoke)) }) => {
            Event::Revoked(revoke.addresses.iter().filter_map(|bytes| address::from_bytes(bytes)).collect())
        }
        Ok(ServerPush { push: Some(server_push::Push::Drain(_)) }) => Event::Drain,
        Ok(ServerPush { push: None }) | Err(_) => {
            metrics::counter!("mimiq_agent_refusals_total", "reason" => "malformed_push").increment(1);
            tracing::warn!(bytes = bytes.len(), "a push that is not understood");
            return;
        }
    };
    let _ = events.send(event).await;
}

//! A proxy for the applications of this host that know nothing of mimiq: SOCKS5 (RFC 1928: CONNECT, UDP ASSOCIATE) and HTTP.
//! What they send rides in connections to an exit that hop.

mod carry;
mod config;
mod error;
mod http;
mod link;
mod pipe;
mod pool;
mod socks;
mod udp;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub use config::{ExitConfig, ProxyConfig};
pub use error::ProxyError;

use pool::Pool;
use socks::{Reply, Request, SocksError};

/// For an application to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// Applications' connections at a time, of each kind.
const MOST: usize = 1024;

/// A proxy that listens.
pub struct Proxy {
    pool: Arc<Pool>,
    socks: Option<TcpListener>,
    http: Option<TcpListener>,
}

/// What a proxy did so far.
#[derive(Clone)]
pub struct ProxyStats(Arc<Pool>);

impl ProxyStats {
    /// How often the connections to the exit that are there have hopped.
    pub async fn hops(&self) -> u64 {
        self.0.hops().await
    }
}

impl Proxy {
    /// Listens. Addresses come from the agent at this Unix socket, when they are needed. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If something that the configuration names is of no use.
    pub fn start(config: &ProxyConfig, agent: &Path) -> Result<Self, ProxyError> {
        let pool = Arc::new(Pool::new(config.clone(), agent.to_owned())?);
        let socks = config.socks.map(|address| listen("proxy.socks", address)).transpose()?;
        let http = config.http.map(|address| listen("proxy.http", address)).transpose()?;
        Ok(Self { pool, socks, http })
    }

    /// Whether the files that the configuration names can be used.
    ///
    /// # Errors
    /// If one cannot.
    pub fn check(config: &ProxyConfig) -> Result<(), ProxyError> {
        Pool::new(config.clone(), std::path::PathBuf::new()).map(|_| ())
    }

    /// Where SOCKS5 is spoken.
    #[must_use]
    pub fn socks(&self) -> Option<SocketAddr> {
        self.socks.as_ref()?.local_addr().ok()
    }

    /// Where HTTP is spoken.
    #[must_use]
    pub fn http(&self) -> Option<SocketAddr> {
        self.http.as_ref()?.local_addr().ok()
    }

    /// To be asked while it runs.
    #[must_use]
    pub fn stats(&self) -> ProxyStats {
        ProxyStats(self.pool.clone())
    }

    /// Serves until it is dropped; then all tunnels end.
    pub async fn run(self) {
        let (pool, other) = (self.pool.clone(), self.pool.clone());
        tokio::join!(
            accept(self.socks, move |stream| socks5(pool.clone(), stream)),
            accept(self.http, move |stream| http::serve(other.clone(), stream)),
        );
    }
}

fn listen(field: &'static str, address: SocketAddr) -> Result<TcpListener, ProxyError> {
    let wrong = |source| ProxyError::Listen { field, address, source };
    let listener = std::net::TcpListener::bind(address).map_err(wrong)?;
    listener.set_nonblocking(true).map_err(wrong)?;
    TcpListener::from_std(listener).map_err(wrong)
}

async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: Option<TcpListener>,
    serve: impl Fn(TcpStream) -> F,
) {
    let Some(listener) = listener else { return };
    let room = Arc::new(Semaphore::new(MOST));
    let mut served = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let Ok(place) = room.clone().try_acquire_owned() else { continue };
                    let serving = serve(stream);
                    served.spawn(async move {
                        serving.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::error!(%error, "cannot accept an application at the proxy");
                    // Out of file descriptors: trying at once would spin.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = served.join_next() => {}
        }
    }
}

async fn socks5(pool: Arc<Pool>, mut stream: TcpStream) {
    let served = async move {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let request = match tokio::time::timeout(PATIENCE, socks::accept(&mut stream)).await {
            Ok(Ok(request)) => request,
            Ok(Err(error)) => {
                if let Some(reply) = error.reply() {
                    stream.write_all(&socks::reply(reply, nowhere)).await?;
                }
                return Err(error);
            }
            Err(_) => return Ok(()),
        };
        match request {
            Request::Connect(target) => match pool.tcp(&target).await {
                Ok(tunnel) => {
                    stream.write_all(&socks::reply(Reply::Succeeded, nowhere)).await?;
                    carry::tcp(stream, bytes::Bytes::new(), tunnel).await;
                }
                Err(error) => {
                    metrics::counter!("mimiq_agent_proxy_failures_total", "reason" => error.name()).increment(1);
                    tracing::debug!(%error, "no tunnel");
                    stream.write_all(&socks::reply(error.reply(), nowhere)).await?;
                }
            },
            Request::UdpAssociate => {
                let socket = UdpSocket::bind((stream.local_addr()?.ip(), 0)).await?;
                stream.write_all(&socks::reply(Reply::Succeeded, socket.local_addr()?)).await?;
                udp::serve(pool, stream, socket).await;
            }
        }
        Ok::<(), SocksError>(())
    };
    if let Err(error) = served.await {
        tracing::debug!(%error, "an application's SOCKS makes no sense, or it is gone");
    }
}

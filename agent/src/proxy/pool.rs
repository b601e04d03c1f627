//! The connections to the exit, and the tunnels in them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h3::client::RequestStream;
use h3::error::Code;
use h3::ext::Protocol;
use http::header::PROXY_AUTHORIZATION;
use http::{HeaderValue, Method, Request, Uri};
use mimiq_masque::{Flow, Target};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::config::ProxyConfig;
use super::error::{ProxyError, TunnelError, roots};
use super::link::{Link, Share};
use crate::get;

/// For the exit's answer: a little more than it takes an exit to find that there is none.
const PATIENCE: Duration = Duration::from_secs(15);
/// After a failure nobody tries again for so long.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) type Sending = RequestStream<h3_quinn::SendStream<Bytes>, Bytes>;
pub(crate) type Receiving = RequestStream<h3_quinn::RecvStream, Bytes>;
type Stream = RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>;

/// A TCP tunnel.
pub(crate) struct TcpTunnel {
    pub(crate) sending: Sending,
    pub(crate) receiving: Receiving,
    pub(crate) _share: Share,
}

/// A UDP tunnel.
pub(crate) struct UdpTunnel {
    pub(crate) flow: Flow,
    pub(crate) sending: Sending,
    pub(crate) receiving: Receiving,
    pub(crate) _share: Share,
}

/// Opens tunnels; opens connections as they are needed.
pub(crate) struct Pool {
    agent: PathBuf,
    config: ProxyConfig,
    tls: rustls::ClientConfig,
    authorization: HeaderValue,
    places: Vec<Mutex<Place>>,
    turn: AtomicUsize,
}

/// Where a connection is, or was.
#[derive(Default)]
struct Place {
    link: Option<Arc<Link>>,
    failed: Option<Instant>,
}

impl Pool {
    pub(crate) fn new(config: ProxyConfig, agent: PathBuf) -> Result<Self, ProxyError> {
        let path = &config.exit.token_file;
        let wrong = |problem: String| ProxyError::File(format!("token_file: {}: {problem}", path.display()));
        let token = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {}", token.trim())).map_err(|_| wrong("not a token".into()))?;
        authorization.set_sensitive(true);
        let tls = get::tls(roots(&config.exit.ca)?)?;
        let places = (0..config.connections).map(|_| Mutex::default()).collect();
        Ok(Self { agent, config, tls, authorization, places, turn: AtomicUsize::new(0) })
    }

    /// A tunnel for bytes.
    pub(crate) async fn tcp(&self, target: &Target) -> Result<TcpTunnel, TunnelError> {
        let uri = Uri::builder().authority(target.to_string()).build();
        let (share, stream) = self.request(uri.map_err(|_| TunnelError::Host)?, None).await?;
        let (stream, _) = answered(stream, None).await?;
        let (sending, receiving) = stream.split();
        metrics::counter!("mimiq_agent_proxy_tunnels_total", "kind" => "tcp").increment(1);
        Ok(TcpTunnel { sending, receiving, _share: share })
    }

    /// A tunnel for packets.
    pub(crate) async fn udp(&self, target: &Target) -> Result<UdpTunnel, TunnelError> {
        let authority = match self.config.exit.name.parse() {
            Ok(std::net::IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.config.exit.name.clone(),
        };
        let uri = Uri::builder().scheme("https").authority(authority).path_and_query(target.path()).build();
        let uri = uri.map_err(|_| TunnelError::Host)?;
        let (share, stream) = self.request(uri, Some(Protocol::CONNECT_UDP)).await?;
        let flow = share.link().flows.open(stream.id().into_inner());
        let (stream, flow) = answered(stream, Some(flow)).await?;
        let flow = flow.ok_or(TunnelError::NoExit)?;
        let (sending, receiving) = stream.split();
        metrics::counter!("mimiq_agent_proxy_tunnels_total", "kind" => "udp").increment(1);
        Ok(UdpTunnel { flow, sending, receiving, _share: share })
    }

    /// Hops of the connections that are there.
    pub(crate) async fn hops(&self) -> u64 {
        let mut hops = 0;
        for place in &self.places {
            hops += place.lock().await.link.as_ref().map_or(0, |link| link.hopping.stats().hops);
        }
        hops
    }

    /// Sends a request. A connection that turns out to be dead, or about to end, is replaced once.
    async fn request(&self, uri: Uri, protocol: Option<Protocol>) -> Result<(Share, Stream), TunnelError> {
        let mut again = true;
        loop {
            let share = self.share().await?;
            let mut request = Request::new(());
            *request.method_mut() = Method::CONNECT;
            *request.uri_mut() = uri.clone();
            request.headers_mut().insert(PROXY_AUTHORIZATION, self.authorization.clone());
            if let Some(protocol) = protocol {
                request.extensions_mut().insert(protocol);
                request.headers_mut().insert("capsule-protocol", HeaderValue::from_static("?1"));
            }
            let mut sender = share.link().sender.clone();
            match timeout(PATIENCE, sender.send_request(request)).await {
                Ok(Ok(stream)) => return Ok((share, stream)),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a connection to the exit takes no request");
                    share.link().retire();
                    if !std::mem::take(&mut again) {
                        return Err(TunnelError::NoExit);
                    }
                }
                Err(_) => return Err(TunnelError::Timeout),
            }
        }
    }

    /// A share in the connection with the fewest tunnels, counting one that is not there yet as one with none.
    async fn share(&self) -> Result<Share, TunnelError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut best = (usize::MAX, turn % self.places.len());
        for offset in 0..self.places.len() {
            let index = (turn + offset) % self.places.len();
            // One that is being opened has tunnels that wait for it.
            let tunnels = match self.places[index].try_lock() {
                Ok(place) => place.link.as_ref().map_or(0, |link| link.tunnels()),
                Err(_) => 1,
            };
            // Retired ones are replaced.
            let tunnels = if tunnels == usize::MAX { 0 } else { tunnels };
            if tunnels < best.0 {
                best = (tunnels, index);
            }
        }
        let mut place = self.places[best.1].lock().await;
        if let Some(share) = place.link.as_ref().and_then(Link::share) {
            return Ok(share);
        }
        place.link = None;
        if place.failed.is_some_and(|at| at.elapsed() < PAUSE) {
            return Err(TunnelError::NoExit);
        }
        let opened = Link::open(&self.agent, &self.config.exit, self.tls.clone()).await;
        match opened {
            Ok(link) => {
                let share = link.share().ok_or(TunnelError::NoExit);
                (place.link, place.failed) = (Some(link), None);
                share
            }
            Err(error) => {
                tracing::warn!(%error, "no connection to the exit");
                place.failed = Some(Instant::now());
                Err(TunnelError::NoExit)
            }
        }
    }
}

/// Waits for the exit's consent.
async fn answered(mut stream: Stream, flow: Option<Flow>) -> Result<(Stream, Option<Flow>), TunnelError> {
    let problem = match timeout(PATIENCE, stream.recv_response()).await {
        Ok(Ok(response)) if response.status().is_success() => return Ok((stream, flow)),
        Ok(Ok(response)) => TunnelError::from_response(response.status(), response.headers()),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the exit does not answer");
            TunnelError::NoExit
        }
        Err(_) => TunnelError::Timeout,
    };
    // What is dropped would look complete.
    stream.stop_stream(Code::H3_REQUEST_CANCELLED);
    Err(problem)
}

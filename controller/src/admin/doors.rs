use std::{
    collections::HashSet,
    io,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{
    Request, Status,
    transport::server::{TcpConnectInfo, TlsConnectInfo},
};

use crate::tls::{CertificateId, Holder};

/// Handshakes at a time.
const HANDSHAKES: usize = 32;
/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Before the next attempt when the system has no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// Who is let in to the admin API. Changes with the configuration, for connections that are there too.
#[derive(Default)]
pub(crate) struct Doors(RwLock<Option<Policy>>);

struct Policy {
    tls: Arc<rustls::ServerConfig>,
    revoked: HashSet<CertificateId>,
}

impl Doors {
    /// From now on those are let in whom this configuration lets in, and that are not revoked.
    pub(crate) fn set(&self, tls: rustls::ServerConfig, revoked: HashSet<CertificateId>) {
        let policy = Policy { tls: Arc::new(tls), revoked };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(policy);
    }

    fn tls(&self) -> Option<Arc<rustls::ServerConfig>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|policy| policy.tls.clone())
    }

    /// Accepts connections whose handshake succeeds.
    pub(super) fn incoming(
        self: Arc<Self>,
        listener: TcpListener,
    ) -> impl Stream<Item = io::Result<TlsStream<TcpStream>>> {
        let (sender, connections) = mpsc::channel(HANDSHAKES);
        tokio::spawn(async move {
            let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
            // Ends with whoever takes the connections.
            while !sender.is_closed() {
                let Ok(permit) = handshakes.clone().acquire_owned().await else { return };
                let stream = tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => stream,
                        Err(error) => {
                            tracing::warn!(%error, "admin: no connection accepted");
                            sleep(PAUSE).await;
                            continue;
                        }
                    },
                    () = sender.closed() => return,
                };
                let (doors, sender) = (self.clone(), sender.clone());
                tokio::spawn(async move {
                    let accepted = timeout(PATIENCE, doors.handshake(stream)).await;
                    drop(permit);
                    match accepted {
                        // Whoever takes them may be gone.
                        Ok(Ok(stream)) => drop(sender.send(Ok(stream)).await),
                        Ok(Err(error)) => tracing::info!(%error, "admin: handshake failed"),
                        Err(_) => tracing::info!("admin: handshake timed out"),
                    }
                });
            }
        });
        ReceiverStream::new(connections)
    }

    async fn handshake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let tls = self.tls().ok_or_else(|| io::Error::other("not configured yet"))?;
        stream.set_nodelay(true)?;
        TlsAcceptor::from(tls).accept(stream).await
    }

    /// Refuses requests on connections whose certificate was revoked since; notes whose the others are.
    pub(super) fn check(&self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let info = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>();
        let certificates = info.and_then(TlsConnectInfo::peer_certs);
        let operator = certificates.and_then(|chain| Holder::of(chain.first()?));
        let operator = operator.ok_or_else(|| Status::unauthenticated("no certificate"))?;
        let policy = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if policy.as_ref().is_none_or(|policy| policy.revoked.contains(&operator.certificate)) {
            return Err(Status::unauthenticated(format!("certificate of {}: is revoked", operator.name)));
        }
        request.extensions_mut().insert(Operator(operator.name.into()));
        Ok(request)
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Operator(Arc<str>);

impl Operator {
    /// Of this request; whoever got here has a name.
    pub(super) fn of<T>(request: &Request<T>) -> Arc<str> {
        request.extensions().get::<Self>().map(|operator| operator.0.clone()).unwrap_or_default()
    }
}

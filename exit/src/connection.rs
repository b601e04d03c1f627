//! One client's connection.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use h3_quinn::Connection as H3Quinn;
use mimiq_masque::Flows;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::limits::{Kind, Slot};
use crate::refusal::Refusal;
use crate::request;
use crate::server::Shared;

/// For the handshake, and for a request that is there to come with a valid token.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many requests without a valid token end a connection.
const STRIKES: u32 = 8;
/// Bytes of a request's header fields.
const LARGEST_HEADER: u64 = 16 * 1024;
/// `H3_NO_ERROR`, `H3_EXCESSIVE_LOAD`.
const NO_ERROR: u32 = 0x100;
const EXCESSIVE_LOAD: u32 = 0x107;

/// What the requests of a connection share.
pub(crate) struct Context {
    pub(crate) shared: Arc<Shared>,
    pub(crate) flows: Flows,
    /// Ends tunnels' beginnings, not tunnels.
    pub(crate) stopped: watch::Receiver<bool>,
    /// The place of the first user that was heard of.
    place: OnceLock<Result<Slot, Refusal>>,
    strikes: std::sync::atomic::AtomicU32,
    connection: quinn::Connection,
}

impl Context {
    /// A user has been recognised.
    pub(crate) fn admit(&self, user: &str) -> Result<(), Refusal> {
        let place = self.place.get_or_init(|| self.shared.usage.take(Kind::Connection, user));
        place.as_ref().map(|_| ()).map_err(|refusal| *refusal)
    }

    /// Somebody has not.
    pub(crate) fn strike(&self) {
        if self.strikes.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1 >= STRIKES {
            self.connection.close(EXCESSIVE_LOAD.into(), b"");
        }
    }

    fn admitted(&self) -> bool {
        matches!(self.place.get(), Some(Ok(_)))
    }
}

/// Serves it until it is closed. Metrics say how it ended.
pub(crate) async fn serve(shared: Arc<Shared>, incoming: quinn::Incoming, mut stopped: watch::Receiver<bool>) {
    let connection = match timeout(PATIENCE, async { incoming.accept()?.await }).await {
        Ok(Ok(connection)) => connection,
        _ => {
            metrics::counter!("mimiq_exit_connections_refused_total", "reason" => "handshake").increment(1);
            return;
        }
    };
    metrics::counter!("mimiq_exit_connections_total").increment(1);
    let mut builder = h3::server::builder();
    builder
        .enable_datagram(true)
        .enable_extended_connect(true)
        .send_grease(false)
        .max_field_section_size(LARGEST_HEADER);
    let Ok(Ok(mut h3)) = timeout(PATIENCE, builder.build::<_, Bytes>(H3Quinn::new(connection.clone()))).await else {
        metrics::counter!("mimiq_exit_connections_refused_total", "reason" => "http").increment(1);
        return;
    };
    let context = Arc::new(Context {
        shared,
        flows: Flows::start(connection.clone()),
        stopped: stopped.clone(),
        place: OnceLock::new(),
        strikes: 0.into(),
        connection: connection.clone(),
    });
    let mut requests = JoinSet::new();
    let stranger = tokio::time::sleep(PATIENCE);
    tokio::pin!(stranger);
    let (mut asked, mut draining) = (false, *stopped.borrow());
    loop {
        tokio::select! {
            resolver = h3.accept() => match resolver {
                Ok(Some(resolver)) => {
                    let context = context.clone();
                    requests.spawn(async move {
                        match timeout(PATIENCE, resolver.resolve_request()).await {
                            Ok(Ok((request, stream))) => request::serve(&context, &request, stream).await,
                            _ => metrics::counter!("mimiq_exit_malformed_requests_total").increment(1),
                        }
                    });
                }
                Ok(None) => break,
                Err(error) => {
                    // Also how connections end.
                    tracing::debug!(%error, "a connection ended");
                    break;
                }
            },
            Some(_) = requests.join_next() => {
                if draining && requests.is_empty() {
                    break;
                }
            }
            () = &mut stranger, if !asked => {
                asked = true;
                if !context.admitted() {
                    metrics::counter!("mimiq_exit_connections_refused_total", "reason" => "unauthorized").increment(1);
                    connection.close(NO_ERROR.into(), b"");
                }
            }
            () = told(&mut stopped), if !draining => {
                draining = true;
                if h3.shutdown(0).await.is_err() || requests.is_empty() {
                    break;
                }
            }
        }
    }
    // With the connection gone every tunnel fails, and resets its other side.
    if connection.close_reason().is_none() {
        connection.close(NO_ERROR.into(), b"");
    }
    while requests.join_next().await.is_some() {}
}

async fn told(stopped: &mut watch::Receiver<bool>) {
    // Nobody who could tell is left: that is the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

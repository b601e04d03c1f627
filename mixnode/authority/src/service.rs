//! What an authority answers: HTTP/1.1, nothing of which takes longer or is larger than it must.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use mimiq_directory::{Descriptor, DescriptorError, Unfit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::keeper::{Keeper, NotTaken, Page, StatePage};

/// The most connections at a time.
const MOST_CONNECTIONS: usize = 1024;
/// The longest that one lasts: nobody holds a place by reading slowly.
const LIFE: Duration = Duration::from_secs(60);
/// For a request to come, head and body.
const PATIENCE: Duration = Duration::from_secs(10);
/// For answers that are under way when the authority stops.
const DRAIN: Duration = Duration::from_secs(2);
/// A descriptor is refused before that, with a better message.
const MOST_BODY: usize = 32 << 10;

/// What all requests share.
pub(crate) struct Shared {
    keeper: Arc<Mutex<Keeper>>,
    state: StatePage,
}

impl Shared {
    pub(crate) fn new(keeper: Keeper) -> Arc<Self> {
        let state = keeper.state();
        Arc::new(Self { keeper: Arc::new(Mutex::new(keeper)), state })
    }

    /// Does something with the core and its files, which takes longer than a task may. Nothing if that panicked.
    pub(crate) async fn with<T: Send + 'static>(
        self: &Arc<Self>,
        act: impl FnOnce(&mut Keeper) -> T + Send + 'static,
    ) -> Option<T> {
        // Tasks wait, not threads.
        let mut keeper = self.keeper.clone().lock_owned().await;
        tokio::task::spawn_blocking(move || act(&mut keeper)).await.ok()
    }

    /// Waits for what a task that is gone has begun.
    pub(crate) async fn rest(&self) {
        drop(self.keeper.lock().await);
    }

    pub(crate) fn state(&self) -> Option<Page> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Answers until it is told to stop; then what is under way may end.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let routes = Router::new()
        .route("/v1/descriptors", get(descriptors).post(take))
        .route("/v1/proposal/{serial}", get(proposal))
        .route("/v1/state", get(state))
        .with_state(shared);
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            incoming = listener.accept() => {
                let (Ok((stream, _)), Ok(place)) = (incoming, room.clone().try_acquire_owned()) else {
                    metrics::counter!("mimiq_authority_connections_refused_total").increment(1);
                    // Without file descriptors the next one would be refused at once, and so on.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                };
                let (routes, stop) = (routes.clone(), stop.clone());
                connections.spawn(async move {
                    connection(stream, routes, stop).await;
                    drop(place);
                });
            }
            Some(_) = connections.join_next() => {}
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, routes: Router, mut stop: watch::Receiver<bool>) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    tokio::pin!(connection);
    // How a stranger's connection ended is of no interest.
    let stops = async { drop(stop.wait_for(|stop| *stop).await) };
    tokio::select! {
        _ = timeout(LIFE, connection.as_mut()) => {}
        () = stops => {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(DRAIN, connection).await;
        }
    }
}

const BROKEN: (StatusCode, &str) = (StatusCode::INTERNAL_SERVER_ERROR, "the authority is broken\n");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn page(page: Page, headers: &HeaderMap) -> Response {
    let tag = [(ETAG, page.tag.clone())];
    if headers.get(IF_NONE_MATCH) == Some(&page.tag) {
        return (StatusCode::NOT_MODIFIED, tag).into_response();
    }
    (tag, [(CONTENT_TYPE, JSON)], page.bytes).into_response()
}

async fn state(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    match shared.state() {
        Some(state) => page(state, &headers),
        None => (StatusCode::NOT_FOUND, "no state is published yet\n").into_response(),
    }
}

async fn descriptors(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    match shared.with(Keeper::descriptors).await {
        Some(descriptors) => page(descriptors, &headers),
        None => BROKEN.into_response(),
    }
}

async fn proposal(State(shared): State<Arc<Shared>>, Path(serial): Path<u64>) -> Response {
    match shared.with(move |keeper| keeper.proposal(serial)).await {
        Some(Some(proposal)) => ([(CONTENT_TYPE, JSON)], proposal).into_response(),
        Some(None) => {
            (StatusCode::NOT_FOUND, format!("serial: {serial} is not what was signed last\n")).into_response()
        }
        None => BROKEN.into_response(),
    }
}

async fn take(State(shared): State<Arc<Shared>>, body: Body) -> Response {
    let (status, outcome, text) = match read(body).await {
        Err((status, text)) => (status, "unread", text.to_owned()),
        Ok(descriptor) => match shared.with(move |keeper| keeper.learn(&descriptor)).await {
            Some(Ok(())) => (StatusCode::NO_CONTENT, "taken", String::new()),
            Some(Err(why)) => {
                let (status, outcome) = refusal(&why);
                if status.is_server_error() {
                    tracing::error!(%why, "a descriptor was not stored");
                }
                (status, outcome, format!("{why}\n"))
            }
            None => (BROKEN.0, "broken", BROKEN.1.to_owned()),
        },
    };
    metrics::counter!("mimiq_authority_descriptors_total", "outcome" => outcome).increment(1);
    (status, text).into_response()
}

async fn read(body: Body) -> Result<Descriptor, (StatusCode, String)> {
    let bytes = match timeout(PATIENCE, to_bytes(body, MOST_BODY)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Err((StatusCode::PAYLOAD_TOO_LARGE, format!("descriptor: {error}\n"))),
        Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, format!("descriptor: not here within {PATIENCE:?}\n"))),
    };
    let descriptor = serde_json::from_slice(&bytes).map_err(DescriptorError::Descriptor);
    descriptor.map_err(|why| (StatusCode::BAD_REQUEST, format!("{why}\n")))
}

fn refusal(why: &NotTaken) -> (StatusCode, &'static str) {
    match why {
        NotTaken::Unfit(Unfit::NotAdmitted(_) | Unfit::Misplaced { .. }) => (StatusCode::FORBIDDEN, "not_admitted"),
        NotTaken::Unfit(Unfit::Old { .. }) => (StatusCode::CONFLICT, "old"),
        NotTaken::Unfit(Unfit::Equivocation { .. }) => (StatusCode::CONFLICT, "equivocation"),
        NotTaken::Unfit(_) => (StatusCode::BAD_REQUEST, "malformed"),
        NotTaken::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "not_stored"),
    }
}

//! Plain HTTP for whoever watches: `/metrics` (Prometheus), `/live` and `/ready` (as Kubernetes and load balancers ask).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{net::TcpListener, task::spawn_blocking, time::timeout};

/// The core has answered within that or is stuck.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks the core why clients are not served as they should be; nothing if they are.
pub type NotReady = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// What the pages say.
#[derive(Clone)]
pub struct Pages {
    /// The metrics.
    pub metrics: PrometheusHandle,
    /// Brings them up to date, before they are shown.
    pub report: Arc<dyn Fn() + Send + Sync>,
    /// Why clients are not served.
    pub not_ready: NotReady,
}

/// Serves until it is dropped.
///
/// # Errors
/// If the listener fails for good.
pub async fn serve(listener: TcpListener, pages: Pages) -> std::io::Result<()> {
    let not_ready = pages.not_ready.clone();
    let routes = Router::new()
        .route("/metrics", get(render).with_state(pages))
        .route("/live", get(live).with_state(not_ready.clone()))
        .route("/ready", get(ready).with_state(not_ready));
    axum::serve(listener, routes).await
}

/// Listens at an address.
///
/// # Errors
/// If it cannot be bound.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn render(State(Pages { metrics, report, .. }): State<Pages>) -> Response {
    // What is known without the core is shown in any case.
    let _ = timeout(PATIENCE, spawn_blocking(move || report())).await;
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response()
}

/// `None` if the core does not answer.
async fn ask(not_ready: NotReady) -> Option<Vec<String>> {
    // The core is behind a lock: what waits for it must not hold up a worker of the runtime.
    timeout(PATIENCE, spawn_blocking(move || not_ready())).await.ok()?.ok()
}

async fn live(State(not_ready): State<NotReady>) -> (StatusCode, &'static str) {
    match ask(not_ready).await {
        Some(_) => (StatusCode::OK, "live\n"),
        None => (StatusCode::SERVICE_UNAVAILABLE, "the core does not answer\n"),
    }
}

async fn ready(State(not_ready): State<NotReady>) -> (StatusCode, String) {
    match ask(not_ready).await {
        Some(reasons) if reasons.is_empty() => (StatusCode::OK, "ready\n".into()),
        Some(reasons) => {
            (StatusCode::SERVICE_UNAVAILABLE, reasons.iter().map(|reason| format!("{reason}\n")).collect())
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, "the core does not answer\n".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    struct Server(SocketAddr);

    impl Server {
        async fn start(metrics: PrometheusHandle, not_ready: NotReady) -> Self {
            let listener = listen((std::net::Ipv4Addr::LOCALHOST, 0).into()).unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(serve(listener, Pages { metrics, report: Arc::new(|| ()), not_ready }));
            Self(address)
        }

        async fn get(&self, path: &str) -> (u16, String) {
            let mut stream = TcpStream::connect(self.0).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            (head.split(' ').nth(1).unwrap().parse().unwrap(), body.into())
        }
    }

    #[tokio::test]
    async fn live_while_the_core_answers_and_ready_without_reasons() {
        let reasons = Arc::new(Mutex::new(vec!["switch access1: not available".to_owned(), "another".to_owned()]));
        let core = reasons.clone();
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let server = Server::start(metrics, Arc::new(move || core.lock().unwrap().clone())).await;
        assert_eq!(server.get("/live").await, (200, "live\n".into()));
        assert_eq!(server.get("/ready").await, (503, "switch access1: not available\nanother\n".into()));
        reasons.lock().unwrap().clear();
        assert_eq!(server.get("/ready").await, (200, "ready\n".into()));
        assert_eq!(server.get("/nothing").await.0, 404);
        let (let_go, until) = std::sync::mpsc::channel::<()>();
        let (locked, is_locked) = tokio::sync::oneshot::channel();
        let holder = std::thread::spawn(move || {
            let _guard = reasons.lock().unwrap();
            locked.send(()).unwrap();
            until.recv()
        });
        is_locked.await.unwrap();
        for page in ["/live", "/ready"] {
            assert_eq!(server.get(page).await, (503, "the core does not answer\n".into()));
        }
        drop(let_go);
        holder.join().unwrap().unwrap_err();
        assert_eq!(server.get("/live").await.0, 200);
    }

    #[tokio::test]
    async fn metrics_have_help() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, crate::telemetry::describe);
        let server = Server::start(recorder.handle(), Arc::new(Vec::new)).await;
        let (status, page) = server.get("/metrics").await;
        assert_eq!(status, 200);
        let mut names = 0;
        for line in page.lines().filter(|line| line.starts_with("# TYPE ")) {
            let name = line.split(' ').nth(2).unwrap();
            assert!(page.contains(&format!("# HELP {name} ")), "{name}");
            names += 1;
        }
        assert!(names > 5, "{page}");
    }
}

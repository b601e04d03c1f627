//! A server that knows nothing of proxies: HTTP/1.1 on 127.0.0.1.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    /// What was sent last.
    pub(crate) uploaded: Arc<Mutex<Vec<u8>>>,
    /// The header fields of the last request.
    pub(crate) headers: Arc<Mutex<http::HeaderMap>>,
}

/// Bytes that show if one is missing or out of place.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// The objects that the page of a browser consists of.
pub(crate) const OBJECTS: usize = 60;
pub(crate) const IMAGES: usize = 20;

/// A page whose script asks for one object after the other and whose images must all be there before it is complete.
fn page() -> String {
    let images: String = (0..IMAGES).map(|number| format!("<img src=\"/image/{number}.svg\">\n")).collect();
    format!(
        "<!doctype html><title>start</title><body><script>
        let bytes = 0;
        for (let n = 0; n < {OBJECTS}; n++) {{
            const request = new XMLHttpRequest();
            request.open('GET', '/slow/1000?' + n, false);
            request.send();
            bytes += request.responseText.length;
        }}
        onload = () => {{
            const good = [...document.images].filter(image => image.naturalWidth == 7).length;
            document.title = bytes + ' bytes, ' + good + ' images';
        }};
        </script>\n{images}</body>"
    )
}

const IMAGE: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='7' height='7'><rect width='7' height='7'/></svg>";

impl Origin {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (uploaded, headers) = (Arc::new(Mutex::default()), Arc::new(Mutex::default()));
        let (kept, noted) = (uploaded.clone(), headers.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (kept, noted): (Arc<Mutex<Vec<u8>>>, Arc<Mutex<http::HeaderMap>>) = (kept.clone(), noted.clone());
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(move |request| {
                        let (kept, noted) = (kept.clone(), noted.clone());
                        async move { answer(request, &kept, &noted).await }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, uploaded, headers }
    }
}

async fn answer(
    request: Request<Incoming>,
    uploaded: &Mutex<Vec<u8>>,
    headers: &Mutex<http::HeaderMap>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    *headers.lock().unwrap() = request.headers().clone();
    let path = request.uri().path().to_owned();
    let last = path.rsplit('/').next().unwrap_or_default();
    if *request.method() != Method::GET {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        *uploaded.lock().unwrap() = body.to_vec();
        return Ok(Response::new(Full::default()));
    }
    if path.starts_with("/slow/") {
        // A server that has to think.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (kind, body) = match path.as_str() {
        "/page" => ("text/html", page().into_bytes()),
        path if path.starts_with("/image/") => ("image/svg+xml", IMAGE.as_bytes().to_vec()),
        path if path.starts_with("/slow/") => ("text/plain", vec![b'x'; last.parse().unwrap()]),
        _ => ("application/octet-stream", pattern(last.parse().unwrap_or(0))),
    };
    Ok(Response::builder().header("content-type", kind).body(Full::new(body.into())).unwrap())
}

//! quinn with h3, and one file of which parts can be had; with some ways that servers have.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h3::server::RequestStream;
use h3_quinn::quinn;
use http::{HeaderMap, Response, StatusCode, header};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::server::Identity;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ways {
    /// It sends `disable_active_migration`.
    pub(crate) forbids: bool,
    /// It knows nothing of parts.
    pub(crate) no_parts: bool,
    /// Its validator is weak.
    pub(crate) weak: bool,
    /// From the request with this number on it says that it is overloaded.
    pub(crate) overloaded_after: Option<usize>,
    /// Every other connection is closed at the request with this number.
    pub(crate) dies_after: Option<usize>,
    /// After so many requests in all the file is another one.
    pub(crate) changes_after: Option<usize>,
}

pub(crate) struct Files {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) died: Arc<AtomicUsize>,
}

struct Served {
    content: Bytes,
    ways: Ways,
    requests: AtomicUsize,
}

impl Files {
    pub(crate) fn start(identity: &Identity, content: Bytes, ways: Ways) -> Self {
        let chain = vec![CertificateDer::from_pem_file(identity.certificate()).unwrap()];
        let key = PrivateKeyDer::from_pem_file(identity.key()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        tls.alpn_protocols = vec![b"h3".to_vec()];
        let crypto = quinn::crypto::rustls::QuicServerConfig::try_from(tls).unwrap();
        let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
        config.migration(!ways.forbids);
        let endpoint = quinn::Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = endpoint.local_addr().unwrap();
        let (connections, died) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let served = Arc::new(Served { content, ways, requests: AtomicUsize::new(0) });
        let (count, deaths) = (connections.clone(), died.clone());
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                let (served, deaths) = (served.clone(), deaths.clone());
                let number = count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    if let Ok(connection) = incoming.await {
                        serve(connection, served, number, deaths).await;
                    }
                });
            }
        });
        Self { address, connections, died }
    }
}

async fn serve(quic: quinn::Connection, served: Arc<Served>, number: usize, died: Arc<AtomicUsize>) {
    let connection = h3_quinn::Connection::new(quic.clone());
    let Ok(mut connection) = h3::server::Connection::<_, Bytes>::new(connection).await else { return };
    let mut requests = 0;
    while let Ok(Some(resolver)) = connection.accept().await {
        requests += 1;
        if number % 2 == 1 && served.ways.dies_after == Some(requests) {
            died.fetch_add(1, Ordering::Relaxed);
            quic.close(7u32.into(), b"");
            return;
        }
        let served = served.clone();
        tokio::spawn(async move {
            if let Ok((request, stream)) = resolver.resolve_request().await {
                // Who asked may have enough, or be gone.
                let _ = answer(request.uri().path(), request.headers(), stream, &served).await;
            }
        });
    }
}

async fn answer(
    path: &str,
    headers: &HeaderMap,
    mut stream: RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>,
    served: &Served,
) -> Result<(), h3::error::StreamError> {
    let (number, ways) = (served.requests.fetch_add(1, Ordering::Relaxed), served.ways);
    let changed = ways.changes_after.is_some_and(|after| number >= after);
    let tag = match (changed, ways.weak) {
        (false, false) => "\"one\"",
        (false, true) => "W/\"one\"",
        (true, _) => "\"two\"",
    };
    let size = served.content.len();
    let range = headers.get(header::RANGE).filter(|_| !ways.no_parts);
    // A date would be another one as well.
    let range = range.filter(|_| headers.get(header::IF_RANGE).is_none_or(|wanted| wanted == tag));
    let (head, body) = if path != "/file.bin" {
        (Response::builder().status(StatusCode::NOT_FOUND), Bytes::new())
    } else if ways.overloaded_after.is_some_and(|after| number >= after) {
        (Response::builder().status(StatusCode::SERVICE_UNAVAILABLE), Bytes::new())
    } else if let Some(range) = range {
        let (first, last) = range.to_str().unwrap().strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let (first, end) = (first.parse().unwrap(), size.min(last.parse::<usize>().unwrap() + 1));
        let head = Response::builder().status(StatusCode::PARTIAL_CONTENT);
        let part = format!("bytes {first}-{}/{size}", end - 1);
        (head.header(header::CONTENT_RANGE, part), served.content.slice(first..end))
    } else {
        (Response::builder().header(header::CONTENT_LENGTH, size), served.content.clone())
    };
    stream.send_response(head.header(header::ETAG, tag).body(()).unwrap()).await?;
    stream.send_data(body).await?;
    stream.finish().await
}

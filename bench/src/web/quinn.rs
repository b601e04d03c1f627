//! quinn with h3: `/N` is N bytes, `/FILE` a file, of which parts can be had (RFC 9110 §14).

use std::{collections::HashMap, net::SocketAddr, sync::Arc, sync::mpsc, thread::JoinHandle};

use anyhow::Context as _;
use bytes::Bytes;
use h3::server::RequestStream;
use h3_quinn::quinn;
use http::{HeaderMap, Response, StatusCode, header};
use quinn::crypto::rustls::QuicServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::lab::Namespace;

type Files = Arc<HashMap<String, Bytes>>;

/// Of every file; they do not change.
const TAG: &str = "\"1\"";

/// Ends when dropped.
pub(super) struct Server {
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Server {
    /// Starts it inside and waits until it listens.
    pub(super) fn start(
        namespace: &Namespace,
        certificate: CertificateDer<'static>,
        key: Vec<u8>,
        address: SocketAddr,
        files: &[(&str, &[u8])],
    ) -> anyhow::Result<Self> {
        let key = PrivateKeyDer::try_from(key).map_err(anyhow::Error::msg)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        tls.alpn_protocols = vec![b"h3".to_vec()];
        let config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
        let files = files.iter().map(|(name, content)| (format!("/{name}"), Bytes::copy_from_slice(content)));
        let files: Files = Arc::new(files.collect());
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (listening, listens) = mpsc::channel();
        let thread = namespace.thread(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let endpoint = quinn::Endpoint::server(config, address)?;
                listening.send(())?;
                tokio::spawn(serve(endpoint, files));
                // An error means that the sender is gone: the same.
                let _ = stopped.await;
                Ok(())
            })
        })?;
        let mut server = Self { stop: Some(stop), thread: Some(thread) };
        if listens.recv().is_err() {
            server.join().context("server")?;
        }
        Ok(server)
    }

    fn join(&mut self) -> anyhow::Result<()> {
        self.stop = None;
        let end = self.thread.take().map(JoinHandle::join);
        end.transpose().map_err(|_| anyhow::anyhow!("the server's thread"))?.unwrap_or(Ok(()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.join() {
            eprintln!("server: {error:#}");
        }
    }
}

async fn serve(endpoint: quinn::Endpoint, files: Files) {
    while let Some(incoming) = endpoint.accept().await {
        let files = files.clone();
        tokio::spawn(async move {
            let connection = h3_quinn::Connection::new(incoming.await?);
            let mut connection = h3::server::Connection::<_, Bytes>::new(connection).await?;
            while let Some(resolver) = connection.accept().await? {
                let files = files.clone();
                tokio::spawn(async move {
                    let (request, stream) = resolver.resolve_request().await?;
                    answer(request.uri().path(), request.headers(), stream, &files).await
                });
            }
            anyhow::Ok(())
        });
    }
}

async fn answer(
    path: &str,
    headers: &HeaderMap,
    mut stream: RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>,
    files: &Files,
) -> anyhow::Result<()> {
    let (head, body) = match files.get(path) {
        Some(file) => part(headers, file)?,
        None => {
            let size = path.trim_start_matches('/').parse().context("path")?;
            (Response::new(()), Bytes::from(vec![b'Z'; size]))
        }
    };
    stream.send_response(head).await?;
    stream.send_data(body).await?;
    Ok(stream.finish().await?)
}

fn part(headers: &HeaderMap, file: &Bytes) -> anyhow::Result<(Response<()>, Bytes)> {
    let head = Response::builder().header(header::ETAG, TAG).header(header::ACCEPT_RANGES, "bytes");
    let Some(range) = headers.get(header::RANGE) else {
        return Ok((head.header(header::CONTENT_LENGTH, file.len()).body(())?, file.clone()));
    };
    let (first, last) = range.to_str()?.strip_prefix("bytes=").and_then(|r| r.split_once('-')).context("range")?;
    let (first, last): (usize, usize) = (first.parse()?, last.parse()?);
    let end = (last + 1).min(file.len());
    anyhow::ensure!(first < end, "range");
    let head = head
        .status(StatusCode::PARTIAL_CONTENT)
        .header(header::CONTENT_LENGTH, end - first)
        .header(header::CONTENT_RANGE, format!("bytes {first}-{}/{}", end - 1, file.len()));
    Ok((head.body(())?, file.slice(first..end)))
}

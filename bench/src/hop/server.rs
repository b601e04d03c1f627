//! A stock quinn server: each request gets a reply of fixed size.

use std::{net::SocketAddr, sync::mpsc, thread::JoinHandle};

use anyhow::Context as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{PORT, SERVER};
use crate::lab::Namespace;

/// As a small web page; less than what two full packets give credit for.
pub(super) const REPLY: usize = 2_700;
pub(super) const NAME: &str = "server.example";
/// Requests are not longer, bytes.
const REQUEST: usize = 1_000;

/// Ends when dropped.
pub(super) struct Server {
    pub(super) certificate: CertificateDer<'static>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Server {
    /// Starts it inside and waits until it listens.
    pub(super) fn start(namespace: &Namespace) -> anyhow::Result<Self> {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
        let config = quinn::ServerConfig::with_single_cert(vec![certificate.clone()], key)?;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (listening, listens) = mpsc::channel();
        let thread = namespace.thread(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let endpoint = quinn::Endpoint::server(config, SocketAddr::from((SERVER, PORT)))?;
                listening.send(())?;
                tokio::spawn(serve(endpoint));
                // An error means that the sender is gone: the same.
                let _ = stopped.await;
                Ok(())
            })
        })?;
        let mut server = Self { certificate, stop: Some(stop), thread: Some(thread) };
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

async fn serve(endpoint: quinn::Endpoint) {
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            match incoming.await {
                Ok(connection) => {
                    tokio::join!(answer(&connection), discard(&connection));
                }
                Err(error) => eprintln!("server: handshake: {error}"),
            }
        });
    }
}

/// Answers until the connection ends.
async fn answer(connection: &quinn::Connection) {
    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
        tokio::spawn(async move {
            receive.read_to_end(REQUEST).await?;
            send.write_all(&[7; REPLY]).await?;
            anyhow::Ok(send.finish()?)
        });
    }
}

/// Padding streams are of no interest to a server.
async fn discard(connection: &quinn::Connection) {
    while let Ok(mut stream) = connection.accept_uni().await {
        // It has ended already: the same.
        let _ = stream.stop(0u32.into());
    }
}

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use hyper_util::rt::TokioIo;
use mimiq_api::admin::admin_client::AdminClient;
use mimiq_controller::pki::SERVER_NAME;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::{io::AsyncBufReadExt as _, net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};

use crate::args::Server;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Who is asked, or as whom, was not said.
#[derive(Debug, thiserror::Error)]
#[error("--pki DIR is needed, or --{0} FILE; or the variable MIMIQ_PKI")]
pub(crate) struct NoServer(&'static str);

pub(crate) async fn connect(server: &Server) -> anyhow::Result<AdminClient<Channel>> {
    let (tls, address) = (Arc::new(tls(server)?), server.server.clone());
    let context = || format!("--server {}", server.server);
    let endpoint = Endpoint::from_shared(format!("http://{address}")).with_context(context)?;
    let connector = tower::service_fn(move |_| {
        let (tls, address) = (tls.clone(), address.clone());
        async move {
            let stream = timeout(CONNECT, open(tls, &address)).await.map_err(|_| io::ErrorKind::TimedOut)??;
            Ok::<_, io::Error>(TokioIo::new(stream))
        }
    });
    let channel = endpoint.connect_with_connector(connector).await.with_context(context)?;
    Ok(AdminClient::new(channel))
}

fn tls(server: &Server) -> anyhow::Result<ClientConfig> {
    let file = |given: &Option<PathBuf>, option: &'static str, name: &str| -> Result<PathBuf, NoServer> {
        let in_folder = || server.pki.as_ref().map(|dir| dir.join(name));
        given.clone().or_else(in_folder).ok_or(NoServer(option))
    };
    let certificates = |path: PathBuf| {
        let read = || CertificateDer::pem_file_iter(&path)?.collect::<Result<Vec<_>, _>>();
        read().with_context(|| path.display().to_string())
    };
    let chain = certificates(file(&server.cert, "cert", "operator.pem")?)?;
    let path = file(&server.key, "key", "operator.key")?;
    let key = PrivateKeyDer::from_pem_file(&path).with_context(|| path.display().to_string())?;
    let mut roots = RootCertStore::empty();
    for authority in certificates(file(&server.ca, "ca", "ca.pem")?)? {
        roots.add(authority).context("--ca")?;
    }
    let mut tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .context("--cert, --key")?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    Ok(tls)
}

async fn open(tls: Arc<ClientConfig>, address: &str) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = SERVER_NAME.try_into().map_err(io::Error::other)?;
    let mut stream = TlsConnector::from(tls).connect(name, stream).await?;
    // In TLS 1.3 the client's part of the handshake ends before the server has looked at its certificate: whether it is
    // welcome shows when the server speaks first, as it does in HTTP/2, or says why not.
    stream.fill_buf().await?;
    Ok(stream)
}

//! A client's agent: the allocation protocol and nothing else.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, bail};
use mimiq_api::allocation::{
    ALPN, Acquire, ClientRequest, MAX_MESSAGE, Release, Renew, ServerPush, ServerReply, client_request::Request,
    server_push::Push, server_reply::Reply,
};
use prost::Message as _;
use quinn::{Connection, Endpoint, crypto::rustls::QuicClientConfig};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

/// A connection to the allocation server. Dropping it closes it.
#[derive(Debug)]
pub struct Agent {
    connection: Connection,
    _endpoint: Endpoint,
}

/// Who a client is, from the files of `mimiqctl pki`.
///
/// # Errors
/// If a file cannot be used.
pub fn identity(pki: &Path, name: &str) -> anyhow::Result<quinn::ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.join("ca.pem"))?)?;
    let chain = vec![CertificateDer::from_pem_file(pki.join(format!("{name}.pem")))?];
    let key = PrivateKeyDer::from_pem_file(pki.join(format!("{name}.key")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    Ok(quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?)))
}

impl Agent {
    /// Connects through a host's link.
    ///
    /// # Errors
    /// If the server does not accept.
    pub async fn connect(identity: &quinn::ClientConfig, gateway: SocketAddr) -> anyhow::Result<Self> {
        let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?;
        let connection = endpoint.connect_with(identity.clone(), gateway, "mimiq-controller")?.await?;
        Ok(Self { connection, _endpoint: endpoint })
    }

    /// Asks for a set.
    ///
    /// # Errors
    /// If no answer comes.
    pub async fn acquire(&self, ipv6: u32, ipv4: u32) -> anyhow::Result<Reply> {
        self.request(Request::Acquire(Acquire { ipv6, ipv4 })).await
    }

    /// Gives addresses back.
    ///
    /// # Errors
    /// If no answer comes.
    pub async fn release(&self, addresses: &[IpAddr]) -> anyhow::Result<Reply> {
        self.request(Request::Release(Release { addresses: addresses.iter().map(bytes).collect() })).await
    }

    /// Asks for a new lifetime.
    ///
    /// # Errors
    /// If no answer comes.
    pub async fn renew(&self, addresses: &[IpAddr]) -> anyhow::Result<Reply> {
        self.request(Request::Renew(Renew { addresses: addresses.iter().map(bytes).collect() })).await
    }

    async fn request(&self, request: Request) -> anyhow::Result<Reply> {
        let (mut send, mut recv) = self.connection.open_bi().await?;
        send.write_all(&ClientRequest { request: Some(request) }.encode_to_vec()).await?;
        send.finish()?;
        let reply = recv.read_to_end(MAX_MESSAGE).await?;
        ServerReply::decode(reply.as_slice())?.reply.context("an empty reply")
    }

    /// The next addresses that the server takes back. Cancel-safe until something comes.
    ///
    /// # Errors
    /// If the connection ends.
    pub async fn revoked(&self) -> anyhow::Result<Vec<IpAddr>> {
        loop {
            let bytes = self.connection.accept_uni().await?.read_to_end(MAX_MESSAGE).await?;
            match ServerPush::decode(bytes.as_slice())?.push {
                Some(Push::Revoke(revoke)) => return addresses(&revoke.addresses),
                Some(Push::Drain(_)) => {}
                None => bail!("an empty push"),
            }
        }
    }
}

fn bytes(address: &IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Addresses as messages have them.
///
/// # Errors
/// If one has another length.
pub fn addresses(fields: &[Vec<u8>]) -> anyhow::Result<Vec<IpAddr>> {
    let address = |field: &Vec<u8>| match field.len() {
        4 => <[u8; 4]>::try_from(field.as_slice()).map(|octets| Ipv4Addr::from(octets).into()),
        _ => <[u8; 16]>::try_from(field.as_slice()).map(|octets| Ipv6Addr::from(octets).into()),
    };
    fields.iter().map(|field| address(field).with_context(|| format!("an address of {} bytes", field.len()))).collect()
}

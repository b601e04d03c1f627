use std::{
    net::{Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use mimiq_api::allocation::{
    ALPN, Acquire, AddressSet, ClientRequest, MAX_MESSAGE, Refused, Release, Renew, ServerPush, ServerReply,
    client_request::Request, server_push::Push, server_reply::Reply,
};
use prost::Message as _;
use quinn::{Connection, ConnectionError, Endpoint, crypto::rustls::QuicClientConfig};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::time::timeout;

use super::PATIENCE;

/// A client's agent: the allocation protocol and nothing else.
pub struct Client {
    pub connection: Connection,
    _endpoint: Endpoint,
}

impl Client {
    pub async fn connect(pki: &Path, name: &str, at: SocketAddr) -> Result<Self, ConnectionError> {
        Self::connect_with(&pki.join("ca.pem"), pki, name, at).await
    }

    pub async fn connect_with(ca: &Path, pki: &Path, name: &str, at: SocketAddr) -> Result<Self, ConnectionError> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let chain = vec![CertificateDer::from_pem_file(pki.join(format!("{name}.pem"))).unwrap()];
        let key = PrivateKeyDer::from_pem_file(pki.join(format!("{name}.key"))).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .unwrap();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let connection = endpoint.connect_with(config, at, "mimiq-controller").unwrap().await?;
        Ok(Self { connection, _endpoint: endpoint })
    }

    /// Sends bytes as a request.
    pub async fn send(&self, bytes: &[u8]) -> Result<Reply, Box<dyn std::error::Error>> {
        let (mut send, mut recv) = self.connection.open_bi().await?;
        // The server may stop reading what is too long.
        let _ = send.write_all(bytes).await;
        let _ = send.finish();
        let reply = recv.read_to_end(MAX_MESSAGE).await?;
        Ok(ServerReply::decode(reply.as_slice())?.reply.expect("a reply"))
    }

    pub async fn request(&self, request: Request) -> Reply {
        let bytes = ClientRequest { request: Some(request) }.encode_to_vec();
        timeout(PATIENCE, self.send(&bytes)).await.expect("no reply in time").unwrap()
    }

    pub async fn try_acquire(&self, count: u32) -> Result<AddressSet, Refused> {
        self.try_acquire_both(count, 0).await
    }

    pub async fn try_acquire_both(&self, ipv6: u32, ipv4: u32) -> Result<AddressSet, Refused> {
        match self.request(Request::Acquire(Acquire { ipv6, ipv4 })).await {
            Reply::AddressSet(set) => Ok(set),
            Reply::Refused(refused) => Err(refused),
            other @ Reply::Released(_) => panic!("{other:?}"),
        }
    }

    pub async fn acquire(&self, count: u32) -> Vec<Ipv6Addr> {
        addresses(&self.try_acquire(count).await.unwrap().addresses)
    }

    pub async fn release(&self, addresses: &[Ipv6Addr]) -> Reply {
        self.release_bytes(addresses.iter().map(|a| a.octets().to_vec()).collect()).await
    }

    pub async fn release_bytes(&self, addresses: Vec<Vec<u8>>) -> Reply {
        self.request(Request::Release(Release { addresses })).await
    }

    pub async fn renew(&self, addresses: &[Ipv6Addr]) -> Reply {
        let addresses = addresses.iter().map(|a| a.octets().to_vec()).collect();
        self.request(Request::Renew(Renew { addresses })).await
    }

    /// The next push.
    pub async fn pushed(&self) -> Push {
        let next = async {
            let bytes = self.connection.accept_uni().await.unwrap().read_to_end(MAX_MESSAGE).await.unwrap();
            ServerPush::decode(bytes.as_slice()).unwrap().push.expect("a push")
        };
        timeout(PATIENCE, next).await.expect("no push in time")
    }
}

pub fn addresses(fields: &[Vec<u8>]) -> Vec<Ipv6Addr> {
    fields.iter().map(|field| Ipv6Addr::from(<[u8; 16]>::try_from(field.as_slice()).unwrap())).collect()
}

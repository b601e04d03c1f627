//! A server cannot join two connections by a TLS ticket that it gave to the first.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mimiq_agent::get;
use mimiq_agent::sdk::{Agent, Connector, Padding};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::server::ProducesTickets;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::agent::TestAgent;
use crate::support::server::Identity;

/// Gives tickets, and counts those that come back.
#[derive(Debug, Default)]
struct Tickets {
    given: AtomicUsize,
    back: AtomicUsize,
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        3600
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.given.fetch_add(1, Ordering::Relaxed);
        Some(plain.to_vec())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.back.fetch_add(1, Ordering::Relaxed);
        Some(cipher.to_vec())
    }
}

fn server(identity: &Identity, tickets: Arc<Tickets>) -> SocketAddr {
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
    tls.ticketer = tickets;
    let config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    let endpoint = quinn::Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = endpoint.local_addr().unwrap();
    tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(async move {
                let connection = incoming.await.unwrap();
                // Not before the client has what came with the handshake.
                let mut stream = connection.open_uni().await.unwrap();
                stream.write_all(b"hello").await.unwrap();
                stream.finish().unwrap();
                connection.closed().await;
            });
        }
    });
    address
}

async fn hello(connection: &quinn::Connection) {
    assert_eq!(connection.accept_uni().await.unwrap().read_to_end(10).await.unwrap(), b"hello");
}

#[tokio::test]
async fn no_ticket_comes_back_from_another_address() {
    let (identity, tickets) = (Identity::new(), Arc::new(Tickets::default()));
    let server = server(&identity, tickets.clone());
    let tls = get::tls(get::roots(&identity.certificate()).unwrap()).unwrap();

    let agent = TestAgent::start(Duration::from_secs(600));
    let agent = Agent::connect(&agent.socket).await.unwrap();
    let session =
        Connector::new(agent, tls.clone(), Padding::None).unwrap().session(server, "localhost").await.unwrap();
    for _ in 0..5 {
        let ride = session.connection().await.unwrap();
        hello(&ride).await;
        ride.leave();
    }
    assert_eq!(session.stats().rollovers, 4);
    assert!(tickets.given.load(Ordering::Relaxed) >= 5);
    assert_eq!(tickets.back.load(Ordering::Relaxed), 0);

    // quinn alone, with the same settings, brings them back.
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let endpoint = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    for _ in 0..2 {
        let connecting = endpoint.connect_with(config.clone(), server, "localhost").unwrap();
        hello(&connecting.await.unwrap()).await;
    }
    assert!(tickets.back.load(Ordering::Relaxed) >= 1);
}

//! Whatever a client sends, with a token or without, the exit serves the next one.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::process::{Files, Process};

fn client(certificate: &Path) -> quinn::Endpoint {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let mut endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(crypto)));
    endpoint
}

/// A request without a token is refused: so the exit is alive.
async fn answers(client: &quinn::Endpoint, exit: SocketAddr) {
    let connection = client.connect(exit, "localhost").unwrap().await.unwrap();
    let h3 = h3_quinn::Connection::new(connection);
    let (_driver, mut sender) = h3::client::new(h3).await.unwrap();
    let mut stream = sender.send_request(http::Request::connect("example.org:443").body(()).unwrap()).await.unwrap();
    assert_eq!(stream.recv_response().await.unwrap().status(), 407);
}

/// A frame of HTTP/3.
fn frame(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = 0x4000 | content.len() as u16;
    [&[kind], &length.to_be_bytes()[..], content].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_bytes_are_refused_and_the_exit_goes_on() {
    let files = Files::new();
    let process = Process::start(&files).await;
    let (client, exit) = (client(&files.certificate()), process.address);
    let (runtime, tester) = (tokio::runtime::Handle::current(), client.clone());
    tokio::task::spawn_blocking(move || {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..80);
        // A proper control stream, or not; on a request's stream bytes, or a header block of bytes, with something behind.
        let input = (any::<bool>(), bytes(), any::<bool>(), bytes(), bytes());
        TestRunner::new(ProptestConfig::with_cases(48)).run(&input, |(control, uni, framed, first, datagram)| {
            runtime.block_on(async {
                let connection = tester.connect(exit, "localhost").unwrap().await.unwrap();
                let mut stream = connection.open_uni().await.unwrap();
                let start: &[u8] = if control { &[0, 4, 0] } else { &[] };
                let _ = stream.write_all(&[start, &uni].concat()).await;
                if let Ok((mut send, mut receive)) = connection.open_bi().await {
                    let request = if framed { [frame(1, &first), frame(0, b"data")].concat() } else { first };
                    let _ = send.write_all(&request).await;
                    let _ = send.finish();
                    let _ = connection.send_datagram(Bytes::from(datagram));
                    // Answered, reset or closed.
                    let _ = receive.read_to_end(100_000).await;
                }
                connection.close(0u8.into(), b"");
            });
            Ok(())
        })
    })
    .await
    .unwrap()
    .unwrap();
    answers(&client, exit).await;
    let log = process.terminate().await;
    assert!(!log.contains("panicked"), "{log}");
}

/// Who does not say who he is goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_sent_away() {
    let files = Files::new();
    let process = Process::start(&files).await;
    let client = client(&files.certificate());
    let connection = client.connect(process.address, "localhost").unwrap().await.unwrap();
    let (_driver, mut sender) = h3::client::new(h3_quinn::Connection::new(connection.clone())).await.unwrap();
    // Eight times at most, each refused while it lasts.
    let mut refused = 0;
    for _ in 0..20 {
        let request = http::Request::connect("example.org:443").body(()).unwrap();
        let Ok(mut stream) = sender.send_request(request).await else { break };
        let Ok(response) = stream.recv_response().await else { break };
        assert_eq!(response.status(), 407);
        refused += 1;
    }
    assert!((1..=8).contains(&refused), "{refused}");
    // And who says nothing at all.
    let silent = client.connect(process.address, "localhost").unwrap().await.unwrap();
    let closed = tokio::time::timeout(std::time::Duration::from_secs(20), silent.closed()).await;
    assert!(matches!(closed, Ok(quinn::ConnectionError::ApplicationClosed(_))), "{closed:?}");
    answers(&client, process.address).await;
}

/// The last places are for those who answer where they say they are (Retry); then there is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_are_limited() {
    let files = Files::with("limits: {connections: 4}\n");
    let process = Process::start(&files).await;
    let client = client(&files.certificate());
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(client.connect(process.address, "localhost").unwrap().await.unwrap());
    }
    let refused = client.connect(process.address, "localhost").unwrap().await;
    assert!(matches!(refused, Err(quinn::ConnectionError::ConnectionClosed(_))), "{refused:?}");
    let metrics = files.scrape().await;
    assert!(metrics.contains("mimiq_exit_connections_refused_total{reason=\"full\"} 1"), "{metrics}");
    held.pop().unwrap().close(0u8.into(), b"");
    // Until the exit has noticed.
    let again = async { while client.connect(process.address, "localhost").unwrap().await.is_err() {} };
    tokio::time::timeout(std::time::Duration::from_secs(10), again).await.unwrap();
}

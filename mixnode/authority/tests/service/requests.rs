//! What an authority answers, to garbage too.

use std::net::SocketAddr;

use mimiq_directory::Descriptor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::network::{Network, fetch_until, now};
use crate::setup::{descriptor, identity, key, statement};

/// Status, head and body.
async fn ask(address: SocketAddr, request: &[u8]) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // What is refused before it is read ends with a reset.
    while let Ok(1..) = stream.read_buf(&mut answer).await {}
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_lowercase(), body.to_owned())
}

pub(crate) async fn get(address: SocketAddr, path: &str, more: &str) -> (u16, String, String) {
    ask(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n").as_bytes()).await
}

async fn post(address: SocketAddr, body: &[u8]) -> (u16, String) {
    let length = body.len();
    let head =
        format!("POST /v1/descriptors HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    let (status, _, body) = ask(address, &[head.as_bytes(), body].concat()).await;
    (status, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn descriptors_are_taken_or_refused_with_field_and_value() {
    let mut network = Network::start().await;
    // Alone, so that nothing comes from others.
    network.running.truncate(1);
    let address = network.addresses[0];
    let epoch = network.policy.epochs.at(now()).unwrap();
    let says = |node, sequence, more| {
        serde_json::to_vec(&descriptor(&statement(node, sequence, epoch..epoch + more))).unwrap()
    };
    assert_eq!(get(address, "/v1/descriptors", "").await.2, "[]");
    assert_eq!(post(address, &says(1, 5, 2)).await, (204, String::new()));
    assert_eq!(post(address, &says(1, 5, 2)).await, (204, String::new()), "the same again");
    let old = format!("sequence: 4 of {} is older than 5\n", identity(1));
    assert_eq!(post(address, &says(1, 4, 2)).await, (409, old));
    let lies = format!("sequence: two different descriptors of {} have 5\n", identity(1));
    assert_eq!(post(address, &says(1, 5, 3)).await, (409, lies.clone()));
    assert_eq!(post(address, &says(1, 5, 4)).await, (409, lies), "a third is not kept");
    let stranger = format!("identity: {} is not admitted\n", identity(9));
    assert_eq!(post(address, &says(9, 1, 2)).await, (403, stranger));
    let mut elsewhere = statement(2, 1, epoch..epoch + 2);
    elsewhere.node.role = statement(7, 1, 0..1).node.role;
    let (status, why) = post(address, &serde_json::to_vec(&descriptor(&elsewhere)).unwrap()).await;
    assert!(status == 403 && why.starts_with("role: "), "{why}");
    let forged = Descriptor::new(&statement(2, 1, epoch..epoch + 2), &key(3)).unwrap();
    let (status, why) = post(address, &serde_json::to_vec(&forged).unwrap()).await;
    assert!(status == 400 && why.starts_with("signature: "), "{why}");
    let mut other = statement(2, 1, epoch..epoch + 2);
    other.network = "other".to_owned();
    let (status, why) = post(address, &serde_json::to_vec(&descriptor(&other)).unwrap()).await;
    assert_eq!((status, why.as_str()), (400, "network: \"other\" is another one\n"));
    for (body, expected) in [(&b"{}"[..], 400), (b"", 400), (b"\xff", 400), (&[b'['; 32 << 10], 400)] {
        let (status, why) = post(address, body).await;
        assert!(status == expected && why.starts_with("descriptor: "), "{status} {why}");
    }

    // It may be cut off while it sends.
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /v1/descriptors HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9999999\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    while stream.write_all(&[b' '; 1 << 10]).await.is_ok() {}

    // Both of what the liar said are passed on, and nothing else was kept.
    let (status, head, body) = get(address, "/v1/descriptors", "").await;
    let all: Vec<Descriptor> = serde_json::from_str(&body).unwrap();
    assert_eq!((status, all.len()), (200, 2));
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    assert_eq!(get(address, "/v1/descriptors", &format!("If-None-Match: {tag}\r\n")).await.0, 304);
    // What was acknowledged is there after the process was killed.
    drop(network.running.pop());
    assert_eq!(network.free(0).await.descriptors().unwrap(), all);
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_there_or_not() {
    let network = Network::start().await;
    let address = network.addresses[0];
    assert_eq!(get(address, "/v1/state", "").await.0, 404);
    for (path, status) in [
        ("/", 404),
        ("/v1/proposal/1", 404),
        ("/v1/proposal/x", 400),
        ("/v1/proposal/-1", 400),
        ("/v1/proposal/99999999999999999999", 400),
    ] {
        assert_eq!(get(address, path, "").await.0, status, "{path}");
    }
    assert_eq!(ask(address, b"DELETE /v1/state HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.0, 405);
    assert_eq!(ask(address, b"garbage\r\n\r\n").await.0, 400);

    let follower = network.follower(&[0, 1, 2], "seen");
    for descriptor in network.descriptors() {
        assert_eq!(follower.publish(&descriptor).await.unwrap(), 3);
    }
    fetch_until(&network.follower(&[0], "of 0"), |_| true).await;
    let (status, head, body) = get(address, "/v1/state", "").await;
    assert_eq!(status, 200);
    let envelope: mimiq_directory::Envelope = serde_json::from_str(&body).unwrap();
    assert!(envelope.signatures.len() >= 2);
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    assert_eq!(get(address, "/v1/state", "If-None-Match: \"other\"\r\n").await.0, 200);
    let again = get(address, "/v1/state", &format!("If-None-Match: {tag}\r\n")).await;
    // Unless a new epoch's has come meanwhile.
    assert!(again.0 == 304 || !again.1.contains(tag));
    network.stop().await;
}

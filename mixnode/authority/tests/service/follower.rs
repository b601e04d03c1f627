//! Authorities that lie, and what is remembered.

use std::net::Ipv4Addr;
use std::path::Path;

use mimiq_authority::{AcceptError, BaseUrl, FetchError, Follower};
use mimiq_directory::{Envelope, Epochs, Policy, Refused, compose};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::network::url;
use crate::setup::{NETWORK, NODES, descriptor, key, policy, statement, trust};

const EPOCHS: Epochs = Epochs { genesis: 1_000_000, length: 3_600 };
const NOW: u64 = EPOCHS.genesis + 10 * EPOCHS.length + 500;

fn three() -> Policy {
    policy(3, 2, 60, EPOCHS)
}

/// A state, signed by some.
fn state(serial: u64, by: &[u8]) -> Vec<u8> {
    let descriptors: Vec<_> =
        NODES.map(|node| serde_json::to_vec(&descriptor(&statement(node, 1, 10..12))).unwrap()).collect();
    let mut envelope = Envelope::new(&compose(&three(), &descriptors, 10, serial, NOW).unwrap().state).unwrap();
    by.iter().for_each(|number| envelope.sign(&key(*number)));
    serde_json::to_vec(&envelope).unwrap()
}

fn follower(urls: Vec<BaseUrl>, file: &Path) -> Follower {
    Follower::new(trust(&three()), NETWORK.to_owned(), urls, file.to_owned()).unwrap()
}

fn http(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Gives each request the same answer.
async fn liar(answer: Vec<u8>) -> BaseUrl {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&answer).await;
                // Closed with something unread, it would take back what it has sent.
                let _ = stream.shutdown().await;
                let _ = stream.read_to_end(&mut request).await;
            });
        }
    });
    url(address)
}

/// Nobody listens at port 1.
fn nobody() -> BaseUrl {
    "http://127.0.0.1:1".parse().unwrap()
}

#[tokio::test]
async fn authorities_that_lie_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let endless = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        b"100000\r\n".to_vec(),
        vec![b' '; 1 << 20],
    ]
    .concat();
    let huge = [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1u64 << 40).into_bytes(), vec![b' '; 9 << 20]]
        .concat();
    let lies = [
        (http("200 OK", b"garbage"), "envelope: expected value"),
        (http("200 OK", &state(9, &[101])), "signatures: of 1 of the 2"),
        (http("200 OK", &state(9, &[104, 105, 106])), "signatures: of 0 of the 2"),
        (http("200 OK", &state(4, &[101, 102])), "serial: 4 is older than 5"),
        (http("500 Oh", b"broken\x1b[31m"), "status 500 Internal Server Error: broken[31m"),
        (http("302 Elsewhere", b""), "status 302"),
        (b"SSH-2.0-server\r\n".to_vec(), "HTTP:"),
        (Vec::new(), "HTTP:"),
        (endless, "answer:"),
        (huge, "answer: length limit exceeded"),
    ];
    let mut urls = vec![nobody()];
    for (number, (lie, why)) in lies.into_iter().enumerate() {
        let url = liar(lie).await;
        let alone = follower(vec![url.clone()], &folder.path().join(number.to_string()));
        alone.accept(&state(5, &[101, 103]), NOW).unwrap().unwrap();
        let Err(FetchError::Nobody(refused)) = alone.fetch(NOW).await else { panic!("{why}") };
        assert!(refused[0].contains(why), "{} is not {why}", refused[0]);
        urls.push(url);
    }
    let all = follower(urls.clone(), &folder.path().join("all"));
    all.accept(&state(5, &[101, 103]), NOW).unwrap().unwrap();
    let Err(FetchError::Nobody(refused)) = all.fetch(NOW).await else { panic!("there is nobody") };
    assert_eq!(refused.len(), urls.len());
    // One that is honest, somewhere among them.
    urls.push(liar(http("200 OK", &state(6, &[102, 103]))).await);
    let honest = follower(urls, &folder.path().join("all"));
    assert_eq!(honest.fetch(NOW).await.unwrap().unwrap().state().serial, 6);
    assert!(honest.fetch(NOW).await.unwrap().is_none(), "nothing newer");
    // An authority that has nothing yet, or nothing newer, does not lie.
    for answer in
        [http("404 Not Found", b""), http("304 Not Modified", b""), http("200 OK", &state(6, &[101, 102, 103]))]
    {
        let early = follower(vec![liar(answer).await], &folder.path().join("all"));
        assert!(early.fetch(NOW).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn what_was_seen_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seen");
    let bytes = state(7, &[101, 102]);
    {
        let first = follower(Vec::new(), &file);
        assert!(first.stored(NOW).unwrap().is_none());
        assert_eq!(first.accept(&bytes, NOW).unwrap().unwrap().state().serial, 7);
        assert!(first.accept(&bytes, NOW).unwrap().is_none(), "the same again");
    }
    let again = follower(vec![nobody()], &file);
    assert_eq!(again.envelope().unwrap().to_vec(), bytes);
    assert_eq!(again.stored(NOW).unwrap().unwrap().state().serial, 7, "without any authority");
    assert!(matches!(again.fetch(NOW).await, Err(FetchError::Nobody(_))));
    assert!(matches!(again.accept(&state(6, &[101, 102]), NOW), Err(AcceptError::Refused(Refused::Older { .. }))));
    assert_eq!(again.envelope().unwrap().to_vec(), bytes, "what is refused changes nothing");
    assert!(again.accept(&state(8, &[101, 102]), NOW).unwrap().is_some());

    // When its time is over, it still is the newest that was seen.
    let late = follower(Vec::new(), &file);
    let end = EPOCHS.start(12).unwrap();
    assert!(matches!(late.stored(end), Err(Refused::TooLate { .. })));
    assert!(matches!(late.accept(&bytes, NOW), Err(AcceptError::Refused(Refused::Older { serial: 7, seen: 8 }))));
    // Without its file it would not know.
    std::fs::write(&file, "damaged").unwrap();
    let refused = Follower::new(trust(&three()), NETWORK.to_owned(), Vec::new(), file.clone()).unwrap_err();
    assert!(refused.to_string().starts_with(&file.display().to_string()), "{refused}");
}

/// What cannot be remembered is not used.
#[tokio::test]
async fn a_file_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gone").join("seen");
    let url = liar(http("200 OK", &state(5, &[101, 102]))).await;
    let follower = follower(vec![url], &file);
    assert!(matches!(follower.fetch(NOW).await, Err(FetchError::Accept(AcceptError::File { .. }))));
    assert!(follower.envelope().is_none());
}

#[tokio::test]
async fn a_descriptor_is_published_if_one_authority_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let (takes, refuses) = (liar(http("204 No Content", b"")).await, liar(http("409 Conflict", b"sequence: 1")).await);
    let descriptor = descriptor(&statement(1, 1, 10..12));
    let follower = |urls| follower(urls, &folder.path().join("seen"));
    let both = follower(vec![takes.clone(), nobody(), refuses.clone(), takes]);
    assert_eq!(both.publish(&descriptor).await.unwrap(), 2);
    let refused = follower(vec![refuses.clone()]).publish(&descriptor).await.unwrap_err().to_string();
    assert_eq!(refused, format!("no authority took it: {refuses}: status 409 Conflict: sequence: 1"));
}

//! What an observer between a client and its provider sees of pulls: the same, however many messages there are.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use mimiq_access::{Client, Pull};
use tokio::net::UdpSocket;

use crate::setup::{Provider, SLOTS, config, connect, numbers, shape, soon};

/// A relay that writes down the size of each datagram, and whether it is from the provider.
struct Relay {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<(bool, usize)>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Relay {
    async fn start(provider: SocketAddr) -> Self {
        let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        back.connect(provider).await.unwrap();
        let address = front.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let log = seen.clone();
        let task = tokio::spawn(async move {
            let mut client = None;
            let (mut up, mut down) = ([0; 2048], [0; 2048]);
            loop {
                tokio::select! {
                    Ok((length, from)) = front.recv_from(&mut up) => {
                        client = Some(from);
                        log.lock().unwrap().push((false, length));
                        back.send(&up[..length]).await.unwrap();
                    }
                    Ok(length) = back.recv(&mut down) => {
                        log.lock().unwrap().push((true, length));
                        front.send_to(&down[..length], client.unwrap()).await.unwrap();
                    }
                }
            }
        });
        Self { address, seen, task }
    }
}

const PULLS: u8 = 20;

/// A provider with so many messages for the first client.
async fn provider(messages: u8, folder: &Path) -> Provider {
    let provider = Provider::start(&config(), folder);
    provider.client(1).await.connection().close(0u8.into(), b"");
    if messages > 0 {
        provider.deliver(1, 1..=messages).await;
    }
    provider
}

/// How many bytes an observer sees during pulls, in each direction.
async fn observe(messages: u8) -> [usize; 2] {
    let dir = tempfile::tempdir().unwrap();
    let provider = provider(messages, dir.path()).await;
    let relay = Relay::start(provider.address).await;
    let (_endpoint, connection) = connect(relay.address, 1).await;
    let client = soon(Client::hello(connection, shape(), None)).await.unwrap();
    relay.seen.lock().unwrap().clear();
    let mut after = 0;
    for number in 1..=PULLS {
        let pulled = soon(client.pull(Pull::after(after))).await.unwrap();
        let full = number * SLOTS as u8 <= messages;
        assert_eq!(numbers(&pulled).len(), if full { SLOTS as usize } else { 0 });
        after = pulled.last().map_or(after, |last| last.seq);
    }
    let seen = relay.seen.lock().unwrap().clone();
    relay.task.abort();
    provider.stop().await;
    [true, false].map(|down| seen.iter().filter(|(from, _)| *from == down).map(|(_, size)| size).sum())
}

/// The least of some runs: on a busy machine QUIC takes packets for lost that are late, and sends them again.
async fn least(messages: u8) -> [usize; 2] {
    let mut least = [usize::MAX; 2];
    for _ in 0..3 {
        let [down, up] = observe(messages).await;
        least = [least[0].min(down), least[1].min(up)];
    }
    least
}

/// Acknowledgements and probes of the path's MTU go where QUIC's timers put them, so that sizes of single datagrams differ between any two runs. What
/// messages would add is more: less than half a slot for each pull is no message.
#[tokio::test]
async fn pulls_look_alike_from_outside() {
    let (empty, full) = (least(0).await, least(PULLS * SLOTS as u8).await);
    let slots = usize::from(PULLS) * shape().answer_len() / SLOTS as usize;
    assert!(empty[0] > slots * SLOTS as usize, "{empty:?}");
    assert!(empty[0].abs_diff(full[0]) < slots / 2, "{empty:?}, {full:?}");
    assert!(empty[1].abs_diff(full[1]) < slots / 2, "{empty:?}, {full:?}");
}

/// Byte for byte on the stream.
#[tokio::test]
async fn answers_have_one_size() {
    for messages in [0, 3, PULLS * SLOTS as u8] {
        let dir = tempfile::tempdir().unwrap();
        let provider = provider(messages, dir.path()).await;
        let connection = provider.connect(1).await;
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&[&[1, 2][..], &[0; 32]].concat()).await.unwrap();
        let mut welcome = [9; 5];
        soon(receive.read_exact(&mut welcome)).await.unwrap();
        assert_eq!(welcome, [0, 0, 0, 0, SLOTS as u8]);
        for number in 0..u64::from(PULLS) {
            let after = (number * u64::from(SLOTS)).to_be_bytes();
            send.write_all(&[after, after].concat()).await.unwrap();
            soon(receive.read_exact(&mut vec![0; shape().answer_len()])).await.unwrap();
        }
        // Nothing behind the last answer.
        send.finish().unwrap();
        assert!(!matches!(soon(receive.read_chunk(1, true)).await, Ok(Some(_))));
        provider.stop().await;
    }
}

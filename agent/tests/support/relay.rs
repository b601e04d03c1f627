//! A relay between clients and a server: delays each datagram, keeps the client's addresses apart, and takes down what an
//! observer sees.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The length of the client's connection IDs.
const ID_LENGTH: usize = 8;
/// The least size of a datagram with PATH_CHALLENGE or its answer (RFC 9000 §8.2), bytes.
const CHALLENGE: usize = 1200;

#[derive(Default)]
pub(crate) struct Sightings {
    /// The length of the server's, from its handshakes.
    server_id_length: usize,
    /// Connection IDs, by direction, and the client addresses they were seen at.
    pub(crate) ids: BTreeMap<(bool, Vec<u8>), BTreeSet<SocketAddr>>,
    /// How many handshakes came with an address validation token (RFC 9000 §8.1): it was given to another address.
    tokens: usize,
    /// From now on the server follows to no new address: only a handshake may come from one.
    pub(crate) follows_no_more: bool,
    /// Client addresses that long headers were seen at.
    pub(crate) handshakes: BTreeSet<SocketAddr>,
    /// Client sources in the order of appearance.
    pub(crate) sources: Vec<SocketAddr>,
    /// How many datagrams each of them sent and got.
    pub(crate) packets: HashMap<SocketAddr, u64>,
    /// Datagrams from a source after a later one appeared.
    pub(crate) late: usize,
    /// Nothing goes through any more.
    pub(crate) cut: bool,
    /// Larger datagrams do not get through.
    pub(crate) largest: Option<usize>,
    /// At so many addresses that are yet to come, the client's answers to PATH_CHALLENGE get lost: what is of their size, after the server
    /// has been heard there.
    pub(crate) unanswered: usize,
    /// At the next address the server is not heard for so long.
    pub(crate) deaf: Option<Duration>,
    mute: BTreeSet<SocketAddr>,
    heard: BTreeSet<SocketAddr>,
    deaf_until: Option<(SocketAddr, Instant)>,
}

impl Sightings {
    fn note(&mut self, up: bool, client: SocketAddr, datagram: &[u8]) {
        *self.packets.entry(client).or_default() += 1;
        if !up {
            self.heard.insert(client);
        }
        if up && self.sources.last() != Some(&client) {
            if self.sources.contains(&client) {
                self.late += 1;
            } else {
                self.sources.push(client);
                if self.unanswered > 0 {
                    self.unanswered -= 1;
                    self.mute.insert(client);
                }
                self.deaf_until = self.deaf.take().map(|time| (client, Instant::now() + time)).or(self.deaf_until);
            }
        }
        if datagram[0] & 0x80 != 0 {
            self.handshakes.insert(client);
            let (to, from) = long_header_ids(datagram);
            if !up {
                self.server_id_length = from.len();
            }
            self.note_id(up, to, client);
            self.note_id(!up, from, client);
            // An initial packet; its token's length comes after the IDs.
            if up && datagram[0] & 0x30 == 0 && datagram[7 + to.len() + from.len()] != 0 {
                self.tokens += 1;
            }
        } else if let Some(id) = datagram.get(1..=if up { self.server_id_length } else { ID_LENGTH }) {
            self.note_id(up, id, client);
        }
    }

    fn note_id(&mut self, up: bool, id: &[u8], client: SocketAddr) {
        if !id.is_empty() {
            self.ids.entry((up, id.to_vec())).or_default().insert(client);
        }
    }

    /// Whether a datagram of the client is an answer that is to be lost.
    fn loses_answer(&self, client: SocketAddr, length: usize) -> bool {
        length >= CHALLENGE && self.mute.contains(&client) && self.heard.contains(&client)
    }

    fn is_deaf(&self, client: SocketAddr) -> bool {
        self.deaf_until.is_some_and(|(at, until)| at == client && Instant::now() < until)
    }

    fn loses(&self, length: usize) -> bool {
        self.cut || self.largest.is_some_and(|largest| length > largest)
    }

    /// Fails if two addresses of one connection can be linked by a connection ID, a port, or a handshake.
    pub(crate) fn assert_unlinkable(&self) {
        assert_eq!(self.handshakes.len(), 1, "handshake at {:?}", self.handshakes);
        assert_eq!(self.late, 0, "an old address sent again");
        let ports: BTreeSet<u16> = self.sources.iter().map(SocketAddr::port).collect();
        assert_eq!(ports.len(), self.sources.len(), "a port was used twice");
        self.assert_unlinked();
    }

    /// Fails if two addresses of any connections can be linked by a connection ID.
    pub(crate) fn assert_unlinked(&self) {
        for ((up, id), at) in &self.ids {
            assert_eq!(at.len(), 1, "{} ID {id:02x?} seen at {at:?}", if *up { "server's" } else { "client's" });
        }
        let addresses: BTreeSet<IpAddr> = self.sources.iter().map(SocketAddr::ip).collect();
        assert_eq!(addresses.len(), self.sources.len(), "an address was used twice");
        assert_eq!(self.tokens, 0, "handshakes with a token");
    }
}

/// Where a packet goes and where it comes from (RFC 9000 §17.2).
fn long_header_ids(datagram: &[u8]) -> (&[u8], &[u8]) {
    let to_length = usize::from(datagram[5]);
    let (to, rest) = datagram[6..].split_at(to_length);
    (to, &rest[1..][..usize::from(rest[0])])
}

/// Starts a relay to `server` that delays by `one_way`; `lose` says which datagrams (direction, number) are lost.
pub(crate) async fn start(
    server: SocketAddr,
    one_way: Duration,
    lose: fn(bool, u64) -> bool,
) -> (SocketAddr, Arc<Mutex<Sightings>>) {
    let front = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
    let address = front.local_addr().unwrap();
    let sightings = Arc::new(Mutex::new(Sightings::default()));
    let seen = sightings.clone();
    tokio::spawn(async move {
        let mut paths: HashMap<SocketAddr, mpsc::UnboundedSender<(Instant, Vec<u8>)>> = HashMap::new();
        let mut buffer = vec![0; 65536];
        let mut count = 0;
        loop {
            let (length, client) = front.recv_from(&mut buffer).await.unwrap();
            let datagram = buffer[..length].to_vec();
            seen.lock().unwrap().note(true, client, &datagram);
            count += 1;
            let followed = datagram[0] & 0x80 != 0 || !seen.lock().unwrap().follows_no_more;
            let lost = {
                let seen = seen.lock().unwrap();
                seen.loses(length) || seen.loses_answer(client, length)
            };
            if lost || lose(true, count) || !(paths.contains_key(&client) || followed) {
                continue;
            }
            let path =
                paths.entry(client).or_insert_with(|| path(front.clone(), client, server, one_way, lose, seen.clone()));
            let _ = path.send((Instant::now() + one_way, datagram));
        }
    });
    (address, sightings)
}

/// One client source: a socket of its own towards the server.
fn path(
    front: Arc<UdpSocket>,
    client: SocketAddr,
    server: SocketAddr,
    one_way: Duration,
    lose: fn(bool, u64) -> bool,
    seen: Arc<Mutex<Sightings>>,
) -> mpsc::UnboundedSender<(Instant, Vec<u8>)> {
    let (up, mut upward) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let (down, mut downward) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        // The client's own port is taken. This one is of the same of IANA's ranges, which matters to s2n-quic.
        let back = Arc::new(UdpSocket::bind((client.ip(), client.port() ^ 1)).await.unwrap());
        back.connect(server).await.unwrap();
        let (receiving, noting) = (back.clone(), seen.clone());
        tokio::spawn(async move {
            let mut buffer = vec![0; 65536];
            let mut count = 0;
            loop {
                // Refused while the server starts.
                let Ok(length) = receiving.recv(&mut buffer).await else { continue };
                count += 1;
                if !lose(false, count) && !noting.lock().unwrap().loses(length) {
                    let _ = down.send((Instant::now() + one_way, buffer[..length].to_vec()));
                }
            }
        });
        tokio::spawn(async move {
            while let Some((at, datagram)) = downward.recv().await {
                tokio::time::sleep_until(at).await;
                seen.lock().unwrap().note(false, client, &datagram);
                if seen.lock().unwrap().is_deaf(client) {
                    continue;
                }
                let _ = front.send_to(&datagram, client).await;
            }
        });
        while let Some((at, datagram)) = upward.recv().await {
            tokio::time::sleep_until(at).await;
            let _ = back.send(&datagram).await;
        }
    });
    up
}

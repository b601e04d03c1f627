//! A wire in front of a node, on which an adversary sits.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;

/// How soon it sees that it is to end.
const LOOK: Duration = Duration::from_millis(50);

/// Carries datagrams from one address to another, and drops as many as the adversary wants.
pub struct Wire {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Of a million datagrams, how many are dropped.
    dropping: AtomicU32,
    carried: AtomicU64,
    dropped: AtomicU64,
    stop: AtomicBool,
}

impl Wire {
    /// From where others send to, to where a node listens.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub fn new(from: &str, to: &str) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind(from).with_context(|| from.to_owned())?;
        socket.set_read_timeout(Some(LOOK))?;
        let to: SocketAddr = to.parse().with_context(|| to.to_owned())?;
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        let thread = std::thread::spawn(move || carry(&socket, to, &of_thread));
        Ok(Self { shared, thread: Some(thread) })
    }

    /// From now on drops that share of all datagrams: 0 to 1.
    pub fn drop_share(&self, share: f64) {
        self.shared.dropping.store((share.clamp(0.0, 1.0) * 1e6) as u32, Ordering::Relaxed);
    }

    /// Datagrams that were carried, and those that were dropped.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.shared.carried.load(Ordering::Relaxed), self.shared.dropped.load(Ordering::Relaxed))
    }
}

fn carry(socket: &UdpSocket, to: SocketAddr, shared: &Shared) {
    let mut datagram = [0; 65_536];
    while !shared.stop.load(Ordering::Relaxed) {
        let length = match socket.recv(&mut datagram) {
            Ok(length) => length,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => continue,
            // What came back for a datagram that was sent while the node was down.
            Err(_) => continue,
        };
        if rand::random_range(0..1_000_000) < shared.dropping.load(Ordering::Relaxed) {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
        } else if socket.send_to(&datagram[..length], to).is_ok() {
            shared.carried.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

//! A path that loses, delays and overtakes: each datagram for itself, by dice with a seed.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::net::UdpSocket;

/// How rough.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Roughness {
    /// Share of datagrams that are lost, either way.
    pub(crate) loss: f64,
    /// Share of datagrams that take twice as long, so that others overtake them.
    pub(crate) late: f64,
    /// How long the others take.
    pub(crate) one_way: Duration,
}

impl Roughness {
    fn fate(self, dice: &Mutex<StdRng>) -> Option<Duration> {
        let mut dice = dice.lock().unwrap();
        if dice.random_bool(self.loss) {
            return None;
        }
        Some(if dice.random_bool(self.late) { self.one_way * 2 } else { self.one_way })
    }
}

/// Starts a relay to `server`; each client source gets a socket of its own.
pub(crate) async fn start(server: SocketAddr, roughness: Roughness) -> SocketAddr {
    let front = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
    let address = front.local_addr().unwrap();
    let dice = Arc::new(Mutex::new(StdRng::seed_from_u64(1)));
    tokio::spawn(async move {
        let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
        let mut buffer = vec![0; 65536];
        loop {
            let (length, client) = front.recv_from(&mut buffer).await.unwrap();
            let back = match backs.get(&client) {
                Some(back) => back.clone(),
                None => {
                    let back = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
                    back.connect(server).await.unwrap();
                    tokio::spawn(down(back.clone(), front.clone(), client, roughness, dice.clone()));
                    backs.insert(client, back.clone());
                    back
                }
            };
            let datagram = buffer[..length].to_vec();
            later(roughness.fate(&dice), async move { back.send(&datagram).await });
        }
    });
    address
}

async fn down(
    back: Arc<UdpSocket>,
    front: Arc<UdpSocket>,
    client: SocketAddr,
    roughness: Roughness,
    dice: Arc<Mutex<StdRng>>,
) {
    let mut buffer = vec![0; 65536];
    loop {
        // Refused while the server starts.
        let Ok(length) = back.recv(&mut buffer).await else { continue };
        let (front, datagram) = (front.clone(), buffer[..length].to_vec());
        later(roughness.fate(&dice), async move { front.send_to(&datagram, client).await });
    }
}

fn later(delay: Option<Duration>, send: impl Future<Output = std::io::Result<usize>> + Send + 'static) {
    let Some(delay) = delay else { return };
    tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        // A socket that the client has closed meanwhile is a loss as well.
        let _ = send.await;
    });
}

//! The node in front of the mix: sends packets that it has, at random times.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use mimiq_mixing::link::{OVERHEAD, Outgoing};
use mimiq_mixing::udp::{BATCH, Udp, wait_exactly};
use rand::Rng as _;

use super::place::Place;
use super::sink::BUFFER;

/// How often it looks what is due: what comes in between goes with one system call.
const STEP: Duration = Duration::from_micros(200);

pub(super) struct Generator {
    udp: Udp,
    link: Outgoing,
    to: SocketAddr,
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
}

/// What was sent.
pub(super) struct Sent {
    pub(super) packets: u64,
    pub(super) time: Duration,
}

impl Generator {
    pub(super) fn new(place: &Place) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind(place.before.node.address)?;
        let udp = Udp::new(socket, place.directory.geometry().packet_len() + OVERHEAD, BUFFER)?;
        wait_exactly()?;
        Ok(Self { udp, link: place.outgoing()?, to: place.mix.address, datagrams: Vec::new() })
    }

    /// Sends all at so many per second, as a Poisson process. What the kernel does not take at once is not counted.
    pub(super) fn send<'a>(&mut self, packets: impl Iterator<Item = &'a [u8]>, rate: f64) -> anyhow::Result<Sent> {
        let (start, rng) = (Instant::now(), &mut rand::rng());
        let (mut due, mut sent, mut packets) = (0.0, 0, packets.peekable());
        while packets.peek().is_some() {
            let now = start.elapsed().as_secs_f64();
            let mut batch = 0;
            while due <= now
                && batch < BATCH
                && let Some(packet) = packets.next()
            {
                if self.datagrams.len() == batch {
                    self.datagrams.push((self.to, Vec::new()));
                }
                self.link.seal(packet, &mut self.datagrams[batch].1)?;
                batch += 1;
                due += -(1.0 - rng.random::<f64>()).ln() / rate;
            }
            sent += self.udp.send(&self.datagrams[..batch]).sent as u64;
            if batch < BATCH {
                thread::park_timeout(STEP);
            }
        }
        Ok(Sent { packets: sent, time: start.elapsed() })
    }
}

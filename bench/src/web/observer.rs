//! What an observer between client and server sees: connection IDs and ports, and at how many of the client's addresses.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    net::Ipv6Addr,
    path::Path,
};

use anyhow::Context as _;

use super::client::run_of;

/// Of the connection IDs that clients and servers in this part choose; the observer knows it from the handshakes.
const ID_LENGTH: usize = 8;
const ETHERNET: usize = 14;
const IPV6: usize = 40;
const UDP: usize = 8;

/// What was seen of some runs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    /// The client's addresses.
    pub(crate) addresses: usize,
    /// Connection IDs that were seen at more than one of them.
    pub(crate) links: Vec<Link>,
    /// Ports of the client's that were.
    pub(crate) ports: usize,
    /// The time between the first and the last packet to or from an address, the longest, seconds.
    pub(crate) longest: f64,
    /// The same, in the mean.
    pub(crate) mean: f64,
    /// The addresses that had packets in the same 100 ms, in the mean.
    pub(crate) at_once: f64,
}

/// A connection ID that gives a hop away.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    /// Whether the server chose it, so that it is in packets to the server.
    servers: bool,
    /// Where it was seen: the client's address, packets, and the times of the first and the last one, seconds.
    at: Vec<(Ipv6Addr, usize, f64, f64)>,
    /// Of one of these addresses: the first packet and the last.
    lives: Vec<(f64, f64)>,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an ID of the {}", if self.servers { "server's" } else { "client's" })?;
        let start = self.lives.iter().map(|(first, _)| *first).fold(f64::MAX, f64::min);
        for ((address, packets, first, last), (from, until)) in self.at.iter().zip(&self.lives) {
            let [first, last, from, until] = [first, last, from, until].map(|time| (time - start) * 1e3);
            write!(
                f,
                "; at {address}, in use from {from:.1} to {until:.1} ms: {packets} packets from {first:.1} to {last:.1} ms"
            )?;
        }
        Ok(())
    }
}

/// Packets with an ID at an address, and when the first and the last were seen, seconds.
type Use = (usize, f64, f64);

/// Reads a capture of Ethernet frames with IPv6 and UDP.
pub(super) fn read(capture: &Path, runs: &BTreeSet<u16>) -> anyhow::Result<Seen> {
    let bytes = fs::read(capture).with_context(|| capture.display().to_string())?;
    let mut rest = bytes.get(24..).context("capture: no header")?;
    let mut ids: BTreeMap<(bool, [u8; ID_LENGTH]), BTreeMap<Ipv6Addr, Use>> = BTreeMap::new();
    let mut ports: BTreeMap<u16, BTreeSet<Ipv6Addr>> = BTreeMap::new();
    let mut times: BTreeMap<Ipv6Addr, (f64, f64)> = BTreeMap::new();
    let mut slots: BTreeMap<u64, BTreeSet<Ipv6Addr>> = BTreeMap::new();
    while let Some((head, behind)) = rest.split_at_checked(16) {
        let field = |at: usize| head[at..at + 4].iter().rev().fold(0u32, |value, byte| value << 8 | u32::from(*byte));
        let time = f64::from(field(0)) + f64::from(field(4)) / 1e9;
        // The last one may not be written yet.
        let Some((frame, behind)) = behind.split_at_checked(field(8) as usize) else { break };
        rest = behind;
        let Some(packet) = parse(frame).filter(|packet| runs.contains(&run_of(packet.client))) else { continue };
        for id in packet.ids.into_iter().flatten() {
            let at = ids.entry(id).or_default().entry(packet.client).or_insert((0, time, time));
            (at.0, at.2) = (at.0 + 1, time);
        }
        ports.entry(packet.port).or_default().insert(packet.client);
        times.entry(packet.client).or_insert((time, time)).1 = time;
        slots.entry((time * 10.0) as u64).or_default().insert(packet.client);
    }
    let lives: Vec<f64> = times.values().map(|(first, last)| last - first).collect();
    let several = |at: &BTreeSet<Ipv6Addr>| at.len() > 1;
    Ok(Seen {
        addresses: times.len(),
        links: ids.iter().filter(|(_, at)| at.len() > 1).map(|((servers, _), at)| link(*servers, at, &times)).collect(),
        ports: ports.values().filter(|at| several(at)).count(),
        longest: lives.iter().copied().fold(0.0, f64::max),
        mean: lives.iter().sum::<f64>() / lives.len().max(1) as f64,
        at_once: slots.values().map(BTreeSet::len).sum::<usize>() as f64 / slots.len().max(1) as f64,
    })
}

fn link(servers: bool, at: &BTreeMap<Ipv6Addr, (usize, f64, f64)>, times: &BTreeMap<Ipv6Addr, (f64, f64)>) -> Link {
    let lives = at.keys().map(|address| times.get(address).copied().unwrap_or_default()).collect();
    let at = at.iter().map(|(address, (packets, first, last))| (*address, *packets, *first, *last)).collect();
    Link { servers, at, lives }
}

struct Packet {
    client: Ipv6Addr,
    port: u16,
    /// Connection IDs, and whether they are the server's.
    ids: [Option<(bool, [u8; ID_LENGTH])>; 2],
}

fn parse(frame: &[u8]) -> Option<Packet> {
    let ip = frame.get(ETHERNET..)?;
    let datagram = ip.get(IPV6 + UDP..)?;
    // Next header: UDP.
    if frame.get(12..ETHERNET)? != [0x86, 0xdd] || ip.get(6) != Some(&17) {
        return None;
    }
    let address = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(ip.get(at..at + 16)?).ok()?));
    let port = |at: usize| Some(u16::from_be_bytes([*ip.get(IPV6 + at)?, *ip.get(IPV6 + at + 1)?]));
    let (source, destination) = (address(8)?, address(24)?);
    let up = destination == super::SERVER;
    let (client, port) = if up { (source, port(0)?) } else { (destination, port(2)?) };
    let id = |at: usize| datagram.get(at..at + ID_LENGTH)?.try_into().ok();
    let ids = if *datagram.first()? & 0x80 == 0 {
        [id(1).map(|id| (up, id)), None]
    } else if datagram.get(5) == Some(&(ID_LENGTH as u8)) && datagram.get(14) == Some(&(ID_LENGTH as u8)) {
        [id(6).map(|id| (up, id)), id(15).map(|id| (!up, id))]
    } else {
        [None, None]
    };
    Some(Packet { client, port, ids })
}

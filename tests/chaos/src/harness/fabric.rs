//! The way of control datagrams between clients and the controller: what the switches' pipelines do with them.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
use mimiq_contract::{
    MacAddr, PortId,
    relay::{Direction, HEADER_LEN, RelayHeader},
    wellknown::{CONTROL_PORT, GATEWAY, GATEWAY_MAC, RELAY_PORT},
};
use tokio::{net::UdpSocket, sync::broadcast};

/// Where a client is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The client-facing switch.
    pub sid: u16,
    /// Its port.
    pub port: PortId,
    /// The client's address on it.
    pub mac: MacAddr,
}

/// What passes from a client to the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// A part of a QUIC handshake.
    Handshake,
    /// Anything else.
    Datagram,
}

/// All client-facing switches' relays.
#[derive(Debug)]
pub struct Fabric {
    relays: HashMap<u16, UdpSocket>,
    controller: SocketAddr,
    hosts: Mutex<HashMap<MacAddr, Arc<Host>>>,
    passing: broadcast::Sender<Passing>,
}

/// A client's host.
#[derive(Debug)]
pub struct Host {
    place: Mutex<Place>,
    /// The client's link: where it sends to.
    link: UdpSocket,
}

impl Host {
    /// Where it is.
    pub fn place(&self) -> Place {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects it somewhere else; connections of its applications go on from there.
    pub fn move_to(&self, sid: u16, port: PortId) {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Place { sid, port, ..*place };
    }

    /// Where its applications send to.
    ///
    /// # Errors
    /// If the socket is gone.
    pub fn gateway(&self) -> std::io::Result<SocketAddr> {
        self.link.local_addr()
    }
}

impl Fabric {
    /// Relays at these internal addresses, to the controller at its own.
    ///
    /// # Errors
    /// If an address cannot be bound.
    pub async fn start(tunnels: &[(u16, Ipv4Addr)], controller: Ipv4Addr) -> anyhow::Result<Arc<Self>> {
        let mut relays = HashMap::new();
        for (sid, tunnel) in tunnels {
            let socket = UdpSocket::bind((*tunnel, RELAY_PORT)).await.with_context(|| format!("relay {tunnel}"))?;
            relays.insert(*sid, socket);
        }
        let controller = (controller, RELAY_PORT).into();
        let fabric = Arc::new(Self { relays, controller, hosts: Mutex::default(), passing: broadcast::channel(64).0 });
        for (sid, _) in tunnels {
            tokio::spawn(fabric.clone().to_clients(*sid));
        }
        Ok(fabric)
    }

    /// What passes to the controller from now on.
    pub fn passing(&self) -> broadcast::Receiver<Passing> {
        self.passing.subscribe()
    }

    /// A new host.
    ///
    /// # Errors
    /// If the system has no socket for it.
    pub async fn attach(self: &Arc<Self>, place: Place) -> anyhow::Result<Arc<Host>> {
        let link = UdpSocket::bind("127.0.0.1:0").await.context("a link")?;
        let host = Arc::new(Host { place: Mutex::new(place), link });
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).insert(place.mac, host.clone());
        tokio::spawn(self.clone().to_controller(host.clone()));
        Ok(host)
    }

    async fn to_controller(self: Arc<Self>, host: Arc<Host>) {
        let mut buffer = [0; 2048];
        loop {
            // An application that is gone answers with an ICMP error, which the next call reports.
            let Ok((length, from)) = host.link.recv_from(&mut buffer).await else { continue };
            let Some(payload) = buffer.get(..length) else { continue };
            let place = host.place();
            let Some(relay) = self.relays.get(&place.sid) else { continue };
            let Some(frame) = wrap(place, from.port(), payload) else { continue };
            // As lost as any datagram, if the controller is dead.
            let _ = relay.send_to(&frame, self.controller).await;
            // QUIC's long headers (RFC 9000 §17.2).
            let handshake = payload.first().is_some_and(|byte| byte & 0x80 != 0);
            let _ = self.passing.send(if handshake { Passing::Handshake } else { Passing::Datagram });
        }
    }

    async fn to_clients(self: Arc<Self>, sid: u16) {
        let Some(relay) = self.relays.get(&sid) else { return };
        let mut buffer = [0; 2048];
        loop {
            let Ok((length, _)) = relay.recv_from(&mut buffer).await else { continue };
            let Some((place, port, payload)) = buffer.get(..length).and_then(|bytes| unwrap(sid, bytes)) else {
                continue;
            };
            let host = self.hosts.lock().unwrap_or_else(PoisonError::into_inner).get(&place.mac).cloned();
            // A frame that leaves at a port where the host no longer is is lost.
            if let Some(host) = host.filter(|host| host.place() == place) {
                let _ = host.link.send_to(payload, (Ipv4Addr::LOCALHOST, port)).await;
            }
        }
    }
}

fn wrap(place: Place, udp_port: u16, payload: &[u8]) -> Option<Vec<u8>> {
    let Place { sid, port, mac } = place;
    let mut bytes = RelayHeader { direction: Direction::FromClient, sid, port }.emit().to_vec();
    let link_local = Ipv6Addr::from_bits(0xfe80 << 112 | u128::from(mac.0[5]) << 32 | 0x1234);
    PacketBuilder::ethernet2(mac.0, GATEWAY_MAC.0)
        .ipv6(link_local.octets(), GATEWAY.octets(), 255)
        .udp(udp_port, CONTROL_PORT)
        .write(&mut bytes, payload)
        .ok()?;
    Some(bytes)
}

fn unwrap(sid: u16, bytes: &[u8]) -> Option<(Place, u16, &[u8])> {
    let header = RelayHeader::parse(bytes).ok().filter(|header| header.direction == Direction::ToClient)?;
    let packet = SlicedPacket::from_ethernet(bytes.get(HEADER_LEN..)?).ok()?;
    let mac = MacAddr(packet.link.as_ref()?.to_header()?.ethernet2()?.destination);
    let Some(TransportSlice::Udp(udp)) = packet.transport else { return None };
    Some((Place { sid, port: header.port, mac }, udp.destination_port(), udp.payload()))
}

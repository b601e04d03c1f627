use std::{
    collections::HashMap,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
use mimiq_contract::{
    MacAddr, PortId,
    relay::{Direction, HEADER_LEN, RelayHeader},
    wellknown::{CONTROL_PORT, GATEWAY, GATEWAY_MAC, RELAY_PORT},
};
use tokio::net::UdpSocket;

/// What a client-facing switch's pipeline does with control datagrams, between a UDP socket for each client and the
/// controller.
pub struct Relay {
    sid: u16,
    controller: SocketAddr,
    fabric: Arc<UdpSocket>,
    clients: Clients,
}

/// By port and MAC: the client's socket here, and where the client sends from.
type Clients = Arc<Mutex<HashMap<(PortId, MacAddr), (Arc<UdpSocket>, SocketAddr)>>>;

/// The client at a port: one a port.
pub fn mac_at(port: u16) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0x77, port as u8])
}

fn link_local(mac: MacAddr) -> Ipv6Addr {
    Ipv6Addr::from_bits(0xfe80 << 112 | u128::from(mac.0[5]) << 32 | 0x1234)
}

impl Relay {
    pub async fn start(sid: u16, tunnel: Ipv4Addr, controller: Ipv4Addr) -> Self {
        let fabric = Arc::new(UdpSocket::bind((tunnel, RELAY_PORT)).await.unwrap());
        let clients = Clients::default();
        tokio::spawn(to_clients(fabric.clone(), clients.clone()));
        Self { sid, controller: (controller, RELAY_PORT).into(), fabric, clients }
    }

    /// A new client at this port: returns where it sends to.
    pub async fn attach(&self, port: u16) -> SocketAddr {
        self.attach_as(port, mac_at(port)).await
    }

    /// A new client at this port that says it has this MAC address.
    pub async fn attach_as(&self, port: u16, mac: MacAddr) -> SocketAddr {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let address = socket.local_addr().unwrap();
        let header = RelayHeader { direction: Direction::FromClient, sid: self.sid, port: PortId(port) };
        let (fabric, controller, clients) = (self.fabric.clone(), self.controller, self.clients.clone());
        tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                clients.lock().unwrap().insert((PortId(port), mac), (socket.clone(), from));
                let frame = wrap(header, mac, from.port(), &buffer[..length]);
                fabric.send_to(&frame, controller).await.unwrap();
            }
        });
        address
    }

    /// Sends bytes as the switch's own.
    pub async fn inject(&self, bytes: &[u8]) {
        self.fabric.send_to(bytes, self.controller).await.unwrap();
    }
}

fn wrap(header: RelayHeader, mac: MacAddr, udp_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header.emit().to_vec();
    PacketBuilder::ethernet2(mac.0, GATEWAY_MAC.0)
        .ipv6(link_local(mac).octets(), GATEWAY.octets(), 255)
        .udp(udp_port, CONTROL_PORT)
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}

async fn to_clients(fabric: Arc<UdpSocket>, clients: Clients) {
    let mut buffer = [0; 2048];
    while let Ok((length, _)) = fabric.recv_from(&mut buffer).await {
        let header = RelayHeader::parse(&buffer[..length]).unwrap();
        assert_eq!(header.direction, Direction::ToClient);
        let packet = SlicedPacket::from_ethernet(&buffer[HEADER_LEN..length]).unwrap();
        let mac = MacAddr(packet.link.and_then(|link| link.to_header()).unwrap().ethernet2().unwrap().destination);
        let Some(TransportSlice::Udp(udp)) = packet.transport else { panic!("no UDP") };
        assert_eq!(udp.source_port(), CONTROL_PORT);
        let client = clients.lock().unwrap().get(&(header.port, mac)).cloned();
        let (socket, address) = client.expect("a reply to a client that never asked");
        assert_eq!(udp.destination_port(), address.port());
        // The client may be gone.
        let _ = socket.send_to(udp.payload(), address).await;
    }
}

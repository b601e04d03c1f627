use std::net::Ipv4Addr;

use mimiq_contract::MacAddr;

use super::field::At;

/// Length of an ARP packet of IPv4 over Ethernet, bytes.
pub(crate) const LEN: usize = 28;
/// Operation: request.
pub(crate) const REQUEST: u16 = 1;
/// Operation: reply.
pub(crate) const REPLY: u16 = 2;

/// Hardware type Ethernet, protocol type IPv4, address lengths 6 and 4.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// ARP of IPv4 over Ethernet (RFC 826).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arp {
    pub(crate) operation: u16,
    pub(crate) sender_mac: MacAddr,
    pub(crate) sender_addr: Ipv4Addr,
    pub(crate) target_mac: MacAddr,
    pub(crate) target_addr: Ipv4Addr,
}

impl Arp {
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let packet = bytes.first_chunk::<LEN>()?;
        if At::<0>::get(packet) != ETHERNET_IPV4 {
            return None;
        }
        Some(Self {
            operation: u16::from_be_bytes(At::<6>::get(packet)),
            sender_mac: MacAddr(At::<8>::get(packet)),
            sender_addr: Ipv4Addr::from(At::<14>::get(packet)),
            target_mac: MacAddr(At::<18>::get(packet)),
            target_addr: Ipv4Addr::from(At::<24>::get(packet)),
        })
    }

    pub(crate) fn emit(&self) -> [u8; LEN] {
        let mut packet = [0; LEN];
        At::<0>::put(&mut packet, ETHERNET_IPV4);
        At::<6>::put(&mut packet, self.operation.to_be_bytes());
        At::<8>::put(&mut packet, self.sender_mac.0);
        At::<14>::put(&mut packet, self.sender_addr.octets());
        At::<18>::put(&mut packet, self.target_mac.0);
        At::<24>::put(&mut packet, self.target_addr.octets());
        packet
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{ArpHardwareId, ArpOperation, ArpPacket, EtherType};

    use super::*;

    #[test]
    fn agrees_with_etherparse() {
        let hardware = ArpHardwareId::ETHERNET;
        let reference = ArpPacket::new(
            hardware,
            EtherType::IPV4,
            ArpOperation::REQUEST,
            &[1, 2, 3, 4, 5, 6],
            &[192, 0, 2, 1],
            &[0; 6],
            &[192, 0, 2, 2],
        )
        .unwrap()
        .to_bytes();
        let ours = Arp::parse(&reference).unwrap();
        assert_eq!((ours.operation, ours.sender_mac), (REQUEST, MacAddr([1, 2, 3, 4, 5, 6])));
        assert_eq!((ours.sender_addr, ours.target_addr), (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)));
        assert_eq!(ours.emit()[..], reference[..]);
        (0..LEN).for_each(|len| assert_eq!(Arp::parse(&reference[..len]), None));
        for at in 0..6 {
            let mut bad = ours.emit();
            bad[at] ^= 1;
            assert_eq!(Arp::parse(&bad), None, "byte {at}");
        }
    }
}

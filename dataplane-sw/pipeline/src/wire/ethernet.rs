use mimiq_contract::MacAddr;

use super::field::At;

/// Length of an Ethernet header, bytes.
pub(crate) const LEN: usize = 14;
/// EtherType of IPv4.
pub(crate) const IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub(crate) const ARP: u16 = 0x0806;
/// EtherType of IPv6.
pub(crate) const IPV6: u16 = 0x86dd;

/// An Ethernet II header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ethernet {
    pub(crate) dst: MacAddr,
    pub(crate) src: MacAddr,
    pub(crate) ether_type: u16,
}

impl Ethernet {
    #[inline]
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<LEN>()?;
        Some(Self {
            dst: MacAddr(At::<0>::get(header)),
            src: MacAddr(At::<6>::get(header)),
            ether_type: u16::from_be_bytes(At::<12>::get(header)),
        })
    }

    #[inline]
    pub(crate) fn emit(&self) -> [u8; LEN] {
        let mut header = [0; LEN];
        At::<0>::put(&mut header, self.dst.0);
        At::<6>::put(&mut header, self.src.0);
        At::<12>::put(&mut header, self.ether_type.to_be_bytes());
        header
    }
}

/// Whether the address is a group's (multicast, broadcast).
#[inline]
pub(crate) fn is_group(mac: MacAddr) -> bool {
    mac.0[0] & 1 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_etherparse() {
        let reference = etherparse::Ethernet2Header {
            destination: [1, 2, 3, 4, 5, 6],
            source: [7, 8, 9, 10, 11, 12],
            ether_type: etherparse::EtherType::IPV6,
        };
        let ours = Ethernet::parse(&reference.to_bytes()).unwrap();
        assert_eq!(
            ours,
            Ethernet { dst: MacAddr([1, 2, 3, 4, 5, 6]), src: MacAddr([7, 8, 9, 10, 11, 12]), ether_type: IPV6 }
        );
        assert_eq!(ours.emit(), reference.to_bytes());
        (0..LEN).for_each(|len| assert_eq!(Ethernet::parse(&reference.to_bytes()[..len]), None));
    }
}

use std::net::Ipv4Addr;

use mimiq_contract::DropReason;

use super::{checksum, field::At};

/// Length of a header without options, bytes.
pub(crate) const LEN: usize = 20;

/// An IPv4 header without options (RFC 791).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ipv4 {
    /// Header and payload, bytes.
    pub(crate) total_len: u16,
    pub(crate) dont_fragment: bool,
    /// In units of 8 bytes.
    pub(crate) fragment_offset: u16,
    pub(crate) ttl: u8,
    pub(crate) protocol: u8,
    pub(crate) src: Ipv4Addr,
    pub(crate) dst: Ipv4Addr,
}

impl Ipv4 {
    /// Reads a header whose packet is within `bytes` and whose checksum is right.
    #[inline]
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, DropReason> {
        let header = bytes.first_chunk::<LEN>().ok_or(DropReason::TruncatedIp)?;
        match header[0] {
            0x45 => {}
            first if first >> 4 == 4 => return Err(DropReason::Ipv4Options),
            _ => return Err(DropReason::IpVersion),
        }
        let total_len = u16::from_be_bytes(At::<2>::get(header));
        if usize::from(total_len) < LEN || usize::from(total_len) > bytes.len() {
            return Err(DropReason::TruncatedIp);
        }
        if checksum::fold(checksum::sum(header)) != 0xffff {
            return Err(DropReason::Ipv4Checksum);
        }
        let fragment = u16::from_be_bytes(At::<6>::get(header));
        Ok(Self {
            total_len,
            dont_fragment: fragment & 0x4000 != 0,
            fragment_offset: fragment & 0x1fff,
            ttl: header[8],
            protocol: header[9],
            src: Ipv4Addr::from(At::<12>::get(header)),
            dst: Ipv4Addr::from(At::<16>::get(header)),
        })
    }

    /// The header's bytes, with identification and type of service 0.
    pub(crate) fn emit(&self) -> [u8; LEN] {
        let mut header = [0; LEN];
        header[0] = 0x45;
        At::<2>::put(&mut header, self.total_len.to_be_bytes());
        let fragment = u16::from(self.dont_fragment) << 14 | self.fragment_offset & 0x1fff;
        At::<6>::put(&mut header, fragment.to_be_bytes());
        header[8] = self.ttl;
        header[9] = self.protocol;
        At::<12>::put(&mut header, self.src.octets());
        At::<16>::put(&mut header, self.dst.octets());
        let checksum = !checksum::fold(checksum::sum(&header));
        At::<10>::put(&mut header, checksum.to_be_bytes());
        header
    }
}

/// Decrements the TTL, at least 1, of the header at the start of `packet`.
#[inline]
pub(crate) fn decrement_ttl(packet: &mut [u8]) {
    if let Some(header) = packet.first_chunk_mut::<LEN>() {
        let old = u16::from_be_bytes(At::<8>::get(header));
        header[8] = header[8].saturating_sub(1);
        let new = u16::from_be_bytes(At::<8>::get(header));
        let checksum = checksum::update(u16::from_be_bytes(At::<10>::get(header)), old, new);
        At::<10>::put(header, checksum.to_be_bytes());
    }
}

/// Link-local, multicast, loopback, unspecified or broadcast: an address that is not forwarded.
#[inline]
pub(crate) fn is_local(addr: Ipv4Addr) -> bool {
    addr.is_link_local() || addr.is_multicast() || addr.is_loopback() || addr.is_unspecified() || addr.is_broadcast()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reference(ttl: u8, payload: u16) -> etherparse::Ipv4Header {
        let protocol = etherparse::IpNumber::UDP;
        let mut header =
            etherparse::Ipv4Header::new(payload, ttl, protocol, [192, 0, 2, 1], [198, 51, 100, 2]).unwrap();
        header.header_checksum = header.calc_header_checksum();
        header
    }

    #[test]
    fn agrees_with_etherparse() {
        let bytes = reference(7, 0).to_bytes();
        let ours = Ipv4::parse(&bytes).unwrap();
        assert_eq!((ours.total_len, ours.ttl, ours.protocol), (20, 7, 17));
        assert_eq!(ours.emit()[..], bytes[..]);
    }

    #[test]
    fn refuses_truncated_and_malformed_headers() {
        let good = reference(7, 0).to_bytes();
        (0..LEN).for_each(|len| assert_eq!(Ipv4::parse(&good[..len]), Err(DropReason::TruncatedIp)));
        for (at, value, reason) in [
            (0, 0x65, DropReason::IpVersion),
            (0, 0x46, DropReason::Ipv4Options),
            (0, 0x44, DropReason::Ipv4Options),
            (3, 19, DropReason::TruncatedIp),
            (3, 21, DropReason::TruncatedIp),
            (8, 6, DropReason::Ipv4Checksum),
        ] {
            let mut bad = good.clone();
            bad[at] = value;
            assert_eq!(Ipv4::parse(&bad), Err(reason), "byte {at} = {value}");
        }
    }

    proptest! {
        #[test]
        fn ttl_decrement_keeps_the_checksum_right(ttl in 1u8.., payload in 0u16..1400, id: u16) {
            let mut header = reference(ttl, payload);
            header.identification = id;
            header.header_checksum = header.calc_header_checksum();
            let mut bytes = header.to_bytes();
            decrement_ttl(&mut bytes);
            header.time_to_live -= 1;
            header.header_checksum = header.calc_header_checksum();
            prop_assert_eq!(bytes, header.to_bytes());
        }
    }
}

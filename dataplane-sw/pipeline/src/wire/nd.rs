//! Neighbour solicitation and advertisement (RFC 4861 §4.3, §4.4).

use std::net::Ipv6Addr;

use mimiq_contract::MacAddr;

use super::{
    checksum,
    field::At,
    ipv6::{ICMPV6, Ipv6},
};

/// The ICMPv6 types of neighbour discovery: router and neighbour solicitation and advertisement, redirect.
pub(crate) const TYPES: std::ops::RangeInclusive<u8> = 133..=137;
/// ICMPv6 type of a neighbour solicitation.
pub(crate) const SOLICITATION: u8 = 135;
/// Length of an advertisement with the target's link-layer address, bytes.
pub(crate) const ADVERTISEMENT_LEN: usize = 32;

const ADVERTISEMENT: u8 = 136;
const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
const SOURCE_LINK_LAYER_OPTION: u8 = 1;
const TARGET_LINK_LAYER_OPTION: u8 = 2;
/// The link-layer address of [`ALL_NODES`] (RFC 2464 §7).
pub(crate) const ALL_NODES_MAC: MacAddr = MacAddr([0x33, 0x33, 0, 0, 0, 1]);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The target of a solicitation that fulfils RFC 4861 §7.1.1; `icmp` is all of the ICMPv6 message. There is room for two options
/// of 8 bytes, or one of 16: a P4 parser takes a header of one of a few lengths, and hosts send the source's address at most.
pub(crate) fn solicitation_target(ip: &Ipv6, icmp: &[u8]) -> Option<Ipv6Addr> {
    let (header, mut options) = icmp.split_first_chunk::<24>().filter(|(_, options)| options.len() <= 16)?;
    let target = Ipv6Addr::from(At::<8>::get(header));
    let (src, dst) = (ip.src.addr(), ip.dst.addr());
    let sum = checksum::pseudo_sum(src, dst, icmp.len(), ICMPV6) + checksum::sum(icmp);
    let valid = ip.hop_limit == 255 && header[1] == 0 && checksum::fold(sum) == 0xffff;
    // A multicast source is never valid (RFC 4291 §2.7).
    if !valid || target.is_multicast() || src.is_multicast() || (src.is_unspecified() && !is_solicited_node(dst)) {
        return None;
    }
    while let [kind, units, ..] = options {
        if *kind == SOURCE_LINK_LAYER_OPTION && src.is_unspecified() {
            return None;
        }
        options = options.get(8 * usize::from(*units)..).filter(|_| *units > 0)?;
    }
    options.is_empty().then_some(target)
}

fn is_solicited_node(addr: Ipv6Addr) -> bool {
    addr.octets().starts_with(&[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff])
}

/// The answer: its destination, and the ICMPv6 message. To the unspecified address, which detects duplicates, it is a
/// multicast (§7.2.4).
pub(crate) fn advertisement(
    solicitor: Ipv6Addr,
    target: Ipv6Addr,
    mac: MacAddr,
) -> (Ipv6Addr, [u8; ADVERTISEMENT_LEN]) {
    let (dst, flags) = match solicitor.is_unspecified() {
        true => (ALL_NODES, ROUTER | OVERRIDE),
        false => (solicitor, ROUTER | SOLICITED | OVERRIDE),
    };
    let mut icmp = [0; ADVERTISEMENT_LEN];
    icmp[0] = ADVERTISEMENT;
    icmp[4] = flags;
    At::<8>::put(&mut icmp, target.octets());
    icmp[24] = TARGET_LINK_LAYER_OPTION;
    icmp[25] = 1;
    At::<26>::put(&mut icmp, mac.0);
    let checksum = !checksum::fold(checksum::pseudo_sum(target, dst, icmp.len(), ICMPV6) + checksum::sum(&icmp));
    At::<2>::put(&mut icmp, checksum.to_be_bytes());
    (dst, icmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_solicitations_of_three_lengths() {
        let (src, target) = (Ipv6Addr::from([2; 16]), Ipv6Addr::from([3; 16]));
        // An advertisement's bytes with the type of a solicitation and more options, and its checksum made right for each length.
        let (dst, icmp) = advertisement(src, target, MacAddr([1; 6]));
        let mut icmp = [&icmp[..], &[14, 1, 0, 0, 0, 0, 0, 0].repeat(3)].concat();
        (icmp[0], icmp[2], icmp[3]) = (SOLICITATION, 0, 0);
        for len in 0..=icmp.len() {
            let mut cut = icmp[..len].to_vec();
            let sum = checksum::pseudo_sum(src, dst, len, ICMPV6) + checksum::sum(&cut);
            if let Some(field) = cut.get_mut(2..4) {
                field.copy_from_slice(&(!checksum::fold(sum)).to_be_bytes());
            }
            let payload_len = len as u16;
            let ip = Ipv6 {
                class_and_flow: 0,
                payload_len,
                next_header: ICMPV6,
                hop_limit: 255,
                src: src.into(),
                dst: dst.into(),
            };
            // Whole without options, and with one and two of them.
            assert_eq!(solicitation_target(&ip, &cut), [24, 32, 40].contains(&len).then_some(target), "{len} bytes");
        }
    }
}

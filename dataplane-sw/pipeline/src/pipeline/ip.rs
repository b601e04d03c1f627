use std::ops::Range;

use mimiq_contract::DropReason;

use crate::wire::{ethernet, ipv4, ipv4::Ipv4, ipv6, ipv6::Ipv6};

/// The header of an IP packet.
#[derive(Debug, Clone, Copy)]
pub(super) enum Header {
    V4(Ipv4),
    V6(Ipv6),
}

/// An IP packet, inside its buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ip {
    pub(super) header: Header,
    /// Where the packet starts in the buffer.
    pub(super) at: usize,
}

impl Ip {
    /// To be filled in.
    pub(super) const EMPTY: Self = Self { header: Header::V6(Ipv6::EMPTY), at: 0 };

    /// Becomes the IPv4 packet at the start of `range` of the buffer; bytes behind the packet's length may follow.
    #[inline]
    pub(super) fn read_v4(&mut self, buf: &[u8], range: Range<usize>) -> Result<(), DropReason> {
        self.at = range.start;
        self.header = Header::V4(Ipv4::parse(buf.get(range).unwrap_or_default())?);
        Ok(())
    }

    /// As [`Self::read_v4`], for IPv6.
    #[inline]
    pub(super) fn read_v6(&mut self, buf: &[u8], range: Range<usize>) -> Result<(), DropReason> {
        self.at = range.start;
        self.header = Header::V6(Ipv6::parse(buf.get(range).unwrap_or_default())?);
        Ok(())
    }

    /// Header and payload, bytes.
    #[inline]
    pub(super) fn len(&self) -> usize {
        match &self.header {
            Header::V4(ip) => usize::from(ip.total_len),
            Header::V6(ip) => ipv6::LEN + usize::from(ip.payload_len),
        }
    }

    #[inline]
    pub(super) fn hop_limit(&self) -> u8 {
        match &self.header {
            Header::V4(ip) => ip.ttl,
            Header::V6(ip) => ip.hop_limit,
        }
    }

    /// Decrements the hop limit in the buffer.
    #[inline]
    pub(super) fn decrement_hop_limit(&self, buf: &mut [u8]) {
        let packet = buf.get_mut(self.at..).unwrap_or_default();
        match &self.header {
            Header::V4(_) => ipv4::decrement_ttl(packet),
            Header::V6(_) => ipv6::decrement_hop_limit(packet),
        }
    }

    /// Whether neither address is link-local, multicast, loopback or unspecified.
    #[inline]
    pub(super) fn is_forwardable(&self) -> bool {
        match &self.header {
            Header::V4(ip) => !ipv4::is_local(ip.src) && !ipv4::is_local(ip.dst),
            Header::V6(ip) => !ipv6::is_local(ip.src) && !ipv6::is_local(ip.dst),
        }
    }

    #[inline]
    pub(super) fn ether_type(&self) -> u16 {
        match &self.header {
            Header::V4(_) => ethernet::IPV4,
            Header::V6(_) => ethernet::IPV6,
        }
    }
}

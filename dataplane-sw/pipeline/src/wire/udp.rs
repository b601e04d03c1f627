use super::field::At;

/// Length of the header, bytes.
pub(crate) const LEN: usize = 8;

/// A UDP header (RFC 768) without its checksum, which the pipeline neither checks nor computes: around control datagrams it
/// is zero (RFC 6935).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Udp {
    pub(crate) src_port: u16,
    pub(crate) dst_port: u16,
    /// Header and payload, bytes; as it stands in the header.
    pub(crate) len: u16,
}

impl Udp {
    #[inline]
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<LEN>()?;
        Some(Self {
            src_port: u16::from_be_bytes(At::<0>::get(header)),
            dst_port: u16::from_be_bytes(At::<2>::get(header)),
            len: u16::from_be_bytes(At::<4>::get(header)),
        })
    }

    pub(crate) fn emit(&self) -> [u8; LEN] {
        let mut header = [0; LEN];
        At::<0>::put(&mut header, self.src_port.to_be_bytes());
        At::<2>::put(&mut header, self.dst_port.to_be_bytes());
        At::<4>::put(&mut header, self.len.to_be_bytes());
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_etherparse() {
        let reference = etherparse::UdpHeader { source_port: 1, destination_port: 0xabcd, length: 300, checksum: 0 };
        let ours = Udp::parse(&reference.to_bytes()).unwrap();
        assert_eq!(ours, Udp { src_port: 1, dst_port: 0xabcd, len: 300 });
        assert_eq!(ours.emit(), reference.to_bytes());
        (0..LEN).for_each(|len| assert_eq!(Udp::parse(&reference.to_bytes()[..len]), None));
    }
}

//! The relay header: what goes in comes out, and nothing that arrives panics.

use mimiq_contract::{
    PortId,
    relay::{Direction, HEADER_LEN, RelayError, RelayHeader, VERSION},
};
use proptest::prelude::*;

fn header() -> impl Strategy<Value = RelayHeader> {
    let direction = prop_oneof![Just(Direction::FromClient), Just(Direction::ToClient)];
    (direction, any::<u16>(), 0..PortId::COUNT as u16).prop_map(|(direction, sid, port)| RelayHeader {
        direction,
        sid,
        port: PortId(port),
    })
}

#[test]
fn bytes_are_those_of_the_description() {
    let header = RelayHeader { direction: Direction::ToClient, sid: 0x1234, port: PortId(0x1ab) };
    assert_eq!(header.emit(), [1, 2, 0x12, 0x34, 0x01, 0xab, 0, 0]);
}

proptest! {
    #[test]
    fn round_trip(header in header(), frame in any::<Vec<u8>>()) {
        let bytes = [&header.emit()[..], &frame].concat();
        prop_assert_eq!(RelayHeader::parse(&bytes), Ok(header));
    }

    #[test]
    fn reserved_bytes_are_ignored(header in header(), reserved in any::<[u8; 2]>()) {
        let mut bytes = header.emit();
        bytes[6..].copy_from_slice(&reserved);
        prop_assert_eq!(RelayHeader::parse(&bytes), Ok(header));
    }

    #[test]
    fn every_truncation_is_refused(header in header()) {
        for length in 0..HEADER_LEN {
            prop_assert_eq!(RelayHeader::parse(&header.emit()[..length]), Err(RelayError::Truncated(length)));
        }
    }

    #[test]
    fn unknown_values_are_refused_by_name(header in header(), value in any::<u8>(), port in 512..=u16::MAX) {
        let with = |at: usize, new: &[u8]| {
            let mut bytes = header.emit();
            bytes[at..at + new.len()].copy_from_slice(new);
            RelayHeader::parse(&bytes)
        };
        if value != VERSION {
            prop_assert_eq!(with(0, &[value]), Err(RelayError::Version(value)));
            prop_assert_eq!(RelayError::Version(value).to_string(), format!("relay version: {value}, known is 1"));
        }
        if !(1..=2).contains(&value) {
            prop_assert_eq!(with(1, &[value]), Err(RelayError::Type(value)));
            prop_assert_eq!(RelayError::Type(value).to_string(), format!("relay type: {value}, known are 1 and 2"));
        }
        prop_assert_eq!(with(4, &port.to_be_bytes()), Err(RelayError::Port(port)));
        prop_assert_eq!(RelayError::Port(port).to_string(), format!("relay port: {port}, the largest is 511"));
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in proptest::collection::vec(0..4u8, 0..12)) {
        if let Ok(header) = RelayHeader::parse(&bytes) {
            prop_assert_eq!(&header.emit()[..6], &bytes[..6]);
        }
    }
}

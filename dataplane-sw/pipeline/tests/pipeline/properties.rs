//! Properties that hold for any frame.

use std::net::{Ipv4Addr, Ipv6Addr};

use mimiq_contract::{
    DropReason, MacAddr, PortId,
    wellknown::{CONTROL_PORT, GATEWAY},
};
use mimiq_pipeline::{HEADROOM, Packet, Verdict};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{frames::*, malformed::corpus, switch::*};

fn any_port() -> impl Strategy<Value = PortId> {
    select(vec![CLIENT, OTHER_CLIENT, FABRIC, UPSTREAM, UNUSED])
}

/// A frame of the corpus with some bytes changed, cut or lengthened.
fn mutated() -> impl Strategy<Value = (PortId, Vec<u8>)> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (select(corpus()), changes, prop::option::of(0..200usize)).prop_map(|((port, mut frame), changes, len)| {
        for (at, value) in changes {
            // Mostly in the headers.
            let at = at.index(frame.len().min(110));
            frame[at] = value;
        }
        frame.resize(len.unwrap_or(frame.len()), 0x5a);
        (port, frame)
    })
}

fn any_frame() -> impl Strategy<Value = (PortId, Vec<u8>)> {
    prop_oneof![mutated(), (any_port(), vec(any::<u8>(), 0..200))]
}

fn source(frame: &[u8]) -> Option<(bool, u128)> {
    match frame.get(12..14)? {
        [0x86, 0xdd] => Some((true, Ipv6Addr::from(*frame.get(22..)?.first_chunk::<16>()?).to_bits())),
        [0x08, 0x00] => Some((false, Ipv4Addr::from(*frame.get(26..)?.first_chunk::<4>()?).to_bits().into())),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_packet_of_a_batch_has_a_verdict_and_stays_in_its_buffer(
        frames in vec(any_frame(), 0..80),
        headroom in select(vec![0, 20, 48, 70, HEADROOM]),
        tailroom in select(vec![0, 100]),
    ) {
        let mut switch = Switch::new();
        let mut buffers: Vec<_> =
            frames.iter().map(|(_, frame)| [&vec![0; headroom][..], frame, &vec![0; tailroom]].concat()).collect();
        let mut packets: Vec<_> = buffers
            .iter_mut()
            .zip(&frames)
            .map(|(buf, (port, frame))| Packet { buf, start: headroom, len: frame.len(), port: *port })
            .collect();
        let mut verdicts = vec![Verdict::Send(UNUSED)];
        switch.pipeline.process(&switch.reader.enter(), 0, &mut packets, &mut verdicts);
        prop_assert_eq!(verdicts.len(), frames.len());
        prop_assert!(packets.iter().all(|packet| packet.start + packet.len <= packet.buf.len()));
        let dropped: u64 = DropReason::ALL.iter().map(|reason| switch.drops.get(*reason).0).sum();
        let verdicts = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Drop(_))).count() as u64;
        // A packet answered by an ICMP error is dropped too; the meter lets pass ten in no time.
        prop_assert!(verdicts <= dropped && dropped <= verdicts + 10, "{dropped} counted, {verdicts} verdicts");
    }

    #[test]
    fn a_packet_of_a_batch_fares_as_it_would_alone(frames in vec(any_frame(), 0..100)) {
        let (mut together, mut alone) = (Switch::new(), Switch::new());
        let mut buffers: Vec<_> =
            frames.iter().map(|(_, frame)| [&[0; HEADROOM][..], frame, &[0; 256]].concat()).collect();
        let mut packets: Vec<_> = buffers
            .iter_mut()
            .zip(&frames)
            .map(|(buf, (port, frame))| Packet { buf, start: HEADROOM, len: frame.len(), port: *port })
            .collect();
        let mut verdicts = Vec::new();
        together.pipeline.process(&together.reader.enter(), 0, &mut packets, &mut verdicts);
        for (((port, frame), packet), verdict) in frames.iter().zip(packets).zip(verdicts) {
            prop_assert_eq!((verdict, packet.frame().to_vec()), alone.run(*port, frame));
        }
    }

    #[test]
    fn source_guard(
        port in select(vec![CLIENT, OTHER_CLIENT]),
        mac in select(vec![CLIENT_MAC, SWITCH_MAC, ROUTER_MAC]),
        (_, mut frame) in any_frame(),
    ) {
        if let Some(field) = frame.get_mut(6..12) {
            field.copy_from_slice(&mac.0);
        }
        let bound = (port, mac) == (CLIENT, CLIENT_MAC)
            && [Some((true, CLIENT_V6.to_bits())), Some((false, CLIENT_V4.to_bits().into()))].contains(&source(&frame));
        let control = frame.get(38..54) == Some(&GATEWAY.octets()[..])
            && frame.get(56..58) == Some(&CONTROL_PORT.to_be_bytes()[..])
            && frame.get(22..24).is_some_and(|source| source[0] == 0xfe && source[1] & 0xc0 == 0x80);
        let mut switch = Switch::new();
        let (verdict, out) = switch.run(port, &frame);
        match verdict {
            Verdict::Drop(_) => {}
            // Answers of the switch itself, to the one who asked; or to the client at the same port.
            Verdict::Send(egress) if egress == port => {
                let own: [MacAddr; 3] = [mimiq_contract::wellknown::GATEWAY_MAC, SWITCH_MAC, MacAddr(frame[..6].try_into()?)];
                prop_assert!(own.contains(&macs(&out).1));
            }
            Verdict::Send(_) => prop_assert!(bound || control, "{:02x?} left as {:02x?}", frame, out),
        }
        if let (Verdict::Send(FABRIC), true) = (verdict, control) {
            prop_assert_eq!(source(&out), Some((true, SWITCH.to_bits())));
        }
    }

    #[test]
    fn pool_and_internal_sources_never_enter_from_upstream((_, frame) in any_frame(), low: u128, high in 0..3usize) {
        let high = [0x2001_0db8_000a_u128 << 80, 0xfd00 << 112, 0x2001_0db8_ffff << 80][high];
        let mut frame = frame;
        if let Some(field) = frame.get_mut(22..38) {
            field.copy_from_slice(&(high | low >> 48).to_be_bytes());
        }
        let mut switch = Switch::new();
        let (verdict, out) = switch.run(UPSTREAM, &frame);
        let is_answer = out.get(6) == frame.first();
        if let (Verdict::Send(_), false, Some((true, source))) = (verdict, is_answer, source(&frame)) {
            prop_assert!(source >> 80 != 0x2001_0db8_000a && source >> 112 != 0xfd00);
        }
    }
}

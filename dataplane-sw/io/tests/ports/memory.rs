//! The loop without a kernel: whatever the pipeline decides, every frame comes back.

use std::time::Duration;

use mimiq_contract::{DropReason, PortId};
use mimiq_io::memory;
use mimiq_pipeline::{HEADROOM, Verdict};
use proptest::prelude::*;

use crate::common::{NEVER, Running, SOON, cross, frame};

const IDS: [PortId; 2] = [PortId(1), PortId(2)];

#[test]
fn frames_cross_unchanged_and_in_order() {
    let (ports, ends) = memory::open(&IDS, 256, 4096).unwrap();
    let running = Running::start(ports, cross);
    let sent: Vec<_> = (0..1000).map(|seed| frame(14 + seed, seed)).collect();
    sent.iter().for_each(|frame| ends[0].send(frame));
    for frame in &sent {
        assert_eq!(ends[1].receive(SOON).as_ref(), Some(frame));
    }
    let ports = running.stop();
    assert_eq!(ports.frames_held(), Some(0));
    assert_eq!(ports.monitors()[0].counters.rx_packets.get(), 1000);
    assert_eq!(ports.monitors()[1].counters.tx_packets.get(), 1000);
}

#[test]
fn a_full_wire_drops_and_counts() {
    let (ports, ends) = memory::open(&IDS, 256, 10).unwrap();
    let running = Running::start(ports, cross);
    (0..1000).for_each(|seed| ends[0].send(&frame(64, seed)));
    // The other direction is served after all of the above.
    ends[1].send(&frame(64, 0));
    assert!(ends[0].receive(SOON).is_some());
    while running.drops.get(DropReason::Egress).0 < 990 {
        std::thread::yield_now();
    }
    let ports = running.stop();
    assert_eq!(ports.frames_held(), Some(0));
    assert_eq!(ports.monitors()[1].counters.tx_packets.get(), 10);
}

#[test]
fn frames_larger_than_a_buffer_are_counted() {
    let (ports, ends) = memory::open(&IDS, 256, 10).unwrap();
    let running = Running::start(ports, cross);
    ends[0].send(&vec![0; 4096 - HEADROOM + 1]);
    ends[0].send(&frame(4096 - HEADROOM, 1));
    assert_eq!(ends[1].receive(SOON), Some(frame(4096 - HEADROOM, 1)));
    let ports = running.stop();
    assert_eq!(ports.monitors()[0].counters.rx_errors.get(), 1);
    assert_eq!(ports.frames_held(), Some(0));
}

#[test]
fn a_loop_that_is_never_idle_stops() {
    let (ports, mut ends) = memory::open(&IDS, 256, 10).unwrap();
    let end = ends.remove(0);
    end.send(&frame(64, 0));
    let running = Running::start(ports, move |packets, verdicts| {
        for packet in packets {
            end.send(packet.frame());
            verdicts.push(Verdict::Drop(DropReason::NoRoute));
        }
    });
    assert_eq!(running.stop().frames_held(), Some(0));
}

#[test]
fn headers_go_into_the_headroom() {
    let (ports, ends) = memory::open(&IDS, 256, 10).unwrap();
    let running = Running::start(ports, |packets, verdicts| {
        for packet in packets {
            packet.start -= HEADROOM;
            packet.len += HEADROOM;
            packet.buf[..HEADROOM].fill(0xab);
            verdicts.push(Verdict::Send(PortId(2)));
        }
    });
    ends[0].send(&frame(64, 0));
    let expected = [vec![0xab; HEADROOM], frame(64, 0)].concat();
    assert_eq!(ends[1].receive(SOON), Some(expected));
    assert_eq!(ends[1].receive(NEVER), None);
    running.stop();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever is sent, to whichever port, cut as the pipeline likes: sent or dropped and counted, and no frame is lost.
    #[test]
    fn no_frame_leaks(frames in prop::collection::vec((14usize..1500, 0u16..6, 0usize..14), 0..400)) {
        // Fewer frames than a batch, and wires that fill up.
        let (ports, ends) = memory::open(&IDS, 40, 50).unwrap();
        let running = Running::start(ports, |packets, verdicts| {
            for packet in packets {
                let (egress, cut) = (packet.frame()[0], usize::from(packet.frame()[1]));
                packet.start += cut;
                packet.len -= cut;
                let send = Verdict::Send(PortId(u16::from(egress)));
                verdicts.push(if egress == 5 { Verdict::Drop(DropReason::NoRoute) } else { send });
            }
        });
        for (len, egress, cut) in &frames {
            let mut frame = frame(*len, 0);
            (frame[0], frame[1]) = (*egress as u8, *cut as u8);
            ends[0].send(&frame);
        }
        let monitors = running.monitors.clone();
        while monitors[0].counters.rx_packets.get() < frames.len() as u64 {
            std::thread::yield_now();
        }
        let drops = running.drops.clone();
        let ports = running.stop();
        prop_assert_eq!(ports.frames_held(), Some(0));
        let sent: u64 = ports.monitors().iter().map(|m| m.counters.tx_packets.get()).sum();
        let dropped = frames.iter().filter(|(_, egress, _)| *egress == 5).count() as u64;
        prop_assert_eq!(sent + dropped + drops.get(DropReason::Egress).0, frames.len() as u64);
        let arrived = ends.iter().map(|end| std::iter::from_fn(|| end.receive(Duration::ZERO)).count() as u64);
        prop_assert_eq!(arrived.sum::<u64>(), sent);
    }
}

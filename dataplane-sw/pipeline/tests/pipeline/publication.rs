//! Writes become visible together, and readers do not wait for them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use mimiq_contract::{DropReason, Entry, PortId, tables::*};
use mimiq_pipeline::{HEADROOM, Packet, Verdict};

use crate::{frames::*, switch::*};

/// The clients' entries, both at this port.
fn clients(port: PortId) -> [Entry; 2] {
    [
        Entry::ClientV6(ClientV6Key { dst_addr: CLIENT_V6 }, ClientV6Action::Deliver { port, mac: CLIENT_MAC }),
        Entry::ClientV4(ClientV4Key { dst_addr: CLIENT_V4 }, ClientV4Action::Deliver { port, mac: CLIENT_MAC }),
    ]
}

#[test]
fn unpublished_writes_are_seen_by_the_writer_only() {
    let mut switch = Switch::new();
    let frame = udp6(SERVER_V6, CLIENT_V6, b"x");
    let [v6, _] = clients(CLIENT);
    switch.writer.delete(v6.key()).unwrap();
    assert_eq!(switch.writer.get(&v6.key()), None);
    switch.forwards(UPSTREAM, &frame, CLIENT);
    switch.writer.publish();
    switch.drops(UPSTREAM, &frame, DropReason::AliasMiss);
    switch.writer.clear();
    switch.drops(UPSTREAM, &frame, DropReason::AliasMiss);
    switch.writer.publish();
    switch.drops(UPSTREAM, &frame, DropReason::NoRole);
}

#[test]
fn a_reader_in_a_batch_keeps_its_tables_and_a_new_one_does_not_wait() {
    let switch = Switch::new();
    let (old, mut writer) = (switch.reader.clone(), switch.writer);
    let old = old.enter();
    let mut pipeline = switch.pipeline.clone();
    let mut deliver = |tables: &mimiq_pipeline::Tables| {
        let mut buf = [&[0; HEADROOM][..], &udp6(SERVER_V6, CLIENT_V6, b"x")].concat();
        let len = buf.len() - HEADROOM;
        let mut packets = [Packet { buf: &mut buf, start: HEADROOM, len, port: UPSTREAM }];
        let mut verdicts = Vec::new();
        pipeline.process(tables, 0, &mut packets, &mut verdicts);
        verdicts[0]
    };
    clients(OTHER_CLIENT).into_iter().for_each(|entry| writer.modify(entry).unwrap());
    // It waits for the old reader, on another thread.
    let publisher = thread::spawn(move || {
        writer.publish();
        writer
    });
    let new = switch.reader.clone();
    while deliver(&new.enter()) == Verdict::Send(CLIENT) {
        thread::yield_now();
    }
    assert_eq!(deliver(&new.enter()), Verdict::Send(OTHER_CLIENT));
    assert_eq!(deliver(&old), Verdict::Send(CLIENT));
    assert!(!publisher.is_finished(), "publish returned though a reader uses the old tables");
    drop(old);
    publisher.join().unwrap();
}

#[test]
fn no_batch_sees_half_of_a_publication() {
    let switch = Switch::new();
    let (reader, mut writer, mut pipeline) = (switch.reader, switch.writer, switch.pipeline);
    let running = Arc::new(AtomicBool::new(true));
    let stop = Arc::clone(&running);
    let publisher = thread::spawn(move || {
        for n in (0..2u32).cycle() {
            if !stop.load(Relaxed) {
                break;
            }
            let port = if n == 0 { CLIENT } else { OTHER_CLIENT };
            clients(port).into_iter().for_each(|entry| writer.modify(entry).unwrap());
            writer.publish();
        }
    });
    let frames = [udp6(SERVER_V6, CLIENT_V6, b"x"), udp4(SERVER_V4, CLIENT_V4, b"x")];
    let (mut verdicts, mut seen) = (Vec::new(), [0; 2]);
    // Until both states have been seen often.
    while seen.iter().any(|count| *count < 1000) {
        let mut buffers = frames.each_ref().map(|frame| [&[0; HEADROOM][..], frame].concat());
        let mut packets: Vec<_> = buffers
            .iter_mut()
            .zip(&frames)
            .map(|(buf, frame)| Packet { buf, start: HEADROOM, len: frame.len(), port: UPSTREAM })
            .collect();
        pipeline.process(&reader.enter(), 0, &mut packets, &mut verdicts);
        assert_eq!(verdicts[0], verdicts[1]);
        seen[usize::from(verdicts[0] == Verdict::Send(OTHER_CLIENT))] += 1;
    }
    running.store(false, Relaxed);
    publisher.join().unwrap();
}

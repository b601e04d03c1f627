//! Counters of entries: hits are neither lost nor doubled, whatever the writer does meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use mimiq_contract::{DropReason, Entry, EntryKey, PortId, tables::*};
use mimiq_pipeline::{EntryCounters, HEADROOM, Packet, Verdict};

use crate::{frames::*, switch::*};

const GUARD: EntryKey =
    EntryKey::SourceGuardV6(SourceGuardV6Key { port: CLIENT, src_mac: CLIENT_MAC, src_addr: CLIENT_V6 });

fn client(port: PortId) -> Entry {
    Entry::ClientV6(ClientV6Key { dst_addr: CLIENT_V6 }, ClientV6Action::Deliver { port, mac: CLIENT_MAC })
}

#[test]
fn every_table_on_the_way_counts_the_frame_as_it_arrived() {
    let mut switch = Switch::new();
    let frame = udp6(SERVER_V6, FAR_ALIAS, b"hello");
    switch.forwards(UPSTREAM, &frame, FABRIC);
    let one = (1, frame.len() as u64);
    let alias_pool = "2001:db8:a::".parse().unwrap();
    let alias_prefix = "2001:db8:a:77::".parse().unwrap();
    for key in [
        EntryKey::PortRole(PortRoleKey { port: UPSTREAM }),
        EntryKey::PoolV6(PoolV6Key { dst_addr: prefix(alias_pool, 48) }),
        EntryKey::Alias(AliasKey { alias_prefix }),
        EntryKey::RouteV6(RouteV6Key { dst_addr: prefix(SWITCH, 16) }),
    ] {
        assert_eq!(switch.hits(key), one, "{key:?}");
    }
    assert_eq!(switch.hits(GUARD), (0, 0));
    let plain = udp6(CLIENT_V6, SERVER_V6, b"hello");
    switch.forwards(CLIENT, &plain, UPSTREAM);
    assert_eq!(switch.hits(EntryKey::EgressRole(EgressRoleKey { port: UPSTREAM })), (1, plain.len() as u64));
}

#[test]
fn the_default_entry_has_none() {
    let mut switch = Switch::new();
    let key = EntryKey::SwitchInfo(SwitchInfoKey {});
    assert_eq!(switch.writer.get(&key), Some((switch_info(), None)));
    let error = switch.writer.set_counters(&key, EntryCounters::default()).unwrap_err();
    assert_eq!(error.to_string(), "switch_info: has no direct counter");
}

#[test]
fn survive_modification_and_end_with_deletion() {
    let mut switch = Switch::new();
    let frame = udp6(SERVER_V6, CLIENT_V6, b"hello");
    let key = client(CLIENT).key();
    for n in 1..=10u64 {
        let port = if n % 2 == 0 { CLIENT } else { OTHER_CLIENT };
        switch.writer.modify(client(port)).unwrap();
        switch.writer.publish();
        switch.forwards(UPSTREAM, &frame, port);
        assert_eq!(switch.hits(key), (n, n * frame.len() as u64));
    }
    switch.delete(key);
    switch.writer.insert(client(CLIENT)).unwrap();
    switch.writer.publish();
    assert_eq!(switch.hits(key), (0, 0));
    switch.forwards(UPSTREAM, &frame, CLIENT);
    assert_eq!(switch.hits(key).0, 1);
}

#[test]
fn can_be_set() {
    let mut switch = Switch::new();
    let frame = udp6(CLIENT_V6, SERVER_V6, b"hello");
    for round in 0..3 {
        switch.forwards(CLIENT, &frame, UPSTREAM);
        switch.writer.set_counters(&GUARD, EntryCounters { packets: 100, bytes: 5 }).unwrap();
        assert_eq!(switch.hits(GUARD), (100, 5), "round {round}");
        switch.forwards(CLIENT, &frame, UPSTREAM);
        assert_eq!(switch.hits(GUARD), (101, 5 + frame.len() as u64));
        switch.writer.modify(client(CLIENT)).unwrap();
        switch.writer.publish();
    }
}

/// Two workers send through one entry while the writer swaps the copies, modifies the entry and grows its table.
#[test]
fn lose_and_double_nothing_while_copies_swap() {
    const BATCHES: u64 = 2000;
    const BATCH: usize = 33;
    let switch = Switch::new();
    let frame = udp6(CLIENT_V6, SERVER_V6, b"hello");
    let running = Arc::new(AtomicBool::new(true));
    let worker = || {
        let (reader, mut pipeline, frame) = (switch.reader.clone(), switch.pipeline.clone(), frame.clone());
        thread::spawn(move || {
            let mut sent = 0;
            for _ in 0..BATCHES {
                let mut buffers: Vec<_> = (0..BATCH).map(|_| [&[0; HEADROOM][..], &frame].concat()).collect();
                let mut packets: Vec<_> = buffers
                    .iter_mut()
                    .map(|buf| Packet { buf, start: HEADROOM, len: frame.len(), port: CLIENT })
                    .collect();
                let mut verdicts = Vec::new();
                pipeline.process(&reader.enter(), 0, &mut packets, &mut verdicts);
                sent += verdicts.iter().filter(|verdict| **verdict == Verdict::Send(UPSTREAM)).count() as u64;
            }
            sent
        })
    };
    let workers = [worker(), worker()];
    let writer = {
        let (running, mut writer) = (Arc::clone(&running), switch.writer);
        thread::spawn(move || {
            let mut last = 0;
            let mut publications = 0u32;
            while running.load(Relaxed) {
                let (guard, counters) = writer.get(&GUARD).unwrap();
                let counters = counters.unwrap();
                assert!(counters.packets >= last, "{} after {last}", counters.packets);
                last = counters.packets;
                writer.modify(guard).unwrap();
                let src_addr = std::net::Ipv6Addr::from_bits(u128::from(publications % 900));
                let key = SourceGuardV6Key { port: CLIENT, src_mac: CLIENT_MAC, src_addr };
                let other = Entry::SourceGuardV6(key, SourceGuardV6Action::Permit {});
                if writer.insert(other).is_err() {
                    writer.delete(other.key()).unwrap();
                }
                writer.publish();
                publications += 1;
            }
            (writer, publications)
        })
    };
    let sent: u64 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
    running.store(false, Relaxed);
    let (writer, publications) = writer.join().unwrap();
    assert_eq!(sent, 2 * BATCHES * BATCH as u64, "no packet met a table without its entry");
    let counters = writer.get(&GUARD).unwrap().1.unwrap();
    assert_eq!(counters, EntryCounters { packets: sent, bytes: sent * frame.len() as u64 });
    assert!(publications > 1, "the copies were swapped meanwhile");
    assert_eq!(switch.drops.get(DropReason::SourceGuard), (0, 0));
}

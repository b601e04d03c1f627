//! Messages and bytes alone, in memory.

use std::{hint::black_box, time::Instant};

use anyhow::{Context as _, ensure};
use mimiq_contract::{
    Entry,
    wire::{Field, Fields, Update},
};
use mimiq_core::Operation;
use p4runtime::v1::{WriteRequest, entity};
use prost::Message as _;

use super::{BATCH, PEER, ROUNDS, client::message};
use crate::{
    p4rt,
    result::{Measurement, median},
};

/// Writes requests that insert the entries, and reads them again.
pub(super) fn run(entries: &[Entry]) -> anyhow::Result<Vec<Measurement>> {
    let updates: Vec<_> = entries.iter().map(|entry| Update::Insert(*entry)).collect();
    let operations: Vec<_> = entries.iter().map(|entry| Operation::Insert(*entry)).collect();
    let (mut times, mut prost_times) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2]);
    for _ in 0..ROUNDS {
        let own = timed(&mut times[0], entries, || updates.chunks(BATCH).map(write).collect::<Vec<_>>());
        let prost =
            timed(&mut prost_times[0], entries, || operations.chunks(BATCH).map(prost_write).collect::<Vec<_>>());
        ensure!(own == prost, "different bytes");
        let own = timed(&mut times[1], entries, || own.iter().map(|bytes| read(bytes)).collect::<Option<Vec<_>>>());
        let prost = timed(&mut prost_times[1], entries, || {
            prost.iter().map(|bytes| prost_read(bytes)).collect::<anyhow::Result<Vec<_>>>()
        });
        ensure!(own.context("not taken directly")? == prost?, "different entries");
    }
    let names = ["rules: an update to bytes", "rules: bytes to an update"];
    let results = names.into_iter().zip(times.into_iter().zip(prost_times));
    Ok(results.map(|(name, (own, prost))| Measurement::new(name, median(own), "ns", PEER, median(prost))).collect())
}

fn timed<T>(times: &mut Vec<f64>, entries: &[Entry], work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = black_box(work());
    times.push(start.elapsed().as_nanos() as f64 / entries.len() as f64);
    result
}

fn header() -> Vec<u8> {
    p4rt::request(Vec::new()).encode_to_vec()
}

fn write(updates: &[Update]) -> Vec<u8> {
    let mut bytes = header();
    updates.iter().for_each(|update| update.put(&mut bytes));
    bytes
}

fn prost_write(operations: &[Operation]) -> Vec<u8> {
    p4rt::request(operations.iter().map(message).collect()).encode_to_vec()
}

fn read(request: &[u8]) -> Option<Vec<Entry>> {
    let entry = |field| match field {
        Field::Item(update) => Some(match Update::take(update) {
            Some(Update::Insert(entry)) => Some(entry),
            _ => None,
        }),
        Field::Other(_) => None,
    };
    Fields::updates(request).filter_map(entry).collect()
}

fn prost_read(request: &[u8]) -> anyhow::Result<Vec<Entry>> {
    let request = WriteRequest::decode(request)?;
    let entry = |update: &p4runtime::v1::Update| match update.entity.as_ref().and_then(|entity| entity.entity.as_ref())
    {
        Some(entity::Entity::TableEntry(entry)) => Ok(Entry::from_p4(entry)?),
        _ => anyhow::bail!("no table entry"),
    };
    request.updates.iter().map(entry).collect()
}

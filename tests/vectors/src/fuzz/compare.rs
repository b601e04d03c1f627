use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use mimiq_contract::{DropReason, PortId};

use crate::{
    entry::{self, State},
    frame,
    subject::{Count, Drops, Hits, PortFrame, Sent, Subject},
};

/// Two implementations with the same tables.
pub(super) struct Pair<'a> {
    pub(super) reference: &'a mut dyn Subject,
    pub(super) other: &'a mut dyn Subject,
}

/// What both have counted.
#[derive(Clone)]
pub(super) struct Totals {
    pub(super) drops: [Drops; 2],
    pub(super) hits: [Hits; 2],
}

impl Pair<'_> {
    pub(super) fn names(&self) -> [String; 2] {
        [self.reference.name(), self.other.name()]
    }

    pub(super) fn set(&mut self, state: &State) -> Result<()> {
        self.reference.set(state, None)?;
        self.other.set(state, None)
    }

    pub(super) fn can_carry(&self, frame: &[u8]) -> bool {
        self.reference.obstacle(frame).is_none() && self.other.obstacle(frame).is_none()
    }

    pub(super) fn totals(&mut self) -> Result<Totals> {
        Ok(Totals {
            drops: [self.reference.drops()?, self.other.drops()?],
            hits: [self.reference.hits()?, self.other.hits()?],
        })
    }

    /// Puts the frames into both and returns what differs, and the counters afterwards.
    pub(super) fn compare(&mut self, frames: &[PortFrame], before: &Totals) -> Result<(Vec<String>, Totals)> {
        let sent = [self.reference.run(frames)?, self.other.run(frames)?];
        let after = self.totals()?;
        let names = self.names();
        let mut differences = compare_sent(&sent, &names);
        let [a, b] = [0, 1].map(|n| drop_deltas(&before.drops[n], &after.drops[n]));
        compare_counts(&a, &b, &names, &|index| reason(*index), &mut differences);
        let [a, b] = [0, 1].map(|n| hit_deltas(&before.hits[n], &after.hits[n]));
        compare_counts(&a, &b, &names, &|key| entry::print_key(key), &mut differences);
        Ok((differences, after))
    }
}

/// Which frame it comes from, if that counts, and its bytes.
type Leaving = (Option<usize>, Vec<u8>);

fn compare_sent(sent: &[Vec<Sent>; 2], names: &[String; 2]) -> Vec<String> {
    // In order a port; and a frame's own, where both can tell.
    let attributed = sent.iter().flatten().all(|s| s.of.is_some());
    let ports = |sent: &[Sent]| {
        let mut ports: BTreeMap<PortId, Vec<Leaving>> = BTreeMap::new();
        for Sent { port, frame, of } in sent {
            ports.entry(*port).or_default().push((of.filter(|_| attributed), frame.clone()));
        }
        ports
    };
    let [a, b] = [ports(&sent[0]), ports(&sent[1])];
    let all: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let mut differences = Vec::new();
    for port in all {
        let [a, b] = [&a, &b].map(|ports| ports.get(port).map(Vec::as_slice).unwrap_or_default());
        if a == b {
            continue;
        }
        let first = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
        let text =
            |frames: &[Leaving]| frames.get(first).map_or("nothing".to_owned(), |(_, bytes)| frame::print(bytes));
        differences.push(format!(
            "port {}: {} frames and {} frames leave; the first that differ:\n  {}: {}\n  {}: {}",
            port.0,
            a.len(),
            b.len(),
            names[0],
            text(a),
            names[1],
            text(b)
        ));
    }
    differences
}

fn compare_counts<K: Ord>(
    a: &BTreeMap<K, Count>,
    b: &BTreeMap<K, Count>,
    names: &[String; 2],
    what: &dyn Fn(&K) -> String,
    differences: &mut Vec<String>,
) {
    for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
        let [a, b] = [a, b].map(|counts| counts.get(key).copied().unwrap_or_default());
        if a != b {
            let text = |count: Count| format!("{} packets, {} bytes", count.packets, count.bytes);
            differences.push(format!("{}: {}: {}; {}: {}", what(key), names[0], text(a), names[1], text(b)));
        }
    }
}

fn reason(index: usize) -> String {
    let reason = DropReason::ALL.iter().find(|reason| **reason as usize == index);
    format!("drop {}", reason.map_or_else(|| index.to_string(), |reason| reason.label().to_owned()))
}

/// What has been added to the counters; those to which nothing has are left out.
fn deltas<K: Ord + Copy>(before: &BTreeMap<K, Count>, after: &BTreeMap<K, Count>) -> BTreeMap<K, Count> {
    let delta = |(key, count): (&K, &Count)| {
        let before = before.get(key).copied().unwrap_or_default();
        let [packets, bytes] = [count.packets.wrapping_sub(before.packets), count.bytes.wrapping_sub(before.bytes)];
        (*key, Count { packets, bytes })
    };
    after.iter().map(delta).filter(|(_, count)| *count != Count::default()).collect()
}

pub(super) fn drop_deltas(before: &Drops, after: &Drops) -> Drops {
    deltas(before, after)
}

pub(super) fn hit_deltas(before: &Hits, after: &Hits) -> Hits {
    deltas(before, after)
}

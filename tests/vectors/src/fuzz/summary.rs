use std::{collections::BTreeMap, fmt};

use mimiq_contract::DropReason;

use super::{
    Difference,
    compare::{Totals, drop_deltas, hit_deltas},
};
use crate::{entry, names, subject::PortFrame};

/// What has been compared, so that one sees that frames got everywhere.
#[derive(Debug, Default)]
pub struct Summary {
    /// Frames that both got.
    pub frames: u64,
    /// Batches of frames.
    pub batches: u64,
    /// States of the tables.
    pub states: u64,
    /// Frames that one of them cannot be given.
    pub not_carried: u64,
    /// Frames that were dropped, by reason; the reference's.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Frames that hit an entry, by table; the reference's.
    pub hits: BTreeMap<String, u64>,
    /// What differed. There is nothing behind it: the run ends there.
    pub differences: Vec<Difference>,
}

impl Summary {
    pub(super) fn add(&mut self, frames: &[PortFrame], before: &Totals, after: &Totals) {
        self.frames += frames.len() as u64;
        self.batches += 1;
        for (index, count) in drop_deltas(&before.drops[0], &after.drops[0]) {
            let reason = DropReason::ALL.iter().find(|reason| **reason as usize == index);
            *self.dropped.entry(reason.map_or("unknown", |reason| reason.label())).or_default() += count.packets;
        }
        for (key, count) in hit_deltas(&before.hits[0], &after.hits[0]) {
            let table = names::table_by_id(key.table_id()).map(|table| names::alias(&table.preamble).to_owned());
            let table = table.unwrap_or_else(|| entry::print_key(&key));
            *self.hits.entry(table).or_default() += count.packets;
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dropped: u64 = self.dropped.values().sum();
        writeln!(
            f,
            "{} frames in {} batches over {} states of the tables; {} more could not be carried",
            self.frames, self.batches, self.states, self.not_carried
        )?;
        writeln!(f, "dropped, with or without an ICMP error: {dropped}")?;
        for (reason, count) in &self.dropped {
            writeln!(f, "  {reason}: {count}")?;
        }
        writeln!(f, "hits:")?;
        for (table, count) in &self.hits {
            writeln!(f, "  {table}: {count}")?;
        }
        for difference in &self.differences {
            writeln!(f, "\n{difference}")?;
        }
        write!(f, "{}", if self.differences.is_empty() { "no difference" } else { "THEY DIFFER" })
    }
}

use std::sync::Arc;

use anyhow::{Context as _, Result};
use mimiq_contract::{DropReason, Entry, TableSchema as _, tables::SwitchInfo};
use mimiq_pipeline::{
    DropCounters, EntryCounters, HEADROOM, IcmpErrorMeter, MeterRate, Packet, Pipeline, TableReader, TableSizes,
    TableWriter, Verdict, tables,
};

use super::{Count, Drops, Hits, PortFrame, Sent, Subject};
use crate::{entry::State, file::Meter};

/// The software switch's pipeline, in this process.
pub struct Memory {
    writer: TableWriter,
    reader: TableReader,
    pipeline: Pipeline,
    drops: Arc<DropCounters>,
    meter: Arc<IcmpErrorMeter>,
    now_ns: u64,
}

/// More than any state has.
const SIZE: usize = 1 << 16;
/// Time between two frames.
const INTERVAL_NS: u64 = 1_000;

impl Default for Memory {
    fn default() -> Self {
        let (writer, reader) = tables(&TableSizes::uniform(SIZE));
        let (drops, meter) = (Arc::new(DropCounters::default()), Arc::new(IcmpErrorMeter::default()));
        Self {
            writer,
            reader,
            pipeline: Pipeline::new(Arc::clone(&drops), Arc::clone(&meter)),
            drops,
            meter,
            now_ns: 0,
        }
    }
}

impl Subject for Memory {
    fn name(&self) -> String {
        "pipeline".into()
    }

    fn set(&mut self, state: &State, meter: Option<Meter>) -> Result<()> {
        self.writer.clear();
        for entry in state.values() {
            match entry {
                Entry::SwitchInfo(..) => self.writer.modify(*entry)?,
                _ => self.writer.insert(*entry)?,
            }
        }
        self.writer.publish();
        let rate = |Meter { rate, burst }| {
            let (rate, burst) = (u64::from(rate).try_into().ok()?, burst.try_into().ok()?);
            Some(MeterRate { packets_per_second: rate, burst })
        };
        self.meter
            .configure(meter.map(|meter| rate(meter).context("meter: rate and burst must not be 0")).transpose()?);
        Ok(())
    }

    fn obstacle(&self, _: &[u8]) -> Option<String> {
        None
    }

    fn run(&mut self, frames: &[PortFrame]) -> Result<Vec<Sent>> {
        let mut sent = Vec::new();
        let mut verdicts = Vec::new();
        for (of, (port, frame)) in frames.iter().enumerate() {
            let mut buf = [&[0; HEADROOM][..], frame].concat();
            let mut packets = [Packet { buf: &mut buf, start: HEADROOM, len: frame.len(), port: *port }];
            self.now_ns += INTERVAL_NS;
            self.pipeline.process(&self.reader.enter(), self.now_ns, &mut packets, &mut verdicts);
            if let [Verdict::Send(port)] = verdicts[..] {
                sent.push(Sent { port, frame: packets[0].frame().to_vec(), of: Some(of) });
            }
        }
        Ok(sent)
    }

    fn drops(&mut self) -> Result<Drops> {
        let count = |reason: &DropReason| {
            let (packets, bytes) = self.drops.get(*reason);
            (*reason as usize, Count { packets, bytes })
        };
        Ok(DropReason::ALL.iter().map(count).collect())
    }

    fn hits(&mut self) -> Result<Hits> {
        let mut hits = Hits::new();
        for (id, _) in Entry::TABLES.iter().filter(|(id, _)| *id != SwitchInfo::ID) {
            self.writer.for_each(*id, true, &mut |entry, counters| {
                let EntryCounters { packets, bytes } = counters.unwrap_or_default();
                hits.insert(entry.key(), Count { packets, bytes });
            });
        }
        Ok(hits)
    }
}

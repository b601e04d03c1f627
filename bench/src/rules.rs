//! The rules of leases through P4Runtime, as the allocation server writes them before it answers: what an update costs the
//! controller and the software switch together, beside the generated code for the same messages.

mod client;
mod encoding;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mimiq_contract::{
    Entry, MacAddr, PortId,
    tables::{ClientV6Action, ClientV6Key, SourceGuardV6Action, SourceGuardV6Key},
};
use mimiq_core::Operation;

use self::client::Client;
use crate::{
    cpu,
    lab::{Namespace, Process},
    p4rt::DEVICE,
    result::{Measurement, median},
};

/// Updates in a write, and with how many leases they are measured; each has two entries. The last ones are for all that is
/// measured, those before for insertions alone.
const WRITES: [(usize, usize); 3] = [(1, 2_000), (100, 50_000), (BATCH, 100_000)];
const BATCH: usize = 1_000;
/// Rounds for each client, in turns.
const ROUNDS: usize = 5;
/// Where the switch serves P4Runtime.
const LISTEN: &str = "[::1]:9559";
const PEER: &str = "prost's generated code";

/// All measurements of rules.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let mut results = encoding::run(&entries(WRITES[2].1))?;
    let namespace = Namespace::new("rules")?;
    for (batch, leases) in WRITES {
        let entries = entries(leases);
        let (mut own, mut prost) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            own.push(round(&namespace, &entries, batch, Client::own)?);
            prost.push(round(&namespace, &entries, batch, Client::prost)?);
        }
        let works = if batch == BATCH { &WORKS[..] } else { &WORKS[..1] };
        for (index, (work, mark)) in works.iter().enumerate() {
            for (unit, value) in [("CPU", Cost::cpu as fn(&Cost) -> f64), ("time", Cost::time)] {
                let of = |rounds: &[Vec<Cost>]| median(rounds.iter().map(|costs| value(&costs[index])).collect());
                let (name, value) = (format!("rules: {work}, {batch} in a write, {unit}"), of(&own));
                results.push(Measurement::new(&name, value, "ns", PEER, of(&prost)));
                if let Some(mark) = mark.filter(|_| batch == BATCH && unit == "CPU") {
                    results.push(Measurement::with_mark(&name, value, "ns", mark));
                }
            }
        }
    }
    results.iter().for_each(Measurement::print);
    Ok(results)
}

/// What a round does, and the marks: CPU nanoseconds of both processes for an entry.
const WORKS: [(&str, Option<f64>); 4] = [("insert", Some(700.0)), ("modify", None), ("delete", None), ("read", None)];

/// What an update, or an entry that is read, costs.
struct Cost {
    took: Duration,
    own: u64,
    switch: u64,
    count: usize,
}

impl Cost {
    fn cpu(&self) -> f64 {
        (self.own + self.switch) as f64 / self.count as f64
    }

    fn time(&self) -> f64 {
        self.took.as_nanos() as f64 / self.count as f64
    }
}

/// What stands in the tables for leases.
fn entries(leases: usize) -> Vec<Entry> {
    let lease = |number: usize| {
        let port = PortId(number as u16 % 16);
        let [a, b, c, _] = ((number / 8) as u32).to_le_bytes();
        let mac = MacAddr([2, 0, 0, a, b, c]);
        // Scattered, as leases are.
        let bits = (number as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15) & u128::from(u64::MAX);
        let addr = std::net::Ipv6Addr::from_bits(0x2001_0db8_0001 << 80 | bits);
        [
            Entry::ClientV6(ClientV6Key { dst_addr: addr }, ClientV6Action::Deliver { port, mac }),
            Entry::SourceGuardV6(
                SourceGuardV6Key { port, src_mac: mac, src_addr: addr },
                SourceGuardV6Action::Permit {},
            ),
        ]
    };
    (1..=leases).flat_map(lease).collect()
}

/// Writes, changes, reads and deletes all entries, with a new switch.
fn round(
    namespace: &Namespace,
    entries: &[Entry],
    batch: usize,
    connect: impl AsyncFnOnce() -> anyhow::Result<Client> + Send + 'static,
) -> anyhow::Result<Vec<Cost>> {
    let switch = switch(namespace)?;
    let entries = entries.to_vec();
    let thread = namespace.thread(move || {
        // Made here, so that its threads are in the namespace too.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(async {
            let mut client = connect().await?;
            let mut costs = Vec::new();
            for operation in [Operation::Insert, Operation::Modify, |entry: Entry| Operation::Delete(entry.key())] {
                if costs.len() == 2 {
                    costs.push(read(&mut client, &switch, &entries).await?);
                }
                let operations: Vec<_> = entries.iter().map(|entry| operation(*entry)).collect();
                let cost = measure(&switch, operations.len(), async {
                    for batch in operations.chunks(batch) {
                        client.write(batch).await?;
                    }
                    Ok(())
                });
                costs.push(cost.await?.1);
            }
            costs.swap(2, 3);
            ensure!(client.read().await?.is_empty(), "not all entries were deleted");
            Ok(costs)
        })
    })?;
    thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?
}

async fn read(client: &mut Client, switch: &Process, entries: &[Entry]) -> anyhow::Result<Cost> {
    let (mut found, cost) = measure(switch, entries.len(), client.read()).await?;
    let mut expected = entries.to_vec();
    for list in [&mut found, &mut expected] {
        list.sort_unstable_by_key(Entry::key);
    }
    ensure!(found == expected, "{} entries were read, not the {} that were written", found.len(), expected.len());
    Ok(cost)
}

async fn measure<T>(
    switch: &Process,
    count: usize,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(T, Cost)> {
    let cpu = || anyhow::Ok((cpu::process(std::process::id())?, cpu::process(switch.id())?));
    let (own, other) = cpu()?;
    let start = Instant::now();
    let result = work.await?;
    let took = start.elapsed();
    let (own_after, other_after) = cpu()?;
    Ok((result, Cost { took, own: own_after - own, switch: other_after - other, count }))
}

fn switch(namespace: &Namespace) -> anyhow::Result<Process> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), format!("device_id: {DEVICE}\nlisten: \"{LISTEN}\"\nports: []\n"))?;
    let path = file.path().to_str().context("path of the configuration")?;
    namespace.start("mimiq-switch", &["run", "--config", path], "ready")
}

//! How long it takes to write a rule through P4Runtime.

use std::time::Instant;

use anyhow::ensure;
use mimiq_contract::ids;

use super::{compare, in_turns};
use crate::{
    p4rt,
    path::{Path, leases},
    result::Measurement,
};

/// Entries of `source_guard_v6` that are inserted.
const ENTRIES: usize = 20_000;
/// Updates in a request.
const BATCHES: [usize; 3] = [1, 100, 1_000];

pub(super) fn run(path: &Path) -> anyhow::Result<Vec<Measurement>> {
    let mut results = Vec::new();
    for batch in BATCHES {
        let times = in_turns(|switch| {
            // A new process each time: tables that have been full once are larger.
            let _process = path.start_empty(switch)?;
            path.control(switch, async move |mut controller| {
                let requests = p4rt::inserts(&leases(ENTRIES).collect::<Vec<_>>(), batch);
                let start = Instant::now();
                controller.write(requests).await?;
                let took = start.elapsed();
                let found = controller.read(ids::TABLE_SOURCE_GUARD_V6).await?.len();
                ensure!(found == ENTRIES, "{found} of {ENTRIES} entries are in the table");
                Ok(took.as_secs_f64() * 1e6 / ENTRIES as f64)
            })
        })?;
        results.push(compare(format!("bmv2: switch, a rule, {batch} in a write"), "us", times));
    }
    Ok(results)
}

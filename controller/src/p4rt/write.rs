//! Writes of any size, whatever was there before.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use metrics::histogram;
use mimiq_core::Operation;
use tokio::time::Instant;
use tonic::Code;

use super::connection::{Lost, Outcome, Writer};

/// Updates per write: what a write costs beside them is little by then, and a switch is done with them in milliseconds.
const BATCH: usize = 2_000;

/// Updates per write if it must be known which of them failed: their errors travel in a trailer, of which gRPC takes 8 KiB.
const DETAILED: usize = 100;

/// Writes operations of any number; their outcomes are in the same order. An entry that is there already, or gone
/// already, is no error: what counts is the state afterwards.
pub(super) async fn write(switch: &str, mut writer: Writer, operations: &[Operation]) -> Result<Vec<Outcome>, Lost> {
    let mut outcomes = Vec::with_capacity(operations.len());
    let mut rest = operations;
    while !rest.is_empty() {
        let (batch, behind) = rest.split_at(batch_len(rest));
        rest = behind;
        match settle(switch, &mut writer, batch).await {
            Ok(mut results) => outcomes.append(&mut results),
            // Nobody knows which of them were applied. Whatever was, it does no harm to do it again.
            Err(Lost::NoDetails(code)) if batch.len() > DETAILED => {
                tracing::debug!(switch, ?code, updates = batch.len(), "written again in small parts");
                for part in batch.chunks(DETAILED) {
                    outcomes.append(&mut settle(switch, &mut writer, part).await?);
                }
            }
            Err(lost) => return Err(lost),
        }
    }
    Ok(outcomes)
}

/// Writes a batch, and again what was there already.
async fn settle(switch: &str, writer: &mut Writer, batch: &[Operation]) -> Result<Vec<Outcome>, Lost> {
    let mut results = timed_write(switch, writer, batch).await?;
    let (mut again, mut places) = (Vec::new(), Vec::new());
    for (place, (operation, result)) in batch.iter().zip(&mut results).enumerate() {
        let code = result.as_ref().map(|(code, _)| *code);
        match (operation, code) {
            (Operation::Insert(entry), Some(Code::AlreadyExists)) => again.push(Operation::Modify(*entry)),
            (Operation::Modify(entry), Some(Code::NotFound)) => again.push(Operation::Insert(*entry)),
            (Operation::Delete(_), Some(Code::NotFound)) => {
                *result = None;
                continue;
            }
            _ => continue,
        }
        places.push(place);
    }
    if !again.is_empty() {
        for (place, result) in places.into_iter().zip(timed_write(switch, writer, &again).await?) {
            results[place] = result;
        }
    }
    Ok(results)
}

async fn timed_write(switch: &str, writer: &mut Writer, batch: &[Operation]) -> Result<Vec<Outcome>, Lost> {
    let start = Instant::now();
    let result = writer.write(batch).await;
    let switch = switch.to_owned();
    histogram!("mimiq_controller_write_seconds", "switch" => switch.clone()).record(start.elapsed());
    histogram!("mimiq_controller_write_updates", "switch" => switch).record(batch.len() as f64);
    result
}

/// How many of the operations go into the next write: at most [`BATCH`], and none for the same entry twice.
fn batch_len(operations: &[Operation]) -> usize {
    let hasher = RandomState::default();
    // Equal hashes of different keys end a batch early, which does no harm.
    let mut hashes = HashTable::with_capacity(operations.len().min(BATCH));
    let mut new = |operation: &Operation| {
        let hash = hasher.hash_one(operation.key());
        let entry = hashes.entry(hash, |other| *other == hash, |other| *other);
        let vacant = matches!(entry, hashbrown::hash_table::Entry::Vacant(_));
        entry.or_insert(hash);
        vacant
    };
    operations.iter().take(BATCH).take_while(|operation| new(operation)).count()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use mimiq_contract::{EntryKey, tables::ClientV6Key};

    use super::*;

    #[test]
    fn a_write_has_no_entry_twice_and_is_bounded() {
        let delete = |n: u128| Operation::Delete(EntryKey::ClientV6(ClientV6Key { dst_addr: Ipv6Addr::from_bits(n) }));
        assert_eq!(batch_len(&[delete(1), delete(2), delete(1), delete(3)]), 2);
        assert_eq!(batch_len(&(0..2 * BATCH as u128).map(delete).collect::<Vec<_>>()), BATCH);
        assert_eq!(batch_len(&[]), 0);
    }
}

//! Writes of any size, whatever was there before.

use std::collections::HashSet;

use metrics::histogram;
use mimiq_core::Operation;
use tokio::time::Instant;
use tonic::Code;

use super::{
    Target,
    connection::{Connection, Lost, Outcome},
};

/// Updates per write: the errors of a whole batch must fit a trailer, and gRPC limits it to 8 KiB.
pub(super) const BATCH: usize = 100;

/// Writes operations of any number; their outcomes are in the same order. An entry that is there already, or gone
/// already, is no error: what counts is the state afterwards.
pub(super) async fn write(
    target: &Target,
    connection: &mut Connection,
    operations: &[Operation],
) -> Result<Vec<Outcome>, Lost> {
    let mut outcomes = Vec::with_capacity(operations.len());
    let mut rest = operations;
    while !rest.is_empty() {
        let (batch, behind) = rest.split_at(batch_len(rest));
        rest = behind;
        let mut results = timed_write(target, connection, batch).await?;
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
            for (place, result) in places.into_iter().zip(timed_write(target, connection, &again).await?) {
                results[place] = result;
            }
        }
        outcomes.append(&mut results);
    }
    Ok(outcomes)
}

async fn timed_write(target: &Target, connection: &mut Connection, batch: &[Operation]) -> Result<Vec<Outcome>, Lost> {
    let start = Instant::now();
    let result = connection.write(batch).await;
    let switch = target.name.to_string();
    histogram!("mimiq_controller_write_seconds", "switch" => switch.clone()).record(start.elapsed());
    histogram!("mimiq_controller_write_updates", "switch" => switch).record(batch.len() as f64);
    result
}

/// How many of the operations go into the next write: at most [`BATCH`], and none for the same entry twice.
fn batch_len(operations: &[Operation]) -> usize {
    let mut keys = HashSet::new();
    operations.iter().take(BATCH).take_while(|operation| keys.insert(operation.key())).count()
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
        assert_eq!(batch_len(&(0..250).map(delete).collect::<Vec<_>>()), BATCH);
        assert_eq!(batch_len(&[]), 0);
    }
}

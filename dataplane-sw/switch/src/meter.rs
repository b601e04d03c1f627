//! The meter of ICMP errors in P4Runtime's words (§9.4.2).

use std::num::{NonZeroU32, NonZeroU64};

use mimiq_contract::ids;
use mimiq_pipeline::MeterRate;
use p4runtime::v1::{Index, MeterConfig, MeterEntry};
use tonic::Code;

use crate::error::ItemError;

/// What an entry's fields say of which meters it is about.
///
/// # Errors
/// INVALID_ARGUMENT for another meter or a negative index, OUT_OF_RANGE for an index above 0, UNIMPLEMENTED for counters by
/// colour.
pub(crate) fn check(entry: &MeterEntry) -> Result<(), ItemError> {
    if entry.meter_id != ids::METER_ICMP_ERROR_METER {
        return Err(ItemError::invalid(format!("meter_id: {:#010x} is no meter of this pipeline", entry.meter_id)));
    }
    check_counters(entry)?;
    match entry.index {
        // Without an index it is about all meters of the array, which are this one.
        None | Some(Index { index: 0 }) => Ok(()),
        Some(Index { index: index @ ..0 }) => {
            Err(ItemError::invalid(format!("icmp_error_meter: index = {index} is negative")))
        }
        Some(Index { index }) => {
            let message = format!("icmp_error_meter: index = {index}: the largest is 0");
            Err(ItemError::new(Code::OutOfRange, message))
        }
    }
}

/// # Errors
/// UNIMPLEMENTED if counters by colour are asked for.
pub(crate) fn check_counters(entry: &MeterEntry) -> Result<(), ItemError> {
    if entry.counter_data.is_none() {
        return Ok(());
    }
    Err(ItemError::new(Code::Unimplemented, "meter_entry: counter_data: this switch does not count by colour"))
}

/// The rate that a configuration asks for; `None` without one, where all packets are green.
///
/// # Errors
/// INVALID_ARGUMENT if a value is out of range, UNIMPLEMENTED if packets could be yellow.
pub(crate) fn rate(config: Option<&MeterConfig>) -> Result<Option<MeterRate>, ItemError> {
    let Some(&MeterConfig { cir, cburst, pir, pburst, eburst }) = config else { return Ok(None) };
    let invalid = |field: &str, value: i64, problem: &str| {
        ItemError::invalid(format!("icmp_error_meter: config.{field} = {value}: {problem}"))
    };
    if eburst != 0 {
        return Err(invalid("eburst", eburst, "must be unset, this meter has two rates"));
    }
    let positive = |value: i64| u64::try_from(value).ok().and_then(NonZeroU64::new);
    let packets_per_second = positive(cir).ok_or_else(|| invalid("cir", cir, "must be at least 1"))?;
    let burst = u32::try_from(cburst).ok().and_then(NonZeroU32::new);
    let burst = burst.ok_or_else(|| invalid("cburst", cburst, "must be 1 to 4294967295"))?;
    for (field, value, committed, equal) in [("pir", pir, "cir", cir), ("pburst", pburst, "cburst", cburst)] {
        if value != equal {
            let problem = format!("must equal {committed} = {equal}: errors are green or not sent");
            return Err(ItemError { code: Code::Unimplemented, ..invalid(field, value, &problem) });
        }
    }
    Ok(Some(MeterRate { packets_per_second, burst }))
}

/// The entry as it is read.
pub(crate) fn to_p4(rate: Option<MeterRate>) -> MeterEntry {
    let config = rate.map(|MeterRate { packets_per_second, burst }| {
        // It was written as an i64.
        let (rate, burst) = (packets_per_second.get() as i64, i64::from(burst.get()));
        MeterConfig { cir: rate, cburst: burst, pir: rate, pburst: burst, eburst: 0 }
    });
    let index = Some(Index { index: 0 });
    MeterEntry { meter_id: ids::METER_ICMP_ERROR_METER, index, config, counter_data: None }
}

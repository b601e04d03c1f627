//! How many packets in a second a switch carries.

use super::{Lab, compare, in_turns};
use crate::{
    path::{DELIVERED, Path},
    result::Measurement,
    search::highest,
};

/// Where the search begins, packets in a second.
const FROM: u32 = 5_000;
/// It ends when the rate that is carried and the one that is not are so close.
const CLOSE: f64 = 1.03;
/// A rate is not carried if so many rounds of a second fail: one may be another program's fault.
const ATTEMPTS: usize = 3;
/// How much longer than a second the generator may take for a second's packets.
const SLOW: f64 = 1.05;

pub(super) fn run(lab: &Lab) -> anyhow::Result<Vec<Measurement>> {
    let times = in_turns(|switch| {
        let _process = lab.start(switch)?;
        let rate = highest(FROM, CLOSE, |rate| carried(&lab.path, rate))?;
        println!("bmv2: {switch:?} carries {rate} packets/s");
        Ok(1e9 / f64::from(rate))
    })?;
    Ok(vec![compare("bmv2: switch, 1 / highest packet rate".into(), "ns", times)])
}

/// Whether a switch carries so many. What the generator does not send in time is not carried either: its softirqs do a part of
/// the switch's work.
fn carried(path: &Path, rate: u32) -> anyhow::Result<bool> {
    for _ in 0..ATTEMPTS {
        let (sent, delivered) = path.send(rate, rate as usize)?;
        path.drain()?;
        let in_time = sent.took.as_secs_f64() <= SLOW * sent.packets as f64 / f64::from(rate);
        if in_time && delivered as f64 >= sent.packets as f64 * DELIVERED {
            return Ok(true);
        }
    }
    Ok(false)
}

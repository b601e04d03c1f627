//! What can go wrong with a request, and how often.

use std::{fmt, str::FromStr};

use clap::ValueEnum;
use rand::Rng;

/// The calls of P4Runtime that can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rpc {
    /// Write.
    Write,
    /// Read.
    Read,
    /// GetForwardingPipelineConfig and SetForwardingPipelineConfig.
    Config,
    /// StreamChannel: arbitration.
    Stream,
}

impl Rpc {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Write, Self::Read, Self::Config, Self::Stream];
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// UNAVAILABLE; the switch hears nothing of it.
    Refuse,
    /// Never answered; the switch hears nothing of it.
    Swallow,
    /// Forwarded later, even if the controller has given up by then.
    Delay,
    /// Forwarded; then UNAVAILABLE in place of the answer.
    Lose,
    /// Forwarded, and never answered.
    Mute,
    /// Forwarded; then RESOURCE_EXHAUSTED without details, as gRPC does when a trailer is too large.
    Exhaust,
    /// Some updates are forwarded; the others fail, and the details say which.
    Half,
    /// Some updates or entities are forwarded; then UNKNOWN without details.
    Break,
    /// Forwarded twice; one of the two answers is given.
    Duplicate,
    /// Updates, or the entities of an answer, in another order (P4Runtime promises none, §12).
    Shuffle,
    /// The TCP connection is cut, before or after forwarding.
    Cut,
    /// The same, and the switch does not notice: for some seconds it takes the controller's stream for alive.
    HalfOpen,
    /// The stream ends after up to the longest delay.
    End,
    /// The switch is restarted, before or after forwarding; needs a command that does it.
    Restart,
}

impl Fault {
    /// Whether it can befall this call.
    pub fn befalls(self, rpc: Rpc) -> bool {
        match self {
            Self::Refuse | Self::Swallow | Self::Delay | Self::Mute | Self::Cut | Self::HalfOpen | Self::Restart => true,
            Self::Lose => matches!(rpc, Rpc::Write | Rpc::Config),
            Self::Exhaust | Self::Break | Self::Shuffle => matches!(rpc, Rpc::Write | Rpc::Read),
            Self::Half | Self::Duplicate => rpc == Rpc::Write,
            Self::End => rpc == Rpc::Stream,
        }
    }
}

fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

impl fmt::Display for Rpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name(*self))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name(*self))
    }
}

/// A fault and the share of a call's requests that it befalls: `write:lose=0.05`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Which call.
    pub rpc: Rpc,
    /// What happens to it.
    pub fault: Fault,
    /// From 0 to 1.
    pub share: f64,
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(what, share)| Some((what.split_once(':')?, share)));
        let ((rpc, fault), share) = parts.ok_or_else(|| format!("{text:?} is not like write:lose=0.05"))?;
        let rpc = Rpc::from_str(rpc, false).map_err(|_| format!("{rpc:?} is no call: write, read, config, stream"))?;
        let fault = Fault::from_str(fault, false).map_err(|_| format!("{fault:?} is no fault"))?;
        let share: f64 = share.parse().map_err(|_| format!("{share:?} is no share from 0 to 1"))?;
        if !fault.befalls(rpc) {
            return Err(format!("{fault} cannot befall {rpc}"));
        }
        if !(0.0..=1.0).contains(&share) {
            return Err(format!("{share} is no share from 0 to 1"));
        }
        Ok(Self { rpc, fault, share })
    }
}

/// All faults of a switch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults(Vec<Share>);

impl Faults {
    /// Joins shares.
    ///
    /// # Errors
    /// If those of a call exceed the whole.
    pub fn new(shares: Vec<Share>) -> Result<Self, String> {
        for rpc in Rpc::ALL {
            let sum: f64 = shares.iter().filter(|share| share.rpc == rpc).map(|share| share.share).sum();
            if sum > 1.0 + 1e-9 {
                return Err(format!("the shares of {rpc} add up to {sum:.3}, more than 1"));
            }
        }
        Ok(Self(shares))
    }

    /// Reads shares as the command line has them, separated by spaces.
    ///
    /// # Errors
    /// If one of them is none, or they exceed the whole.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::new(text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
    }

    /// What befalls the next request, if anything.
    pub(crate) fn draw(&self, rpc: Rpc, rng: &mut impl Rng) -> Option<Fault> {
        let mut drawn: f64 = rng.random();
        self.0.iter().filter(|share| share.rpc == rpc).find_map(|share| {
            drawn -= share.share;
            (drawn < 0.0).then_some(share.fault)
        })
    }

    /// Whether one of them restarts the switch.
    pub fn restart(&self) -> bool {
        self.0.iter().any(|share| share.fault == Fault::Restart)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(|s| format!("{}:{}={}", s.rpc, s.fault, s.share)).collect();
        f.write_str(if texts.is_empty() { "none".into() } else { texts.join(" ") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, message) in [
            ("write", "\"write\" is not like write:lose=0.05"),
            ("writ:lose=0.1", "\"writ\" is no call: write, read, config, stream"),
            ("write:loose=0.1", "\"loose\" is no fault"),
            ("write:lose=x", "\"x\" is no share from 0 to 1"),
            ("write:lose=1.5", "1.5 is no share from 0 to 1"),
            ("write:lose=NaN", "NaN is no share from 0 to 1"),
            ("read:half=0.1", "half cannot befall read"),
            ("write:lose=0.7 write:cut=0.4", "the shares of write add up to 1.100, more than 1"),
        ] {
            assert_eq!(Faults::parse(text).unwrap_err(), message);
        }
    }

    #[test]
    fn shares_are_kept() {
        let text = "write:lose=0.2 write:half-open=0.1 read:break=1";
        let faults = Faults::parse(text).unwrap();
        assert_eq!(faults.to_string(), text);
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let mut drawn = |rpc, fault| (0..10_000).filter(|_| faults.draw(rpc, &mut rng) == Some(fault)).count();
        assert!((1_800..2_200).contains(&drawn(Rpc::Write, Fault::Lose)));
        assert!((850..1_150).contains(&drawn(Rpc::Write, Fault::HalfOpen)));
        assert_eq!(drawn(Rpc::Read, Fault::Break), 10_000);
        assert_eq!(drawn(Rpc::Stream, Fault::End), 0);
    }
}

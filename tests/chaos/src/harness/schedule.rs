//! What happens when, drawn from a seed.

use std::{fmt, time::Duration};

use rand::{Rng, seq::IndexedRandom as _};

use crate::{
    fault::{Faults, Rpc},
    proxy::Phase,
};

/// When something happens.
#[derive(Debug, Clone)]
pub enum Moment {
    /// After a while.
    After(Duration),
    /// While a switch holds the nth request of a kind.
    Request {
        /// Which switch.
        switch: usize,
        /// What kind.
        rpc: Rpc,
        /// Before or after it was carried out.
        phase: Phase,
        /// 0 is the next.
        nth: u32,
    },
    /// After the nth part of a client's handshake.
    Handshake(u32),
    /// After the nth datagram of a client.
    Datagram(u32),
    /// After the nth write to the state file.
    Commit(u32),
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// SIGKILL for the controller.
    KillController,
    /// SIGKILL for a switch.
    KillSwitch(usize),
    /// Both.
    KillBoth(usize),
    /// A switch cannot be reached for a while.
    CutOff(usize),
    /// Nothing more.
    Nothing,
}

impl Act {
    /// Whether the controller dies.
    pub fn kills_controller(self) -> bool {
        matches!(self, Self::KillController | Self::KillBoth(_))
    }

    /// Which switch dies.
    pub fn killed_switch(self) -> Option<usize> {
        match self {
            Self::KillSwitch(switch) | Self::KillBoth(switch) => Some(switch),
            Self::KillController | Self::CutOff(_) | Self::Nothing => None,
        }
    }
}

/// One piece of trouble.
#[derive(Debug, Clone)]
pub struct Step {
    /// What goes wrong with the switches' requests from now on.
    pub faults: Vec<Faults>,
    /// When.
    pub moment: Moment,
    /// What.
    pub act: Act,
    /// How long the dead are dead.
    pub pause: Duration,
    /// How long everything runs before the next step, once it is ready; at once if `None`, even in the middle of the
    /// start.
    pub rest: Option<Duration>,
}

/// Shares of faults: each switch of a step has one of these.
const MISHAPS: [&str; 4] = [
    "write:lose=0.04 write:half=0.04 write:break=0.04 write:duplicate=0.06 write:shuffle=0.2 write:exhaust=0.03 \
     write:refuse=0.03 read:shuffle=0.3",
    "write:lose=0.1 write:half=0.1 write:break=0.1 write:cut=0.06 write:half-open=0.03 write:duplicate=0.1 \
     read:break=0.1 read:cut=0.1 config:lose=0.1 stream:cut=0.1",
    "stream:refuse=0.15 stream:end=0.4 stream:mute=0.03 read:refuse=0.15 read:exhaust=0.1 config:refuse=0.1 \
     config:cut=0.1",
    "write:delay=0.15 write:mute=0.02 write:swallow=0.01 read:delay=0.1 stream:delay=0.1 config:delay=0.1",
];

fn ms(rng: &mut impl Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.random_range(range))
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { faults, moment, act, pause, rest } = self;
        write!(f, "{act:?} {moment:?}, pause {pause:?}, rest {rest:?}")?;
        for (index, faults) in faults.iter().enumerate().filter(|(_, faults)| **faults != Faults::default()) {
            write!(f, ", switch {index} {faults}")?;
        }
        Ok(())
    }
}

impl Step {
    /// A switch is restarted while everything else works.
    pub fn restart_of(switch: usize) -> Self {
        let (moment, act) = (Moment::After(Duration::ZERO), Act::KillSwitch(switch));
        Self { faults: Vec::new(), moment, act, pause: Duration::ZERO, rest: None }
    }

    /// Draws a step for a network with so many switches.
    ///
    /// # Errors
    /// If the faults make no sense.
    pub fn draw(rng: &mut impl Rng, switches: usize) -> Result<Self, String> {
        let troubled = rng.random_ratio(6, 10);
        let mut faults = Vec::new();
        for _ in 0..switches {
            let mishaps = if troubled && rng.random_ratio(1, 2) { MISHAPS.choose(rng) } else { None };
            faults.push(Faults::parse(mishaps.copied().unwrap_or_default())?);
        }
        let switch = rng.random_range(0..switches);
        let act = match rng.random_range(0..100) {
            0..62 => Act::KillController,
            62..82 => Act::KillSwitch(switch),
            82..92 => Act::KillBoth(switch),
            _ => Act::CutOff(switch),
        };
        let rpc = *[Rpc::Write, Rpc::Write, Rpc::Write, Rpc::Read, Rpc::Config, Rpc::Stream]
            .choose(rng)
            .unwrap_or(&Rpc::Write);
        let phase = if rng.random() { Phase::Arrived } else { Phase::Answered };
        let moment = match rng.random_range(0..100) {
            0..25 => Moment::After(ms(rng, 0..1000)),
            25..65 => {
                Moment::Request { switch: rng.random_range(0..switches), rpc, phase, nth: rng.random_range(0..6) }
            }
            65..75 => Moment::Handshake(rng.random_range(0..6)),
            75..85 => Moment::Datagram(rng.random_range(0..30)),
            _ => Moment::Commit(rng.random_range(0..8)),
        };
        let pause = ms(rng, 0..700);
        let rest = rng.random_ratio(6, 10).then(|| ms(rng, 100..1000));
        Ok(Self { faults, moment, act, pause, rest })
    }
}

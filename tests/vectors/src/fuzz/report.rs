use std::{fmt, fs, path::PathBuf};

use anyhow::{Context as _, Result};
use mimiq_contract::DropReason;

use super::{
    Plan,
    compare::{Pair, drop_deltas, hit_deltas},
};
use crate::{
    entry::{self, State},
    frame,
    subject::{PortFrame, Sent},
};

/// Where two implementations differ.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The entries.
    pub state: State,
    /// The frame; or all of a batch, if it is none of them alone.
    pub frames: Vec<PortFrame>,
    /// What differs.
    pub what: Vec<String>,
    pub(super) outcome: Option<Outcome>,
}

/// What the reference makes of a frame.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    sent: Vec<Sent>,
    drops: Vec<&'static str>,
    /// Keys of the entries that are hit, as text.
    hits: Vec<String>,
}

impl Outcome {
    pub(super) fn observe(pair: &mut Pair<'_>, frame: &PortFrame) -> Result<Self> {
        let (drops, hits) = (pair.reference.drops()?, pair.reference.hits()?);
        let sent = pair.reference.run(std::slice::from_ref(frame))?;
        let drops = drop_deltas(&drops, &pair.reference.drops()?);
        let reasons = DropReason::ALL.iter().filter(|reason| drops.contains_key(&(**reason as usize)));
        let hits = hit_deltas(&hits, &pair.reference.hits()?);
        Ok(Self {
            sent,
            drops: reasons.map(|reason| reason.label()).collect(),
            hits: hits.keys().map(entry::print_key).collect(),
        })
    }
}

impl Difference {
    /// Writes a vector file that expects what the reference does, to be judged and added to the others.
    pub(super) fn write(&mut self, plan: &Plan, state: u64, n: usize, names: &[String; 2]) -> Result<()> {
        let [reference, other] = names;
        let mut text =
            format!("# Found by mimiq-fuzz --seed {}, state {state}. Expected is what {reference} does, ", plan.seed);
        text += &format!("which differs from {other}:\n# {}\n\n", self.what.join("\n").replace('\n', "\n# "));
        for entry in self.state.values() {
            text += &format!("table {}\n", entry::print(entry));
        }
        text += &format!("\nvector \"seed {}, state {state}, difference {n}\"\n", plan.seed);
        for (port, frame) in &self.frames {
            text += &format!("  in {} {}\n", port.0, frame::print(frame));
        }
        match &self.outcome {
            None => text += "# No frame of this batch differs by itself: what is expected is not known.\n",
            Some(Outcome { sent, drops, hits }) => {
                drops.iter().for_each(|reason| text += &format!("  drop {reason}\n"));
                sent.iter().for_each(|sent| text += &format!("  out {} {}\n", sent.port.0, frame::print(&sent.frame)));
                hits.iter().for_each(|key| text += &format!("  hits 1 {key}\n"));
            }
        }
        let path = self.path(plan, state, n);
        fs::create_dir_all(&plan.out)
            .and_then(|()| fs::write(&path, text))
            .with_context(|| path.display().to_string())?;
        self.what.push(format!("written to {}", path.display()));
        Ok(())
    }

    fn path(&self, plan: &Plan, state: u64, n: usize) -> PathBuf {
        plan.out.join(format!("fuzz-{}-{state}-{n}.vec", plan.seed))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (port, frame) in &self.frames {
            writeln!(f, "at port {}: {}", port.0, frame::print(frame))?;
        }
        write!(f, "{}", self.what.join("\n"))
    }
}

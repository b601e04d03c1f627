//! Cover traffic that is ready to be sent.

use mimiq_sphinx::best_batch;
use rand::{CryptoRng, Rng};

use crate::packets::{PacketError, Ready, Sender};
use crate::traffic::Stream;

/// Fillers of the payload stream and drops are of the same kind, and share a supply; loops have one of their own. Each is filled up when it is empty. As
/// the payload clock takes a filler each time, whether it is sent or not, it does not depend on the user's messages when packets are built.
#[derive(Default)]
pub(crate) struct Cover {
    drops: Vec<Ready>,
    loops: Vec<Ready>,
}

impl Cover {
    /// Builds what is missing, with this epoch's keys.
    pub(crate) fn fill(&mut self, sender: &Sender<'_>, rng: &mut (impl CryptoRng + Rng)) {
        // Nodes take the epoch before for a while, but whoever holds a packet can read its epoch: all that leave must have the same.
        for supply in [&mut self.drops, &mut self.loops] {
            supply.retain(|ready| ready.epoch == sender.routes.epoch());
        }
        build(&mut self.drops, || sender.drops(best_batch(), rng));
        build(&mut self.loops, || sender.loops(best_batch(), rng));
    }

    /// What a stream sends if the user sends nothing. None if none could be built.
    pub(crate) fn take(&mut self, stream: Stream) -> Option<Ready> {
        match stream {
            Stream::Payload | Stream::Drop => self.drops.pop(),
            Stream::Loop => self.loops.pop(),
        }
    }
}

fn build(supply: &mut Vec<Ready>, build: impl FnOnce() -> Result<Vec<Ready>, PacketError>) {
    if supply.is_empty() {
        match build() {
            Ok(ready) => *supply = ready,
            Err(error) => tracing::debug!(%error, "no cover traffic"),
        }
    }
}

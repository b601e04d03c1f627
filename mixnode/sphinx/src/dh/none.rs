//! CPUs whose lanes nobody has written.

use crate::dh::{LANES, Pair};

/// Is never made.
#[derive(Clone, Copy)]
pub(crate) enum Ifma {}

impl Ifma {
    pub(crate) fn detect() -> Option<Self> {
        None
    }

    pub(crate) fn multiply(self, _: &[Pair; LANES]) -> [[u8; 32]; LANES] {
        match self {}
    }
}

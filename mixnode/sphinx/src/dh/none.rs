//! CPUs whose lanes nobody has written.

use curve25519_dalek::edwards::EdwardsPoint;

use crate::dh::{LANES, Pair};

/// Is never made either.
pub(crate) enum Table {}

/// Is never made.
#[derive(Clone, Copy)]
pub(crate) enum Avx512 {}

impl Avx512 {
    pub(crate) fn detect() -> Option<Self> {
        None
    }

    #[cfg(test)]
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::detect().into_iter()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {}
    }

    pub(crate) fn enough(self) -> usize {
        match self {}
    }

    pub(crate) fn enough_tables(self) -> usize {
        match self {}
    }

    pub(crate) fn multiply(self, _: &[Pair; LANES]) -> [[u8; 32]; LANES] {
        match self {}
    }

    pub(crate) fn table(self, _: &EdwardsPoint) -> Table {
        match self {}
    }

    pub(crate) fn multiply_tables(self, _: &[(&Table, [u8; 32]); LANES]) -> [[u8; 32]; LANES] {
        match self {}
    }
}

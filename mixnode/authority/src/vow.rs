//! What is written down before it is said.

use std::sync::Arc;

use mimiq_directory::{Directory, Envelope, Hex32};
use serde::{Deserialize, Serialize};

/// The last text that an authority has signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// Its serial.
    pub serial: u64,
    /// SHA-256 of the text.
    pub digest: Hex32,
}

/// A text that may be signed once [`signed`](Self::signed) is on disk.
#[derive(Debug)]
pub struct Vow {
    pub(crate) signed: Signed,
    pub(crate) envelope: Envelope,
}

impl Vow {
    /// What must never be forgotten from now on.
    #[must_use]
    pub fn signed(&self) -> Signed {
        self.signed
    }
}

/// A state that k authorities have signed.
#[derive(Clone, Debug)]
pub struct Published {
    /// As they did.
    pub bytes: Arc<[u8]>,
    /// What it says.
    pub directory: Directory,
}

//! Whom to believe.

use std::collections::HashSet;

use ring::digest::{SHA256, digest};

use crate::check::{self, Inconsistent};
use crate::{Directory, Envelope, Hex32, State};

/// The most signatures that are looked at, and so the most authorities.
const MOST_SIGNATURES: usize = 64;

/// The authorities, and how many of them must have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    authorities: Vec<Hex32>,
    threshold: usize,
}

/// Nobody can be trusted like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// At least one, at most all, must sign.
    #[error("threshold: {threshold} of {authorities} authorities")]
    Threshold {
        /// How many must.
        threshold: usize,
        /// How many there are.
        authorities: usize,
    },
    /// A state with the signatures of all of them would be refused.
    #[error("authorities: {0} are more than {MOST_SIGNATURES}")]
    TooMany(usize),
    /// An authority is counted once.
    #[error("authorities: {0} twice")]
    Twice(Hex32),
}

/// What was opened before: the newest is to be remembered over restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its serial.
    pub serial: u64,
    /// SHA-256 of its text.
    pub digest: [u8; 32],
}

/// Why a state is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Larger than any can be.
    #[error("envelope: {0} bytes are more than {max}", max = Envelope::MOST_BYTES)]
    Size(usize),
    /// Not an envelope.
    #[error("envelope: {0}")]
    Envelope(serde_json::Error),
    /// More signatures than there can be authorities.
    #[error("signatures: {0} are more than {MOST_SIGNATURES}")]
    Signatures(usize),
    /// An authority signs once: more would only be work.
    #[error("signatures: {0} twice")]
    Twice(Hex32),
    /// Not enough authorities have signed.
    #[error("signatures: of {signed} of the {needed} authorities that are needed")]
    TooFew {
        /// Trusted ones that have.
        signed: usize,
        /// How many must.
        needed: usize,
    },
    /// The signed text is no state.
    #[error("state: {0}")]
    State(serde_json::Error),
    /// The signed state is no network's.
    #[error("state: {0}")]
    Inconsistent(#[from] Inconsistent),
    /// Of another network.
    #[error("network: {0:?} is another one")]
    Network(String),
    /// Its time has not come.
    #[error("valid_after: {valid_after} is later than now, {now}")]
    TooEarly {
        /// From when on it counts.
        valid_after: u64,
        /// Now.
        now: u64,
    },
    /// Its time is over.
    #[error("valid_until: {valid_until} is not later than now, {now}")]
    TooLate {
        /// Until when it counted.
        valid_until: u64,
        /// Now.
        now: u64,
    },
    /// Older than what was opened before.
    #[error("serial: {serial} is older than {seen}")]
    Older {
        /// Its serial.
        serial: u64,
        /// The serial opened before.
        seen: u64,
    },
    /// The authorities have signed two states with one serial: some of them lie, or have been robbed.
    #[error("serial: two different states have {0}")]
    Equivocation(u64),
}

impl Trust {
    /// So many of these must sign.
    ///
    /// # Errors
    /// If the threshold is zero or more than there are, one is named twice, or there are more than 64.
    pub fn new(authorities: Vec<Hex32>, threshold: usize) -> Result<Self, TrustError> {
        if threshold == 0 || threshold > authorities.len() {
            return Err(TrustError::Threshold { threshold, authorities: authorities.len() });
        }
        if authorities.len() > MOST_SIGNATURES {
            return Err(TrustError::TooMany(authorities.len()));
        }
        let mut known = HashSet::new();
        match authorities.iter().find(|authority| !known.insert(**authority)) {
            Some(twice) => Err(TrustError::Twice(*twice)),
            None => Ok(Self { authorities, threshold }),
        }
    }

    /// Opens what claims to be a network's state at a time, in seconds since 1970.
    ///
    /// # Errors
    /// If it is not signed by enough authorities, not valid now, older than or different from what was seen before, another network's, or in any way
    /// inconsistent.
    pub fn open(&self, bytes: &[u8], network: &str, now: u64, seen: Option<Seen>) -> Result<Directory, Refused> {
        if bytes.len() > Envelope::MOST_BYTES {
            return Err(Refused::Size(bytes.len()));
        }
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(Refused::Envelope)?;
        if envelope.signatures.len() > MOST_SIGNATURES {
            return Err(Refused::Signatures(envelope.signatures.len()));
        }
        let mut named = HashSet::new();
        if let Some(twice) = envelope.signatures.iter().find(|signature| !named.insert(signature.authority)) {
            return Err(Refused::Twice(twice.authority));
        }
        let signed = self.authorities.iter().filter(|authority| envelope.is_signed_by(authority)).count();
        if signed < self.threshold {
            return Err(Refused::TooFew { signed, needed: self.threshold });
        }
        let directory = Self::review(&envelope.state)?;
        let State { serial, valid_after, valid_until, .. } = *directory.state();
        if directory.state().network != network {
            return Err(Refused::Network(directory.state().network.clone()));
        }
        if now < valid_after {
            return Err(Refused::TooEarly { valid_after, now });
        }
        if now >= valid_until {
            return Err(Refused::TooLate { valid_until, now });
        }
        match seen {
            Some(seen) if serial < seen.serial => Err(Refused::Older { serial, seen: seen.serial }),
            Some(seen) if serial == seen.serial && directory.seen() != seen => Err(Refused::Equivocation(serial)),
            _ => Ok(directory),
        }
    }

    /// Reads and checks a state that nobody has signed: for an authority before it signs.
    ///
    /// # Errors
    /// If it is no state, or inconsistent.
    pub fn review(text: &str) -> Result<Directory, Refused> {
        let state: State = serde_json::from_str(text).map_err(Refused::State)?;
        let (geometry, layers) = check::check(&state)?;
        let mut seen = Seen { serial: state.serial, digest: [0; 32] };
        seen.digest.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
        Ok(Directory::new(state, geometry, layers, seen))
    }
}

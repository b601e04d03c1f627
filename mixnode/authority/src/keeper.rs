//! The core with its files: what leaves it is on disk.

use std::sync::{Arc, RwLock};

use http::HeaderValue;
use hyper::body::Bytes;
use mimiq_directory::{Descriptor, Envelope, Hex32, Policy, Refused, SigningKey, TrustError, Unfit};
use sha2::{Digest as _, Sha256};

use crate::core::Core;
use crate::store::{Store, StoreError, list};
use crate::{NoDraft, Published, Reluctance, Vow, telemetry};

/// What is served, with its ETag.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) bytes: Bytes,
    pub(crate) tag: HeaderValue,
}

impl Page {
    fn new(bytes: Bytes, digest: [u8; 32]) -> Self {
        // Quotes and hexadecimal digits can be in a header.
        let tag = format!("\"{}\"", Hex32::from(digest)).try_into();
        Self { bytes, tag: tag.unwrap_or(HeaderValue::from_static("\"\"")) }
    }
}

/// Shown to everybody without waiting for the core.
pub(crate) type StatePage = Arc<RwLock<Option<Page>>>;

/// Why a descriptor was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSigned {
    #[error(transparent)]
    Reluctance(#[from] Reluctance),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotPublished {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an authority cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOpened {
    #[error("policy: {0}")]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug)]
pub(crate) struct Keeper {
    core: Core,
    store: Store,
    state: StatePage,
    /// Made when it is asked for, of that version.
    descriptors: Option<(u64, Page)>,
    /// The reason that was logged last: it is there several times a round.
    complaint: String,
}

impl Keeper {
    pub(crate) fn open(key: SigningKey, policy: Policy, store: Store, now: u64) -> Result<Self, NotOpened> {
        let mut core = Core::new(key, policy, store.signed()?)?;
        for descriptor in store.descriptors()? {
            match core.consider(&descriptor) {
                Ok(Some(change)) => core.apply(change),
                Ok(None) => {}
                Err(why) => tracing::warn!(%why, "a stored descriptor does not count any more"),
            }
        }
        if let Some(bytes) = store.state()? {
            match core.open(&bytes, now) {
                Ok(Some(published)) => core.publish(published),
                Ok(None) => {}
                // Its time may be over, or other authorities may be trusted now.
                Err(why) => tracing::warn!(%why, "the stored state does not count any more"),
            }
        }
        let keeper = Self { core, store, state: StatePage::default(), descriptors: None, complaint: String::new() };
        keeper.show();
        Ok(keeper)
    }

    pub(crate) fn state(&self) -> StatePage {
        self.state.clone()
    }

    pub(crate) fn open_serials(&self, now: u64) -> Vec<u64> {
        self.core.open_serials(now)
    }

    /// Takes what a node says of itself. An equivocation is taken too, and passed on.
    pub(crate) fn learn(&mut self, descriptor: &Descriptor) -> Result<(), NotTaken> {
        let Some(change) = self.core.consider(descriptor)? else { return Ok(()) };
        let (identity, equivocation) = (change.identity(), change.equivocation());
        self.store.write_descriptors(&identity, change.descriptors())?;
        self.core.apply(change);
        match equivocation {
            Some(sequence) => Err(Unfit::Equivocation { identity, sequence }.into()),
            None => Ok(()),
        }
    }

    /// Proposes a state, if it is time. Whether it did.
    pub(crate) fn propose(&mut self, now: u64) -> Result<bool, StoreError> {
        let vow = match self.core.propose(now) {
            Ok(vow) => vow,
            Err(why) => {
                self.complain(&why);
                None
            }
        };
        let Some(vow) = vow else { return Ok(false) };
        for why in self.core.unfit() {
            tracing::info!(%why, "a descriptor does not count");
        }
        let serial = vow.signed().serial;
        self.sign(vow)?;
        metrics::counter!("mimiq_authority_proposals_total").increment(1);
        tracing::info!(serial, "proposed");
        Ok(true)
    }

    /// Takes what a peer shows of a proposal. Whether it was signed now.
    pub(crate) fn hear(&mut self, heard: Envelope, now: u64) -> Result<bool, NotSigned> {
        let Some(vow) = self.core.hear(heard, now)? else { return Ok(false) };
        let serial = vow.signed().serial;
        self.sign(vow)?;
        tracing::info!(serial, "signed");
        Ok(true)
    }

    /// Publishes the proposal that was signed last, if enough have.
    pub(crate) fn complete(&mut self, now: u64) -> Result<(), NotPublished> {
        match self.core.complete().map(serde_json::to_vec) {
            Some(Ok(bytes)) => self.adopt(&bytes, now),
            _ => Ok(()),
        }
    }

    /// Takes a state that may be newer.
    pub(crate) fn adopt(&mut self, bytes: &[u8], now: u64) -> Result<(), NotPublished> {
        let Some(published) = self.core.open(bytes, now)? else { return Ok(()) };
        self.store.write_state(bytes)?;
        let state = published.directory.state();
        tracing::info!(serial = state.serial, nodes = state.nodes.len(), valid_until = state.valid_until, "published");
        self.core.publish(published);
        self.show();
        Ok(())
    }

    pub(crate) fn proposal(&self, serial: u64) -> Option<Bytes> {
        serde_json::to_vec(self.core.proposal(serial)?).ok().map(Bytes::from)
    }

    pub(crate) fn descriptors(&mut self) -> Page {
        let version = self.core.descriptors().version();
        if let Some((_, page)) = self.descriptors.as_ref().filter(|(of, _)| *of == version) {
            return page.clone();
        }
        let bytes = list(self.core.descriptors().all().iter().map(|bytes| &**bytes));
        let digest = Sha256::digest(&bytes).into();
        let page = Page::new(bytes.into(), digest);
        self.descriptors = Some((version, page.clone()));
        page
    }

    fn sign(&mut self, vow: Vow) -> Result<(), StoreError> {
        self.store.write_signed(&vow.signed())?;
        self.core.keep(vow);
        metrics::counter!("mimiq_authority_signatures_total").increment(1);
        Ok(())
    }

    fn show(&self) {
        let Some(Published { bytes, directory }) = self.core.published() else { return };
        telemetry::published(directory.state());
        let page = Page::new(Bytes::copy_from_slice(bytes), directory.seen().digest);
        *self.state.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(page);
    }

    fn complain(&mut self, why: &NoDraft) {
        let complaint = why.to_string();
        if complaint != self.complaint {
            tracing::warn!(%why, "there is no state to propose");
            self.complaint = complaint;
        }
    }
}

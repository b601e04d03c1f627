//! How authorities agree, without I/O.
//!
//! Time is cut into rounds. The authorities take turns to propose, and a proposal has the serial of its round: so each serial has one proposer, and
//! serials grow by themselves. An authority signs one text for each serial at most, and remembers that before anybody sees the signature. Two sets
//! of k of n share at least 2k − n authorities, so that two texts with one serial are never published while fewer than that lie.
//! Whatever fails, a later round has another proposer.

use mimiq_directory::{Descriptor, Envelope, Hex32, Policy, Refused, Seen, SigningKey, Trust, TrustError, Unfit};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::draft::Drafts;
use crate::{Change, Descriptors, NoDraft, Published, Reluctance, Signed, Vow};

/// An authority.
#[derive(Debug)]
pub struct Core {
    key: SigningKey,
    identity: Hex32,
    policy: Policy,
    trust: Trust,
    descriptors: Descriptors,
    signed: Option<Signed>,
    /// What was signed last, with all signatures that are known.
    proposal: Option<(u64, Envelope)>,
    published: Option<Published>,
    drafts: Drafts,
}

impl Core {
    /// An authority that remembers what it has signed last.
    ///
    /// # Errors
    /// If nobody could trust the authorities of the policy.
    pub fn new(key: SigningKey, policy: Policy, signed: Option<Signed>) -> Result<Self, TrustError> {
        let trust = Trust::new(policy.authorities.clone(), policy.threshold)?;
        let (identity, descriptors) = (key.public_key(), Descriptors::default());
        Ok(Self {
            key,
            identity,
            policy,
            trust,
            descriptors,
            signed,
            proposal: None,
            published: None,
            drafts: Drafts::default(),
        })
    }

    /// The serial of the round at a time (seconds since 1970); none before the network begins.
    #[must_use]
    pub fn serial(&self, now: u64) -> Option<u64> {
        now.checked_sub(self.policy.epochs.genesis)?.checked_div(self.policy.round)?.checked_add(1)
    }

    /// The proposals that may still get this authority's signature, or bring it those of others.
    #[must_use]
    pub fn open_serials(&self, now: u64) -> Vec<u64> {
        let published = self.published.as_ref().map_or(0, |published| published.directory.seen().serial);
        let serial = self.serial(now).unwrap_or(0);
        [serial.saturating_sub(1), serial].into_iter().filter(|serial| *serial > published).collect()
    }

    /// What nodes have said.
    #[must_use]
    pub fn descriptors(&self) -> &Descriptors {
        &self.descriptors
    }

    /// What a descriptor changes: to be stored, then to be [applied](Self::apply).
    ///
    /// # Errors
    /// If it does not count.
    pub fn consider(&self, descriptor: &Descriptor) -> Result<Option<Change>, Unfit> {
        self.descriptors.consider(&self.policy, descriptor)
    }

    /// Puts in what was stored.
    pub fn apply(&mut self, change: Change) {
        self.descriptors.apply(change);
    }

    /// What to sign and to propose, if it is this authority's turn and there is need.
    ///
    /// # Errors
    /// If it is its turn, but there is no state to propose.
    pub fn propose(&mut self, now: u64) -> Result<Option<Vow>, NoDraft> {
        let Some(serial) = self.serial(now).filter(|serial| self.proposer(*serial) == self.identity) else {
            return Ok(None);
        };
        if self.signed.is_some_and(|signed| signed.serial > serial) || self.proposed(serial) {
            return Ok(None);
        }
        let draft = self.drafts.at(&self.policy, &self.descriptors, serial, now)?;
        let vow = self.vow(serial, draft.envelope.clone());
        let published = self.published.as_ref().map(|published| published.directory.state());
        Ok(vow.filter(|_| draft.is_news(published, now)))
    }

    /// Takes what another authority shows of a proposal: the signatures, if it is the one that was signed here; else it may be for signing.
    ///
    /// # Errors
    /// If it is not to be signed.
    pub fn hear(&mut self, heard: Envelope, now: u64) -> Result<Option<Vow>, Reluctance> {
        if let Some((_, own)) = self.proposal.as_mut().filter(|(_, own)| own.state == heard.state) {
            merge(own, &heard, &self.policy.authorities);
            return Ok(None);
        }
        let Numbered { serial } = serde_json::from_str(&heard.state).map_err(Reluctance::Malformed)?;
        let round = self.serial(now).unwrap_or(0);
        // One behind: clocks differ, and an answer takes time.
        if serial == 0 || (serial != round && serial.checked_add(1) != Some(round)) {
            return Err(Reluctance::Serial { serial, now: round });
        }
        let proposer = self.proposer(serial);
        if !heard.is_signed_by(&proposer) {
            return Err(Reluctance::Proposer { serial, proposer });
        }
        if let Some(signed) = self.signed.filter(|signed| signed.serial > serial) {
            return Err(Reluctance::Older { serial, signed: signed.serial });
        }
        let text = heard.state.clone();
        let vow = self.vow(serial, heard).ok_or(Reluctance::Another(serial))?;
        let draft = self.drafts.at(&self.policy, &self.descriptors, serial, now)?;
        if draft.envelope.state == text { Ok(Some(vow)) } else { Err(Reluctance::Differs(serial)) }
    }

    /// Signs what was vowed, once it is on disk.
    pub fn keep(&mut self, vow: Vow) {
        let Vow { signed, envelope: heard } = vow;
        // A vow from before another one could break that.
        if self.signed.is_some_and(|last| last != signed && last.serial >= signed.serial) {
            return;
        }
        self.signed = Some(signed);
        let mut own = Envelope { state: heard.state.clone(), signatures: Vec::new() };
        own.sign(&self.key);
        merge(&mut own, &heard, &self.policy.authorities);
        self.proposal = Some((signed.serial, own));
    }

    /// What this authority has signed with a serial, with the signatures of others; of the last one only.
    #[must_use]
    pub fn proposal(&self, serial: u64) -> Option<&Envelope> {
        self.proposal.as_ref().filter(|(of, _)| *of == serial).map(|(_, envelope)| envelope)
    }

    /// The proposal, if enough have signed it and it is not published yet: for [`open`](Self::open).
    #[must_use]
    pub fn complete(&self) -> Option<&Envelope> {
        let published = self.published.as_ref().map_or(0, |published| published.directory.seen().serial);
        let (_, envelope) = self.proposal.as_ref().filter(|(serial, _)| *serial > published)?;
        (envelope.signatures.len() >= self.policy.threshold).then_some(envelope)
    }

    /// Opens what may be newer than what is published: to be stored, then to be [published](Self::publish).
    ///
    /// # Errors
    /// If it is not signed by enough authorities, old, or in any way not a state of this network.
    pub fn open(&self, bytes: &[u8], now: u64) -> Result<Option<Published>, Refused> {
        let seen: Option<Seen> = self.published.as_ref().map(|published| published.directory.seen());
        let directory = self.trust.open(bytes, &self.policy.network, now, seen)?;
        let newer = Some(directory.seen()) != seen;
        Ok(newer.then(|| Published { bytes: bytes.into(), directory }))
    }

    /// Takes what was stored as the newest.
    pub fn publish(&mut self, published: Published) {
        self.published = Some(published);
    }

    /// The newest state.
    #[must_use]
    pub fn published(&self) -> Option<&Published> {
        self.published.as_ref()
    }

    /// Descriptors that did not count when a state was last composed.
    #[must_use]
    pub fn unfit(&self) -> &[Unfit] {
        self.drafts.unfit()
    }

    fn proposer(&self, serial: u64) -> Hex32 {
        let turn = serial.saturating_sub(1) % self.policy.authorities.len() as u64;
        self.policy.authorities[turn as usize]
    }

    fn proposed(&self, serial: u64) -> bool {
        self.proposal.as_ref().is_some_and(|(of, _)| *of == serial)
    }

    /// None if another text was signed with this serial, or anything with a later one.
    fn vow(&self, serial: u64, envelope: Envelope) -> Option<Vow> {
        let digest: [u8; 32] = Sha256::digest(envelope.state.as_bytes()).into();
        let signed = Signed { serial, digest: digest.into() };
        let may = self.signed.is_none_or(|last| last.serial < serial || last == signed);
        may.then_some(Vow { signed, envelope })
    }
}

/// A state's serial, without a look at the rest: that must be what follows from policy and descriptors anyway.
#[derive(Deserialize)]
struct Numbered {
    serial: u64,
}

/// Adds the signatures of authorities that are missing.
fn merge(own: &mut Envelope, heard: &Envelope, authorities: &[Hex32]) {
    for authority in authorities {
        let of = |signature: &&mimiq_directory::Signature| signature.authority == *authority;
        if own.signatures.iter().any(|signature| of(&signature)) || !heard.is_signed_by(authority) {
            continue;
        }
        own.signatures.extend(heard.signatures.iter().find(of));
    }
}

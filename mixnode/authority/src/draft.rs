//! The state that follows from policy and descriptors.

use std::collections::HashSet;
use std::sync::Arc;

use mimiq_directory::{Envelope, Hex32, Policy, State, Unfit, compose};

use crate::{Descriptors, NoDraft};

/// A state, as it would be proposed.
#[derive(Debug)]
pub(crate) struct Draft {
    state: State,
    /// Not signed yet.
    pub(crate) envelope: Envelope,
    unfit: Vec<Unfit>,
}

/// What a draft depends on: epoch, serial, version of the descriptors.
type DraftKey = (u64, u64, u64);

/// The last draft: to compose is to check all signatures, and is asked for several times a round.
#[derive(Debug, Default)]
pub(crate) struct Drafts(Option<(DraftKey, Result<Arc<Draft>, NoDraft>)>);

impl Drafts {
    /// The draft of now, with a serial.
    pub(crate) fn at(
        &mut self,
        policy: &Policy,
        descriptors: &Descriptors,
        serial: u64,
        now: u64,
    ) -> Result<Arc<Draft>, NoDraft> {
        // Before the first epoch there is none, which is for `compose` to say.
        let epoch = policy.epochs.at(now).unwrap_or(0);
        let key = (epoch, serial, descriptors.version());
        if let Some((_, draft)) = self.0.as_ref().filter(|(of, _)| *of == key) {
            return draft.clone();
        }
        let draft = || {
            let composition = compose(policy, &descriptors.all(), epoch, serial, now)?;
            let json = |error: serde_json::Error| NoDraft::Json(error.to_string());
            let envelope = Envelope::new(&composition.state).map_err(json)?;
            // Read as a published one is, so that they can be compared: a rate need not survive JSON to its last bit.
            let state = serde_json::from_str(&envelope.state).map_err(json)?;
            let unfit = composition.unfit.into_iter().map(|(_, why)| why).collect();
            Ok(Arc::new(Draft { state, envelope, unfit }))
        };
        let draft = draft();
        self.0 = Some((key, draft.clone()));
        draft
    }

    /// Descriptors that do not count in it.
    pub(crate) fn unfit(&self) -> &[Unfit] {
        match &self.0 {
            Some((_, Ok(draft))) => &draft.unfit,
            _ => &[],
        }
    }
}

impl Draft {
    /// Whether it says what the newest state does not.
    pub(crate) fn is_news(&self, published: Option<&State>, now: u64) -> bool {
        let Some(published) = published else { return true };
        if published.valid_until <= now {
            return true;
        }
        if published.valid_after < self.state.valid_after {
            // The state of the epoch before still counts, so that there is time: not each node has sent its new keys yet, and a state of the first
            // ones would be a small network.
            let early = now.saturating_sub(self.state.valid_after) < self.state.epochs.length / 4;
            let nodes: HashSet<Hex32> = self.state.nodes.iter().map(|node| node.identity).collect();
            return !early || published.nodes.iter().all(|node| nodes.contains(&node.identity));
        }
        *published != State { serial: published.serial, ..self.state.clone() }
    }
}

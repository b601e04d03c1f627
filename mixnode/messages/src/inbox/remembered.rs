//! The names of messages that are complete, so that none is shown twice.

use std::collections::{BTreeSet, HashMap};

use super::InboxConfig;
use crate::MessageId;

/// A message that was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Received {
    /// When, in seconds since 1970.
    pub at: u64,
    /// Who sent it.
    pub sender: [u8; 32],
    /// Its name.
    pub message: MessageId,
}

pub(super) struct Remembered {
    most_of_sender: usize,
    most: usize,
    time: u64,
    by_sender: HashMap<[u8; 32], HashMap<MessageId, u64>>,
    /// The oldest first.
    by_age: BTreeSet<Received>,
}

impl Remembered {
    pub(super) fn new(config: &InboxConfig) -> Self {
        Self {
            most_of_sender: config.most_remembered_of_sender,
            most: config.most_remembered,
            time: config.remember_for,
            by_sender: HashMap::new(),
            by_age: BTreeSet::new(),
        }
    }

    pub(super) fn contains(&self, sender: &[u8; 32], message: &MessageId) -> bool {
        self.by_sender.get(sender).is_some_and(|known| known.contains_key(message))
    }

    /// A sender with many messages pushes out its own, not those of others.
    pub(super) fn insert(&mut self, received: Received) {
        let Received { at, sender, message } = received;
        if self.contains(&sender, &message) {
            return;
        }
        if let Some(known) = self.by_sender.get(&sender).filter(|known| known.len() >= self.most_of_sender)
            && let Some((at, message)) = known.iter().map(|(message, at)| (*at, *message)).min()
        {
            self.remove(&Received { at, sender, message });
        }
        self.by_sender.entry(sender).or_default().insert(message, at);
        self.by_age.insert(received);
        while self.by_age.len() > self.most
            && let Some(oldest) = self.by_age.first().copied()
        {
            self.remove(&oldest);
        }
    }

    pub(super) fn expire(&mut self, now: u64) {
        while let Some(oldest) = self.by_age.first().copied()
            && oldest.at.saturating_add(self.time) <= now
        {
            self.remove(&oldest);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Received> {
        self.by_age.iter()
    }

    fn remove(&mut self, received: &Received) {
        self.by_age.remove(received);
        if let Some(known) = self.by_sender.get_mut(&received.sender) {
            known.remove(&received.message);
            if known.is_empty() {
                self.by_sender.remove(&received.sender);
            }
        }
    }
}

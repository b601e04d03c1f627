//! Messages of which fragments are missing.

use std::collections::{BTreeMap, HashMap};

use super::InboxConfig;
use super::config::FRAGMENT;
use crate::{Fragment, MOST_BODY, MessageId};

use super::Refused;

type Key = ([u8; 32], MessageId);

struct Message {
    count: u16,
    parts: BTreeMap<u16, Vec<u8>>,
    /// Of all parts.
    length: usize,
    /// When the latest part came, seconds; and which of all additions that was, for within a second there are several.
    touched: (u64, u64),
}

/// What a fragment did.
pub(super) enum Added {
    /// It is there already.
    Known,
    More,
    All(Vec<u8>),
}

pub(super) struct Incomplete {
    config: InboxConfig,
    messages: HashMap<Key, Message>,
    /// What they count, with [`FRAGMENT`] for each part.
    bytes: usize,
    additions: u64,
}

impl Incomplete {
    pub(super) fn new(config: InboxConfig) -> Self {
        Self { config, messages: HashMap::new(), bytes: 0, additions: 0 }
    }

    pub(super) fn add(&mut self, now: u64, sender: &[u8; 32], fragment: &Fragment<'_>) -> Result<Added, Refused> {
        let Fragment { piece, count, bytes, .. } = *fragment;
        if bytes.len() > MOST_BODY {
            return Err(Refused::Length(bytes.len()));
        }
        let key = (*sender, piece.message);
        if count == 1 && !self.messages.contains_key(&key) {
            // Nothing is kept of it, so nothing is pushed out.
            return Ok(Added::All(bytes.to_vec()));
        }
        if let Some(known) = self.messages.get(&key) {
            if known.count != count {
                return Err(Refused::Count { count, before: known.count });
            }
            if known.parts.contains_key(&piece.index) {
                return Ok(Added::Known);
            }
        }
        let length = self.messages.get(&key).map_or(0, |known| known.length) + bytes.len();
        if length > MOST_BODY {
            return Err(Refused::Length(length));
        }
        if !self.messages.contains_key(&key) {
            let of_sender = self.messages.keys().filter(|(other, _)| other == sender).count();
            if of_sender >= self.config.most_of_sender {
                self.evict(|(other, _)| other == sender);
            } else if self.messages.len() >= self.config.most_incomplete {
                self.evict(|_| true);
            }
        }
        self.bytes += bytes.len() + FRAGMENT;
        self.additions += 1;
        let new = || Message { count, parts: BTreeMap::new(), length: 0, touched: (0, 0) };
        let message = self.messages.entry(key).or_insert_with(new);
        message.parts.insert(piece.index, bytes.to_vec());
        message.length = length;
        message.touched = (now, self.additions);
        if message.parts.len() == usize::from(count) {
            let all = self.remove(&key).map(|message| message.parts.into_values().flatten().collect());
            return Ok(Added::All(all.unwrap_or_default()));
        }
        while self.bytes > self.config.most_bytes && self.evict(|other| *other != key) {}
        Ok(Added::More)
    }

    pub(super) fn expire(&mut self, now: u64) {
        let idle = |message: &Message| now.saturating_sub(message.touched.0) >= self.config.longest_idle;
        let gone: Vec<Key> = self.messages.iter().filter(|(_, message)| idle(message)).map(|(key, _)| *key).collect();
        for key in gone {
            self.remove(&key);
        }
    }

    /// Drops, of those asked for, the one that has waited longest for a further fragment: whoever wants to push out messages that are being sent
    /// has to send faster than their senders, times the number of messages that are kept.
    fn evict(&mut self, of: impl Fn(&Key) -> bool) -> bool {
        let idlest = self.messages.iter().filter(|(key, _)| of(key)).min_by_key(|(_, message)| message.touched);
        let idlest = idlest.map(|(key, _)| *key);
        idlest.is_some_and(|key| self.remove(&key).is_some())
    }

    fn remove(&mut self, key: &Key) -> Option<Message> {
        let message = self.messages.remove(key)?;
        self.bytes -= message.length + message.parts.len() * FRAGMENT;
        Some(message)
    }
}

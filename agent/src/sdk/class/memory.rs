//! What is remembered of servers. Bounded, and not for ever: servers change.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Evidence;

/// A server: its address and the name it was asked to prove.
pub(crate) type Key = (SocketAddr, String);

/// How many servers are remembered.
const SERVERS: usize = 256;
/// How long evidence counts, from its first piece.
const LIFETIME: Duration = Duration::from_secs(3600);

/// Evidence by server.
#[derive(Debug, Default)]
pub(crate) struct Memory(HashMap<Key, (Evidence, Instant)>);

impl Memory {
    /// What is known of a server, to read and to add to.
    pub(crate) fn of(&mut self, server: &Key, now: Instant) -> &mut Evidence {
        self.0.retain(|_, (_, since)| now.saturating_duration_since(*since) < LIFETIME);
        if self.0.len() >= SERVERS && !self.0.contains_key(server) {
            let oldest = self.0.iter().min_by_key(|(_, (_, since))| *since).map(|(server, _)| server.clone());
            if let Some(oldest) = oldest {
                self.0.remove(&oldest);
            }
        }
        &mut self.0.entry(server.clone()).or_insert_with(|| (Evidence::default(), now)).0
    }
}

#[cfg(test)]
mod tests {
    use super::super::Class;
    use super::*;

    fn server(number: u16) -> Key {
        (([127, 0, 0, 1], number).into(), "localhost".into())
    }

    #[test]
    fn it_is_bounded_and_forgets() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        memory.of(&server(0), start).stopped(1);
        assert_eq!(memory.of(&server(0), start + LIFETIME / 2).class(), Class::Capped(1));
        assert_eq!(memory.of(&(server(0).0, "other".into()), start).class(), Class::Unknown(0));
        for number in 1..1000 {
            memory.of(&server(number), start + Duration::from_secs(number.into())).stopped(number.into());
            assert!(memory.0.len() <= SERVERS);
        }
        let now = start + Duration::from_secs(999);
        assert_eq!(memory.of(&server(999), now).class(), Class::Capped(999));
        assert_eq!(memory.of(&server(1), now).class(), Class::Unknown(0), "the oldest made room");
        assert_eq!(memory.of(&server(999), now + LIFETIME).class(), Class::Unknown(0), "servers change");
    }
}

//! How much each user has at the moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Limits;
use crate::refusal::Refusal;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// QUIC connections.
    Connection,
    /// TCP tunnels.
    Tcp,
    /// UDP tunnels.
    Udp,
}

impl Kind {
    /// Its name in metrics.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

type Counts = Arc<Mutex<HashMap<(Kind, String), usize>>>;

/// Counts what users have.
#[derive(Clone, Debug)]
pub(crate) struct Usage {
    limits: Limits,
    counts: Counts,
}

/// One of what a user may have; gives it back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    key: (Kind, String),
    counts: Counts,
}

impl Usage {
    /// Nobody has anything.
    #[must_use]
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, counts: Counts::default() }
    }

    /// The limits.
    #[must_use]
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// One more for this user.
    ///
    /// # Errors
    /// If that is one too many.
    pub(crate) fn take(&self, kind: Kind, user: &str) -> Result<Slot, Refusal> {
        let (most, refusal) = match kind {
            Kind::Connection => (self.limits.connections_per_user, Refusal::Connections),
            Kind::Tcp => (self.limits.tcp_tunnels_per_user, Refusal::Tunnels),
            Kind::Udp => (self.limits.udp_tunnels_per_user, Refusal::Tunnels),
        };
        let key = (kind, user.to_owned());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key.clone()).or_default();
        if *count >= most {
            return Err(refusal);
        }
        *count += 1;
        metrics::gauge!("mimiq_exit_in_use", "kind" => kind.name()).increment(1.0);
        Ok(Slot { key, counts: self.counts.clone() })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
        metrics::gauge!("mimiq_exit_in_use", "kind" => self.key.0.name()).decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_one_users_and_what_is_dropped_is_free() {
        let usage = Usage::new(Limits { tcp_tunnels_per_user: 2, udp_tunnels_per_user: 0, ..Limits::default() });
        let first = usage.take(Kind::Tcp, "alice").unwrap();
        let _second = usage.take(Kind::Tcp, "alice").unwrap();
        assert_eq!(usage.take(Kind::Tcp, "alice").unwrap_err(), Refusal::Tunnels);
        assert_eq!(usage.take(Kind::Udp, "alice").unwrap_err(), Refusal::Tunnels);
        assert!(usage.take(Kind::Tcp, "bob").is_ok() && usage.take(Kind::Connection, "alice").is_ok());
        drop(first);
        assert!(usage.take(Kind::Tcp, "alice").is_ok());
    }
}

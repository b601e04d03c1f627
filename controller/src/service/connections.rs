use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use quinn::Connection;

use super::close;
use crate::tls::{CertificateId, Holder};

/// Connections of one client at a time: an agent has one, and for a while those that it lost.
const PER_CLIENT: usize = 8;

/// The clients' open connections, and which certificates are revoked.
#[derive(Default)]
pub(super) struct Connections(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    by_name: HashMap<Arc<str>, Vec<(CertificateId, Connection)>>,
    revoked: HashSet<CertificateId>,
}

/// Why a connection is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unwelcome {
    TooMany,
    /// While the handshake was under way.
    Revoked,
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a connection until it is [removed](Self::remove).
    pub(super) fn add(&self, holder: &Holder, name: &Arc<str>, connection: &Connection) -> Result<(), Unwelcome> {
        let mut inner = self.lock();
        if inner.revoked.contains(&holder.certificate) {
            return Err(Unwelcome::Revoked);
        }
        let connections = inner.by_name.entry(name.clone()).or_default();
        if connections.len() == PER_CLIENT {
            return Err(Unwelcome::TooMany);
        }
        connections.push((holder.certificate.clone(), connection.clone()));
        Ok(())
    }

    pub(super) fn remove(&self, name: &str, connection: &Connection) {
        let mut inner = self.lock();
        if let Some(connections) = inner.by_name.get_mut(name) {
            connections.retain(|(_, other)| other.stable_id() != connection.stable_id());
            if connections.is_empty() {
                inner.by_name.remove(name);
            }
        }
    }

    /// How many connections each client has; those without are not there.
    pub(super) fn numbers(&self) -> HashMap<Arc<str>, usize> {
        self.lock().by_name.iter().map(|(name, connections)| (name.clone(), connections.len())).collect()
    }

    /// Closes a client's connections; says how many.
    pub(super) fn close(&self, name: &str) -> usize {
        let inner = self.lock();
        let connections = inner.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        for (_, connection) in connections {
            connection.close(close::EXPELLED, b"closed by the operator");
        }
        connections.len()
    }

    /// From now on these certificates are revoked. Closes their connections; says how many.
    pub(super) fn revoke(&self, revoked: HashSet<CertificateId>) -> usize {
        let mut inner = self.lock();
        inner.revoked = revoked;
        let hit = inner.by_name.values().flatten().filter(|(certificate, _)| inner.revoked.contains(certificate));
        let mut closed = 0;
        for (_, connection) in hit {
            connection.close(close::REVOKED, b"the certificate is revoked");
            closed += 1;
        }
        closed
    }
}

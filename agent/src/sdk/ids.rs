//! The client's connection IDs: random, and counted; and their stateless reset tokens.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quinn::crypto::{CryptoError, HmacKey};
use quinn::{ConnectionId, ConnectionIdGenerator};

/// Length of the IDs that the client issues, bytes.
pub(crate) const LENGTH: usize = 8;

/// How many IDs were issued, the handshake's included. Unlike quinn's frame statistics it does not count repetitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Issued(Arc<AtomicU64>);

impl Issued {
    /// So far.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn generator(&self) -> Box<dyn ConnectionIdGenerator> {
        Box::new(Generator(self.clone()))
    }
}

struct Generator(Issued);

impl ConnectionIdGenerator for Generator {
    fn generate_cid(&mut self) -> ConnectionId {
        self.0.0.fetch_add(1, Ordering::Relaxed);
        ConnectionId::new(&rand::random::<[u8; LENGTH]>())
    }

    fn cid_len(&self) -> usize {
        LENGTH
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Length of a stateless reset token (RFC 9000 §10.3), bytes.
pub(crate) const TOKEN: usize = 16;
/// A reset is sent right after its token is made; a few more may be made meanwhile.
const RECENT: usize = 16;

/// Recognises stateless resets, which quinn sends when a packet comes late for a connection ID that the server has retired:
/// for a client with a single connection they say nothing, and would leave from the new address.
///
/// A token is any unpredictable number. As no reset is ever sent, it need not be the same twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResetTokens(Arc<Mutex<VecDeque<[u8; TOKEN]>>>);

impl ResetTokens {
    /// Whether a datagram that starts like a packet is a stateless reset.
    pub(crate) fn is_reset(&self, datagram: &[u8]) -> bool {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        datagram.last_chunk::<TOKEN>().is_some_and(|tail| recent.contains(tail))
    }
}

impl HmacKey for ResetTokens {
    fn sign(&self, _data: &[u8], signature_out: &mut [u8]) {
        rand::fill(signature_out);
        if let Some(token) = signature_out.first_chunk::<TOKEN>() {
            let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if recent.len() == RECENT {
                recent.pop_front();
            }
            recent.push_back(*token);
        }
    }

    fn signature_len(&self) -> usize {
        TOKEN
    }

    fn verify(&self, _data: &[u8], _signature: &[u8]) -> Result<(), CryptoError> {
        Err(CryptoError)
    }
}

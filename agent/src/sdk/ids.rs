//! The client's connection IDs: random, and counted; and their stateless reset tokens.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use quinn::crypto::{CryptoError, HmacKey};
use quinn::{ConnectionId, ConnectionIdGenerator};

/// Length of the IDs that the client issues, bytes.
pub(crate) const LENGTH: usize = 8;

/// How many of the youngest IDs and tokens are remembered: more than quinn issues at a time.
const RECENT: usize = 16;

/// How many IDs were issued, the handshake's included. Unlike quinn's frame statistics it does not count repetitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Issued(Arc<Mutex<Times>>);

#[derive(Debug, Default)]
struct Times {
    count: u64,
    recent: VecDeque<Instant>,
}

impl Issued {
    /// So far, and of those until `before`.
    pub(crate) fn count(&self, before: Option<Instant>) -> (u64, u64) {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let young = times.recent.iter().filter(|at| Some(**at) > before).count() as u64;
        (times.count, times.count - young)
    }

    pub(crate) fn generator(&self) -> Box<dyn ConnectionIdGenerator> {
        Box::new(Generator(self.clone()))
    }
}

struct Generator(Issued);

impl ConnectionIdGenerator for Generator {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut times = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.count += 1;
        if times.recent.len() == RECENT {
            times.recent.pop_front();
        }
        times.recent.push_back(Instant::now());
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

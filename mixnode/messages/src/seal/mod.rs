//! Payloads that only their recipient can tell from random bytes, and that prove to it who sealed them.
//!
//! ```text
//! payload = representative 32 ‖ box 1: sender's public key 32, tag 16 ‖ box 2: length 2, content, zeros, tag 16        (numbers big-endian)
//! h1 = SHA-256("mimiq loopix payload v1" ‖ recipient's public key ‖ representative)        h2 = SHA-256(h1 ‖ box 1)
//! k1 = HKDF-SHA256(X25519(e, r), salt h1)                  k2 = HKDF-SHA256(X25519(e, r) ‖ X25519(s, r), salt h2)
//! ```
//!
//! That is the one-way pattern X of the Noise framework (`e, es, s, ss`), but for e, which travels as its Elligator representative. Noise's own key
//! schedule has no place for that. HKDF (RFC 5869) has the protocol's name as info, too. The boxes are ChaCha20-Poly1305 (RFC 8439) with
//! nonce 0 and associated data h1, h2.

mod identity;
mod keys;

pub use identity::Identity;

use mimiq_sphinx::PublicKey;
use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::elligator;
use keys::{Transcript, exchange};

const TAG: usize = 16;
const STATIC: usize = 32 + TAG;
const LENGTH: usize = 2;
const OVERHEAD: usize = 32 + STATIC + LENGTH + TAG;

/// Bytes of content that a payload has room for: 98 less than it has, and no more than their length can say.
#[must_use]
pub fn capacity(payload_len: usize) -> usize {
    payload_len.saturating_sub(OVERHEAD).min(u16::MAX.into())
}

/// Why something cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is more of it than a payload takes.
    #[error("content: {length} bytes, and the payload has room for {most}")]
    Content {
        /// Given.
        length: usize,
        /// Possible.
        most: usize,
    },
    /// No payload is so short.
    #[error("payload: {0} bytes are fewer than {OVERHEAD}")]
    Payload(usize),
    /// Anyone would know the shared secret.
    #[error("recipient: public key of low order")]
    Recipient,
    /// The cryptographic library refused sizes that it has always taken.
    #[error("the cryptographic library failed")]
    Library,
}

/// What was sealed.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    /// Who sealed it: the canonical encoding of a point of prime order.
    pub sender: [u8; 32],
    /// What.
    pub content: &'a [u8],
}

/// Fills `payload` with content for the holder of a public key.
///
/// # Errors
/// If the content or the payload does not have a size that fits, or the key is of low order; then `payload` is not to be sent.
pub fn seal(
    sender: &Identity,
    to: &[u8; 32],
    content: &[u8],
    rng: &mut impl CryptoRng,
    payload: &mut [u8],
) -> Result<(), SealError> {
    let length = payload.len();
    if length < OVERHEAD {
        return Err(SealError::Payload(length));
    }
    let most = capacity(length);
    if content.len() > most {
        return Err(SealError::Content { length: content.len(), most });
    }
    let (head, content_box) = payload.split_at_mut(32 + STATIC);
    let (representative, static_box) = head.split_at_mut(32);

    let (secret, bytes) = elligator::ephemeral(rng);
    representative.copy_from_slice(&bytes);
    let mut shared = Zeroizing::new([0; 64]);
    shared[..32].copy_from_slice(&*exchange(&secret, to).ok_or(SealError::Recipient)?);
    let transcript = Transcript::new(to, &bytes);
    static_box[..32].copy_from_slice(sender.public_key());
    transcript.seal(&shared[..32], static_box).ok_or(SealError::Library)?;

    shared[32..].copy_from_slice(&*exchange(sender.secret(), to).ok_or(SealError::Recipient)?);
    content_box[..LENGTH].copy_from_slice(&(content.len() as u16).to_be_bytes());
    let (text, zeros) = content_box[LENGTH..].split_at_mut(content.len());
    text.copy_from_slice(content);
    zeros.fill(0);
    transcript.then(static_box).seal(&*shared, content_box).ok_or(SealError::Library)
}

/// Opens a payload in place. `None` is normal: it may be one's own loop, someone else's, or changed. What is in its place then means nothing.
#[must_use]
pub fn open<'a>(recipient: &Identity, payload: &'a mut [u8]) -> Option<Opened<'a>> {
    if payload.len() < OVERHEAD {
        return None;
    }
    let (representative, boxes) = payload.split_first_chunk_mut::<32>()?;
    let (static_box, content_box) = boxes.split_first_chunk_mut::<STATIC>()?;

    let mut shared = Zeroizing::new([0; 64]);
    shared[..32].copy_from_slice(&*exchange(recipient.secret(), &elligator::map(representative))?);
    let first = Transcript::new(recipient.public_key(), representative);
    let second = first.then(static_box);
    let sender: [u8; 32] = (&*first.open(&shared[..32], static_box)?).try_into().ok()?;
    // Or one sender would have many names.
    PublicKey::from(sender).check().ok()?;

    shared[32..].copy_from_slice(&*exchange(recipient.secret(), &sender)?);
    let text = &*second.open(&*shared, content_box)?;
    let (length, text) = text.split_first_chunk::<LENGTH>()?;
    let (content, zeros) = text.split_at_checked(u16::from_be_bytes(*length).into())?;
    zeros.iter().all(|byte| *byte == 0).then_some(Opened { sender, content })
}

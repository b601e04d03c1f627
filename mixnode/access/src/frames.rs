//! What client and provider say on streams. Everything has a fixed size, but for the network's state. Numbers are big-endian.
//!
//! The first byte of a stream says its kind. The first stream of a connection is for [pulls](PULLS); a stream for the [state](STATE) carries one
//! request.
//!
//! | stream | client | provider |
//! |---|---|---|
//! | pulls | version 2, token 32 (or zeros) | status 1; if it is 0, `messages_per_pull` 4 |
//! | | for each pull: number up to which all may be deleted 8, number behind which messages are wanted 8 | `messages_per_pull` slots: number 8, name 16, payload |
//! | state | serial that it has 8 | length 4, envelope; length 0 if it is not newer |
//!
//! `messages_per_pull` is that of the state which the provider has when the connection begins: it may change in a network that runs, and the client may
//! have heard of that sooner or later. A slot of number 0 is a dummy: random bytes. Which slots are real only the two ends can tell, as QUIC encrypts them.

use rand::RngCore;

use crate::account::Token;
use crate::inbox::Message;
use crate::shape::Shape;

/// First byte of the stream for pulls.
pub(crate) const PULLS: u8 = 1;
/// First byte of a stream for the network's state.
pub(crate) const STATE: u8 = 2;
const VERSION: u8 = 2;
/// Bytes that say how many slots there are.
pub(crate) const SLOTS: usize = 4;
/// Bytes of a hello, its stream's first byte included.
pub(crate) const HELLO: usize = 34;

/// Something that nobody who follows the protocol sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0}")]
pub struct Malformed(pub(crate) &'static str);

/// Why a provider does not serve a client. The numbers are on the wire: never renumber or reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The client speaks another version.
    #[error("unknown version")]
    Version = 1,
    /// The operator has blocked the account.
    #[error("the account is blocked")]
    Blocked = 2,
    /// There is no account, and no token, or one that is unknown or used, for a new one.
    #[error("no account, and no valid token")]
    Token = 3,
    /// The provider cannot look at the moment.
    #[error("unavailable at the moment")]
    Unavailable = 4,
}

impl Refusal {
    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Blocked => "blocked",
            Self::Token => "token",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The start of a connection.
pub(crate) fn hello(token: Option<&Token>) -> [u8; HELLO] {
    let mut hello = [0; HELLO];
    hello[0] = PULLS;
    hello[1] = VERSION;
    if let Some(token) = token {
        hello[2..].copy_from_slice(token.as_bytes());
    }
    hello
}

/// The token in a hello.
pub(crate) fn parse_hello(hello: &[u8; HELLO]) -> Result<Result<Option<Token>, Refusal>, Malformed> {
    let [kind, version, token @ ..] = *hello;
    match (kind, version) {
        (PULLS, VERSION) => Ok(Ok(Token::from_bytes(token))),
        (PULLS, _) => Ok(Err(Refusal::Version)),
        _ => Err(Malformed("hello")),
    }
}

/// What a client asks of its inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pull {
    /// All messages up to this number have arrived, and may be deleted.
    pub done: u64,
    /// Those behind this number are wanted. It is greater while the client has messages that nobody has taken from it yet: newer ones do not wait for that.
    pub seen: u64,
}

impl Pull {
    pub(crate) const LEN: usize = 16;

    /// All up to this number have arrived.
    #[must_use]
    pub fn after(number: u64) -> Self {
        Self { done: number, seen: number }
    }

    pub(crate) fn encode(self) -> [u8; Self::LEN] {
        (u128::from(self.done) << 64 | u128::from(self.seen)).to_be_bytes()
    }

    pub(crate) fn parse(bytes: [u8; Self::LEN]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self { done: (both >> 64) as u64, seen: both as u64 }
    }
}

/// The answer to a hello: why the client is not served, or how large answers to its pulls will be.
pub(crate) fn welcome(admitted: Result<Shape, Refusal>) -> Vec<u8> {
    match admitted {
        Ok(shape) => [&[0][..], &(shape.messages_per_pull() as u32).to_be_bytes()].concat(),
        Err(refusal) => vec![refusal as u8],
    }
}

/// What a status says.
pub(crate) fn parse_status(status: u8) -> Result<Result<(), Refusal>, Malformed> {
    let refusals = [Refusal::Version, Refusal::Blocked, Refusal::Token, Refusal::Unavailable];
    match status {
        0 => Ok(Ok(())),
        code => refusals.into_iter().find(|refusal| *refusal as u8 == code).map(Err).ok_or(Malformed("status")),
    }
}

/// The shape of a connection with as many slots as the provider says.
pub(crate) fn parse_slots(shape: Shape, slots: [u8; SLOTS]) -> Result<Shape, Malformed> {
    shape.with_messages_per_pull(u32::from_be_bytes(slots)).map_err(|_| Malformed("messages per pull"))
}

/// The answer to a pull: the same size, and nearly the same work, however many messages there are.
pub(crate) fn answer(shape: &Shape, messages: &[Message], rng: &mut impl RngCore) -> Vec<u8> {
    let mut answer = vec![0; shape.answer_len()];
    rng.fill_bytes(&mut answer);
    let mut messages = messages.iter();
    for slot in answer.chunks_exact_mut(shape.slot_len()) {
        let (number, rest) = slot.split_at_mut(8);
        // Of another size they are only if the node is configured for another network.
        let message = messages.next().filter(|message| message.payload.len() == shape.payload_len());
        number.copy_from_slice(&message.map_or(0, |message| message.seq).to_be_bytes());
        if let Some(message) = message {
            let (name, payload) = rest.split_at_mut(16);
            name.copy_from_slice(&message.id);
            payload.copy_from_slice(&message.payload);
        }
    }
    answer
}

/// The messages in an answer.
pub(crate) fn parse_answer(shape: &Shape, answer: &[u8]) -> Result<Vec<Message>, Malformed> {
    if answer.len() != shape.answer_len() {
        return Err(Malformed("answer"));
    }
    let mut messages: Vec<Message> = Vec::new();
    for slot in answer.chunks_exact(shape.slot_len()) {
        let (number, rest) = slot.split_first_chunk::<8>().ok_or(Malformed("answer"))?;
        let (id, payload) = rest.split_first_chunk::<16>().ok_or(Malformed("answer"))?;
        let seq = u64::from_be_bytes(*number);
        if seq == 0 {
            continue;
        }
        if messages.last().is_some_and(|last| last.seq >= seq) {
            return Err(Malformed("answer"));
        }
        messages.push(Message { seq, id: *id, payload: payload.to_vec() });
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use mimiq_directory::Rates;
    use mimiq_sphinx::Geometry;
    use proptest::prelude::*;
    use rand::{RngCore as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn shape() -> Shape {
        let rates = Rates {
            mu: 1.0,
            lambda_p: 1.0,
            lambda_l: 1.0,
            lambda_d: 1.0,
            lambda_m: 1.0,
            pull: 1.0,
            messages_per_pull: 3,
        };
        Shape::new(Geometry::new(5, 100).unwrap(), &rates).unwrap()
    }

    #[test]
    fn pulls_arrive() {
        let pull = Pull { done: 3, seen: u64::MAX - 1 };
        assert_eq!(Pull::parse(pull.encode()), pull);
        assert_eq!(pull.encode()[..9], [0, 0, 0, 0, 0, 0, 0, 3, 255]);
    }

    #[test]
    fn hellos_and_statuses() {
        let token = "0123456789abcdef".repeat(4).parse().unwrap();
        for token in [None, Some(token)] {
            assert_eq!(parse_hello(&hello(token.as_ref())), Ok(Ok(token)));
        }
        let mut other = hello(None);
        other[1] = 1;
        assert_eq!(parse_hello(&other), Ok(Err(Refusal::Version)));
        other[0] = STATE;
        assert!(parse_hello(&other).is_err());
        for code in 0..=u8::MAX {
            match parse_status(code) {
                Ok(known) => assert_eq!(welcome(known.map(|()| shape()))[0], code),
                Err(_) => assert!(code > 4),
            }
        }
    }

    #[test]
    fn the_provider_says_how_many_slots_there_are() {
        let said = |slots: u32| parse_slots(shape(), slots.to_be_bytes());
        for slots in [1, 3, 8] {
            let wanted = shape().with_messages_per_pull(slots).unwrap();
            assert_eq!(welcome(Ok(wanted)), [&[0][..], &slots.to_be_bytes()].concat());
            assert_eq!(said(slots), Ok(wanted));
        }
        // More than a mebibyte.
        for slots in [0, 1 << 20, u32::MAX] {
            assert_eq!(said(slots), Err(Malformed("messages per pull")));
        }
    }

    #[test]
    fn numbers_in_an_answer_grow() {
        let message = |seq| Message { seq, id: [7; 16], payload: vec![1; 100] };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (first, second, fine) in [(1, 2, true), (2, 2, false), (2, 1, false), (u64::MAX, 1, false)] {
            let answer = answer(&shape(), &[message(first), message(second)], &mut rng);
            assert_eq!(parse_answer(&shape(), &answer).is_ok(), fine, "{first}, {second}");
        }
    }

    proptest! {
        #[test]
        fn messages_arrive_and_answers_look_alike(count in 0usize..4, seed: u64) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let message = |seq| {
                let mut payload = vec![0; 100];
                rng.fill_bytes(&mut payload);
                Message { seq, id: [seq as u8; 16], payload }
            };
            let messages: Vec<_> = (1..).take(count).map(message).collect();
            let answer = answer(&shape(), &messages, &mut rng);
            prop_assert_eq!(answer.len(), shape().answer_len());
            prop_assert_eq!(parse_answer(&shape(), &answer), Ok(messages));
        }

        #[test]
        fn no_answer_panics(length in prop_oneof![0usize..400, Just(372)], seed: u64, dummy in 0usize..3) {
            let mut bytes = vec![0; length];
            ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
            bytes.iter_mut().skip(dummy * shape().slot_len()).take(8).for_each(|byte| *byte = 0);
            if let Ok(messages) = parse_answer(&shape(), &bytes) {
                prop_assert_eq!(length, shape().answer_len());
                prop_assert_eq!(messages.len(), 2);
                prop_assert!(messages[0].seq < messages[1].seq);
            }
        }
    }
}

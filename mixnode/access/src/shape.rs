//! Sizes and rates that are the same for all clients of a network.

use mimiq_directory::{Directory, Rates};
use mimiq_sphinx::Geometry;

use crate::config::{ConfigError, ensure};

/// A slot in the answer to a pull: number, name, payload.
const NUMBER: usize = 8;
const NAME: usize = 16;
/// The largest answer, bytes: what a client's memory and a network's capacity put up with.
const LARGEST: usize = 1 << 20;

/// What the network's state says of the connections of clients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    packet_len: usize,
    payload_len: usize,
    messages_per_pull: usize,
    pulls_per_second: f64,
}

impl Shape {
    /// Of a network.
    ///
    /// # Errors
    /// If the answers to pulls would be larger than a mebibyte.
    pub fn of(directory: &Directory) -> Result<Self, ConfigError> {
        Self::new(directory.geometry(), &directory.state().rates)
    }

    /// From the packets' sizes and the rates.
    ///
    /// # Errors
    /// If the answers to pulls would be larger than a mebibyte, or clients never pull.
    pub fn new(geometry: Geometry, rates: &Rates) -> Result<Self, ConfigError> {
        ensure((1e-6..=1e6).contains(&rates.pull), "rates.pull", rates.pull, "0.000001 to 1000000")?;
        let shape = Self {
            packet_len: geometry.packet_len(),
            payload_len: geometry.payload_len(),
            messages_per_pull: 1,
            pulls_per_second: rates.pull,
        };
        shape.with_messages_per_pull(rates.messages_per_pull)
    }

    /// The same, with so many slots in the answer to a pull.
    pub(crate) fn with_messages_per_pull(self, messages: u32) -> Result<Self, ConfigError> {
        let most = LARGEST / self.slot_len();
        let fits = (1..=most).contains(&(messages as usize));
        ensure(fits, "rates.messages_per_pull", messages, "1 or more with a mebibyte of messages at most")?;
        Ok(Self { messages_per_pull: messages as usize, ..self })
    }

    /// Bytes of a Sphinx packet.
    #[must_use]
    pub fn packet_len(&self) -> usize {
        self.packet_len
    }

    /// Bytes of a message's payload.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.payload_len
    }

    /// Slots in the answer to a pull.
    #[must_use]
    pub fn messages_per_pull(&self) -> usize {
        self.messages_per_pull
    }

    /// How often a client pulls.
    #[must_use]
    pub fn pulls_per_second(&self) -> f64 {
        self.pulls_per_second
    }

    pub(crate) fn slot_len(&self) -> usize {
        NUMBER + NAME + self.payload_len
    }

    /// Bytes of the answer to a pull.
    #[must_use]
    pub fn answer_len(&self) -> usize {
        self.slot_len() * self.messages_per_pull
    }
}

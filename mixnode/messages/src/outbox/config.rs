//! How patient an outbox is, and how large.

/// Attempts after which more patience is an error of the configuration: the last wait is 2^15 times the first.
const MOST_ATTEMPTS: u32 = 16;

/// What an outbox is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxConfig {
    /// How long to wait for the acknowledgement of a fragment that was sent the first time, nanoseconds; then twice as long, and so on. Up to
    /// half of it is added at random.
    pub first_timeout: u64,
    /// How often a fragment is sent before its message fails: 1 to 16.
    pub most_attempts: u32,
    /// How many messages may be on their way.
    pub most_messages: usize,
}

/// What an outbox cannot be made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// The first wait is zero.
    #[error("first timeout: 0 ns")]
    Timeout,
    /// None, or too many.
    #[error("most attempts: {0} is not between 1 and {MOST_ATTEMPTS}")]
    Attempts(u32),
    /// None.
    #[error("most messages: 0")]
    Messages,
    /// A fragment and its reply block do not fit.
    #[error("payload: {0} bytes have no room for a fragment with a reply block")]
    Payload(usize),
}

impl OutboxConfig {
    pub(super) fn check(&self) -> Result<(), OutboxError> {
        if self.first_timeout == 0 {
            return Err(OutboxError::Timeout);
        }
        if !(1..=MOST_ATTEMPTS).contains(&self.most_attempts) {
            return Err(OutboxError::Attempts(self.most_attempts));
        }
        if self.most_messages == 0 {
            return Err(OutboxError::Messages);
        }
        Ok(())
    }
}

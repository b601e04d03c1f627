//! Why a provider closes a connection: error codes of QUIC. Never renumber or reuse one.

/// It stops, or the client does.
pub const STOPPED: u32 = 0;
/// The same account has a newer connection.
pub const REPLACED: u32 = 1;
/// The client was refused; the status on its stream says why.
pub const REFUSED: u32 = 2;
/// The client does not follow the protocol.
pub const MALFORMED: u32 = 3;
/// The client is too slow: with its hello, a request, or reading an answer.
pub const SLOW: u32 = 4;

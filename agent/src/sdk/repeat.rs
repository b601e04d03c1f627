//! Whether a request that failed may be sent again without asking. Pure.

use http::Method;

/// What became of a request without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It never left, as the server had sent GOAWAY (RFC 9114 §5.2).
    NotSent,
    /// The server says that it did nothing (H3_REQUEST_REJECTED, RFC 9114 §4.1.1).
    Rejected,
    /// The connection ended or stalled before a response: the server may have done it.
    Unanswered,
    /// The server answered with an error, or it cannot be sent at all.
    Failed,
}

/// Only what was not done, or does no more when done twice (RFC 9110 §9.2.2).
pub(crate) fn may_repeat(method: &Method, fate: Fate) -> bool {
    match fate {
        Fate::NotSent | Fate::Rejected => true,
        Fate::Unanswered => method.is_idempotent(),
        Fate::Failed => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_done_is_not_done_again() {
        for (method, fate, expected) in [
            (Method::GET, Fate::Unanswered, true),
            (Method::PUT, Fate::Unanswered, true),
            (Method::POST, Fate::Unanswered, false),
            (Method::PATCH, Fate::Unanswered, false),
            (Method::CONNECT, Fate::Unanswered, false),
            (Method::POST, Fate::NotSent, true),
            (Method::POST, Fate::Rejected, true),
            (Method::GET, Fate::Failed, false),
        ] {
            assert_eq!(may_repeat(&method, fate), expected, "{method} {fate:?}");
        }
    }
}

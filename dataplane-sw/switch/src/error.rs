//! Errors as P4Runtime reports them (§10): a canonical code and a message that names field and value.

use mimiq_contract::EntryError;
use p4runtime::{rpc, v1};
use prost::Message as _;
use tonic::{Code, Status};

/// Why one update of a batch, or one entity of a read, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code:?}: {message}")]
pub struct ItemError {
    /// The canonical code.
    pub code: Code,
    /// What is wrong; names the field and its value.
    pub message: String,
}

impl ItemError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }
}

impl From<EntryError> for ItemError {
    fn from(error: EntryError) -> Self {
        Self::invalid(error.to_string())
    }
}

/// Most bytes of the encoded details. gRPC clients refuse trailers above 8 KiB (their soft limit) and would then report
/// RESOURCE_EXHAUSTED in place of the errors; base64 makes 4 bytes of 3, and the message and other headers need room.
pub const MAX_DETAILS: usize = 5_000;

/// Longest status message, bytes; longer ones are cut.
const MAX_MESSAGE: usize = 300;

/// The status of a batch (§12.3): UNKNOWN, with one `p4.v1.Error` an item in the same order. Where the trailer would
/// become too large the messages are left out from the last one on, and then the details are cut behind
/// [`MAX_DETAILS`]: fewer details than items say that the rest must be read back (from about 120 updates on).
/// `None` if nothing failed.
pub fn batch_status(results: &[Result<(), ItemError>]) -> Option<Status> {
    let failed = results.iter().filter(|r| r.is_err()).count();
    let (index, first) = results.iter().enumerate().find_map(|(i, r)| r.as_ref().err().map(|e| (i, e)))?;
    let summary = format!("{failed} of {} failed; item {index}: {first}", results.len());
    let mut status = rpc::Status { code: Code::Unknown as i32, message: cut(&summary), details: Vec::new() };
    let bare: Vec<prost_types::Any> = results.iter().map(|r| detail(r, false)).collect();
    let mut left = MAX_DETAILS.saturating_sub(status.message.len());
    let mut spare = left.saturating_sub(bare.iter().map(size).sum());
    for (result, bare) in results.iter().zip(bare) {
        let full = detail(result, true);
        let extra = size(&full) - size(&bare);
        let chosen = if extra <= spare {
            spare -= extra;
            full
        } else {
            bare
        };
        let Some(rest) = left.checked_sub(size(&chosen)) else { break };
        left = rest;
        status.details.push(chosen);
    }
    Some(Status::with_details(Code::Unknown, status.message.clone(), status.encode_to_vec().into()))
}

fn detail(result: &Result<(), ItemError>, with_message: bool) -> prost_types::Any {
    let error = match result {
        Ok(()) => v1::Error::default(),
        Err(e) => v1::Error {
            canonical_code: e.code as i32,
            message: if with_message { cut(&e.message) } else { String::new() },
            ..v1::Error::default()
        },
    };
    prost_types::Any { type_url: "type.googleapis.com/p4.v1.Error".into(), value: error.encode_to_vec() }
}

/// The bytes a detail takes in the list: tag, length (two bytes from 128 on) and value.
fn size(any: &prost_types::Any) -> usize {
    let len = any.encoded_len();
    len + 1 + prost::length_delimiter_len(len)
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(MAX_MESSAGE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(status: &Status) -> Vec<v1::Error> {
        let status = rpc::Status::decode(status.details()).unwrap();
        assert_eq!(status.code, Code::Unknown as i32);
        status.details.iter().map(|any| v1::Error::decode(any.value.as_slice()).unwrap()).collect()
    }

    fn failure(text: &str) -> Result<(), ItemError> {
        Err(ItemError::new(Code::NotFound, text))
    }

    #[test]
    fn one_detail_an_update_in_order() {
        let status = batch_status(&[Ok(()), failure("route_v6: no such entry"), Ok(())]).unwrap();
        assert_eq!(status.code(), Code::Unknown);
        assert!(status.message().contains("1 of 3 failed; item 1"), "{}", status.message());
        let errors = decode(&status);
        assert_eq!(errors.iter().map(|e| e.canonical_code).collect::<Vec<_>>(), [0, Code::NotFound as i32, 0]);
        assert_eq!(errors[1].message, "route_v6: no such entry");
    }

    #[test]
    fn success_is_no_status() {
        assert!(batch_status(&[Ok(()), Ok(())]).is_none());
        assert!(batch_status(&[]).is_none());
    }

    #[test]
    fn a_hundred_errors_keep_their_codes() {
        let results: Vec<_> = (0..100).map(|_| failure(&"long ".repeat(100))).collect();
        let status = batch_status(&results).unwrap();
        assert!(status.details().len() <= MAX_DETAILS + 64);
        let errors = decode(&status);
        assert_eq!(errors.len(), 100);
        assert!(errors.iter().all(|e| e.canonical_code == Code::NotFound as i32));
        assert!(!errors[0].message.is_empty(), "the first errors keep their messages");
    }

    #[test]
    fn any_number_of_errors_fits_the_trailer() {
        for count in [1, 10, 119, 150, 1_000, 10_000] {
            let results: Vec<_> = (0..count).map(|_| failure(&"ü".repeat(1_000))).collect();
            let status = batch_status(&results).unwrap();
            assert!(status.details().len() <= MAX_DETAILS + 64, "{count}: {}", status.details().len());
            assert!(status.message().len() <= MAX_MESSAGE);
        }
    }
}

//! Frames on a byte stream: what is written is read, and nothing that arrives panics or takes more memory than allowed.

#![allow(clippy::unwrap_used, clippy::panic)] // the lints' exception for tests leaves out their helpers

use mimiq_api::{
    framing::{self, FrameError, MAX_FRAME},
    local::{AppRequest, Return, Take, app_request::Request},
};
use proptest::prelude::*;
use prost::Message as _;

/// Runs on the bytes alone: nothing waits, so a runtime without drivers is enough.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// All messages up to the end of the stream or the first error.
fn read_all(mut bytes: &[u8]) -> (Vec<AppRequest>, Option<FrameError>) {
    let mut messages = Vec::new();
    wait(async {
        loop {
            match framing::read(&mut bytes).await {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => return (messages, None),
                Err(error) => return (messages, Some(error)),
            }
        }
    })
}

fn write_all(messages: &[AppRequest]) -> Vec<u8> {
    let mut bytes = Vec::new();
    wait(async {
        for message in messages {
            framing::write(&mut bytes, message).await.unwrap();
        }
    });
    bytes
}

fn request() -> impl Strategy<Value = AppRequest> {
    let take = (any::<u32>(), any::<u64>())
        .prop_map(|(ip_version, wait_ms)| Some(Request::Take(Take { ip_version, wait_ms })));
    let give_back = any::<Vec<u8>>().prop_map(|address| Some(Request::Return(Return { address })));
    prop_oneof![take, give_back, Just(None)].prop_map(|request| AppRequest { request })
}

fn framed(length: u32, body: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes(), body].concat()
}

proptest! {
    #[test]
    fn round_trip(messages in proptest::collection::vec(request(), 0..6)) {
        let (read, error) = read_all(&write_all(&messages));
        prop_assert!(error.is_none(), "{:?}", error);
        prop_assert_eq!(read, messages);
    }

    #[test]
    fn every_truncation_is_an_error_after_the_whole_frames(messages in proptest::collection::vec(request(), 1..4)) {
        let bytes = write_all(&messages);
        let mut ends = vec![0];
        for message in &messages {
            ends.push(ends[ends.len() - 1] + 4 + message.encoded_len());
        }
        for length in 0..bytes.len() {
            let (read, error) = read_all(&bytes[..length]);
            let whole = ends.iter().filter(|end| **end <= length).count() - 1;
            prop_assert_eq!(&read[..], &messages[..whole]);
            match error {
                None => prop_assert!(ends.contains(&length)),
                Some(FrameError::Io(e)) => prop_assert_eq!(e.kind(), std::io::ErrorKind::UnexpectedEof),
                Some(other) => prop_assert!(false, "{}", other),
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in any::<Vec<u8>>(), body in any::<Vec<u8>>()) {
        read_all(&bytes);
        // With a length that is right, so that the decoder sees the bytes.
        match read_all(&framed(body.len() as u32, &body)) {
            (read, None) => prop_assert_eq!(read.len(), 1),
            (_, Some(FrameError::Malformed { length, .. })) => prop_assert_eq!(length, body.len()),
            (_, Some(other)) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn an_oversized_frame_is_refused_by_its_header(length in MAX_FRAME as u32 + 1..) {
        let (_, error) = read_all(&framed(length, &[]));
        prop_assert_eq!(error.unwrap().to_string(), format!("frame length: {length} bytes, at most {MAX_FRAME}"));
    }
}

#[test]
fn the_largest_frame_passes_and_a_larger_message_is_not_written() {
    let of = |bytes| AppRequest { request: Some(Request::Return(Return { address: vec![7; bytes] })) };
    let overhead = of(MAX_FRAME).encoded_len() - MAX_FRAME;
    let largest = of(MAX_FRAME - overhead);
    let bytes = write_all(std::slice::from_ref(&largest));
    assert_eq!(bytes.len(), 4 + MAX_FRAME);
    assert_eq!(read_all(&bytes).0, [largest]);

    let mut written = Vec::new();
    let error = wait(framing::write(&mut written, &of(MAX_FRAME - overhead + 1))).unwrap_err();
    assert_eq!(error.to_string(), format!("frame length: {} bytes, at most {MAX_FRAME}", MAX_FRAME + 1));
    assert!(written.is_empty());
}

//! Whole messages on streams.

use std::collections::HashMap;

use mimiq_api::allocation::MAX_MESSAGE;
use quinn_proto::{Connection, ReadError, StreamId, VarInt, WriteError};

/// Writes and, when all is written, finishes; says how much was written. What a closed stream does not take counts as written.
pub(super) fn write(connection: &mut Connection, stream: StreamId, message: &[u8]) -> usize {
    let (mut sent, mut stream) = (0, connection.send_stream(stream));
    while sent < message.len() {
        match stream.write(&message[sent..]) {
            Ok(written) => sent += written,
            Err(WriteError::Blocked) => return sent,
            Err(WriteError::Stopped(_) | WriteError::ClosedStream) => return message.len(),
        }
    }
    // Fails only if the stream is closed already.
    let _ = stream.finish();
    sent
}

/// Reads what has come: the message when it is whole, `Some(None)` if it never will be.
pub(super) fn read(
    connection: &mut Connection,
    stream: StreamId,
    incoming: &mut HashMap<StreamId, Vec<u8>>,
) -> Option<Option<Vec<u8>>> {
    let mut message = incoming.remove(&stream).unwrap_or_default();
    let mut receive = connection.recv_stream(stream);
    let Ok(mut chunks) = receive.read(true) else { return Some(None) };
    let end = loop {
        match chunks.next(usize::MAX) {
            Ok(Some(chunk)) => message.extend_from_slice(&chunk.bytes),
            Ok(None) => break Some(Some(())),
            Err(ReadError::Blocked) => break None,
            Err(ReadError::Reset(_)) => break Some(None),
        }
    };
    // What it returns says whether to transmit, which is done in any case.
    let _ = chunks.finalize();
    match end {
        Some(whole) => Some(whole.map(|()| message)),
        None if message.len() > MAX_MESSAGE => {
            // Fails only if the stream is closed already.
            let _ = receive.stop(VarInt::from_u32(0));
            Some(None)
        }
        None => {
            incoming.insert(stream, message);
            None
        }
    }
}

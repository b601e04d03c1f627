//! Messages on a byte stream: a length of four bytes in network order, then the message.

use std::io;

use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The largest message accepted, bytes.
pub const MAX_FRAME: usize = 64 * 1024;

/// Why a message could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The message, or what the other side claims to be one, is too large.
    #[error("frame length: {0} bytes, at most {MAX_FRAME}")]
    TooLarge(usize),
    /// The bytes are no such message.
    #[error("frame of {length} bytes: {source}")]
    Malformed {
        /// The frame's length.
        length: usize,
        /// What the decoder says.
        #[source]
        source: prost::DecodeError,
    },
    /// The stream failed or ended inside a message.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads one message; `None` at the end of the stream. Not cancel-safe: a dropped future may have read part of a frame.
///
/// # Errors
/// If the stream fails, or its bytes are no frame of this message.
pub async fn read<M: Message + Default>(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<M>, FrameError> {
    let mut header = [0; 4];
    if stream.read(&mut header[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut header[1..]).await?;
    let length = u32::from_be_bytes(header) as usize;
    if length > MAX_FRAME {
        return Err(FrameError::TooLarge(length));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    M::decode(bytes.as_slice()).map(Some).map_err(|source| FrameError::Malformed { length, source })
}

/// Writes one message. Not cancel-safe, as [`read`].
///
/// # Errors
/// If the stream fails, or the message is larger than the other side accepts.
pub async fn write(stream: &mut (impl AsyncWrite + Unpin), message: &impl Message) -> Result<(), FrameError> {
    let length = message.encoded_len();
    if length > MAX_FRAME {
        return Err(FrameError::TooLarge(length));
    }
    let mut bytes = Vec::with_capacity(4 + length);
    bytes.extend_from_slice(&(length as u32).to_be_bytes());
    bytes.extend_from_slice(&message.encode_to_vec());
    stream.write_all(&bytes).await?;
    Ok(())
}

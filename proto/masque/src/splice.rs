//! Joins a byte stream, such as a TCP connection, to a request's stream: each waits for the other, and each direction ends by
//! itself.

use std::io;
use std::pin::pin;
use std::sync::Mutex;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h3::error::{Code, StreamError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

use crate::halves::{Receiving, Sending};

/// Bytes read from the byte stream at a time.
const PIECE: usize = 32 * 1024;

/// Why both directions were ended before their time. The stream has been reset; the byte stream should be, too.
#[derive(Debug, thiserror::Error)]
pub enum SpliceError {
    /// The byte stream failed.
    #[error("byte stream: {0}")]
    Io(#[from] io::Error),
    /// The request's stream, or its connection, failed.
    #[error("request stream: {0}")]
    Stream(#[from] StreamError),
    /// Nothing was sent in either direction for too long.
    #[error("idle")]
    Idle,
}

impl SpliceError {
    /// The reason's name in metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Io(_) => "byte_stream",
            Self::Stream(_) => "request_stream",
            Self::Idle => "idle",
        }
    }
}

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the byte stream into the request's stream.
    In,
    /// From the request's stream to the byte stream.
    Out,
}

/// Carries bytes both ways until both directions have ended, or nothing moved for `idle`; tells `moved` about them.
///
/// # Errors
/// If one side fails or nothing moves.
pub async fn splice<IO: AsyncRead + AsyncWrite + Send + Unpin>(
    io: &mut IO,
    mut sending: impl Sending,
    mut receiving: impl Receiving,
    idle: Duration,
    moved: impl Fn(Direction, usize) + Sync,
) -> Result<(), SpliceError> {
    let last = Mutex::new(Instant::now());
    let moved = |direction, count| {
        *last.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
        moved(direction, count);
    };
    let (mut read, mut write) = tokio::io::split(io);
    let outcome = {
        let inward = async {
            let mut buffer = BytesMut::with_capacity(PIECE);
            loop {
                buffer.reserve(PIECE);
                let count = read.read_buf(&mut buffer).await?;
                if count == 0 {
                    sending.finish().await?;
                    return Ok::<(), SpliceError>(());
                }
                sending.send(buffer.split().freeze()).await?;
                moved(Direction::In, count);
            }
        };
        let outward = async {
            while let Some(piece) = receiving.receive().await? {
                let count = piece.len();
                write_all(&mut write, piece).await?;
                moved(Direction::Out, count);
            }
            write.shutdown().await?;
            Ok::<(), SpliceError>(())
        };
        let rests = async {
            loop {
                let end = *last.lock().unwrap_or_else(std::sync::PoisonError::into_inner) + idle;
                if end <= Instant::now() {
                    return;
                }
                tokio::time::sleep_until(end).await;
            }
        };
        let both = pin!(async { tokio::try_join!(inward, outward) });
        tokio::select! {
            outcome = both => outcome.map(|_| ()),
            () = rests => Err(SpliceError::Idle),
        }
    };
    if outcome.is_err() {
        sending.reset(Code::H3_CONNECT_ERROR);
    }
    outcome
}

async fn write_all(write: &mut (impl AsyncWrite + Unpin), mut piece: Bytes) -> io::Result<()> {
    write.write_all_buf(&mut piece).await?;
    write.flush().await
}

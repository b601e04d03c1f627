//! A tunnel as a byte stream in memory, for code that wants to read and write.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::carry;
use super::pool::TcpTunnel;

/// Bytes that wait in each direction.
const BUFFER: usize = 64 * 1024;

/// Our end of it.
pub(crate) struct Pipe {
    inner: DuplexStream,
    broken: Arc<AtomicBool>,
}

impl Pipe {
    /// Carries the tunnel's bytes until both are done with.
    pub(crate) fn new(tunnel: TcpTunnel) -> Self {
        let (inner, mut other) = tokio::io::duplex(BUFFER);
        let broken = Arc::new(AtomicBool::new(false));
        let told = broken.clone();
        tokio::spawn(async move {
            if carry::bytes(&mut other, tunnel).await.is_err() {
                // Before the end shows, which would look like that of a complete answer.
                told.store(true, Ordering::Release);
            }
        });
        Self { inner, broken }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let ended = matches!(read, Poll::Ready(Ok(()))) && buffer.filled().len() == before;
        if ended && buffer.remaining() > 0 && self.broken.load(Ordering::Acquire) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        read
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

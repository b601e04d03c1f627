//! TCP connections that can be cut.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use futures::task::AtomicWaker;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tonic::transport::server::Connected;

/// What is known of a connection, for the requests on it.
#[derive(Debug, Default)]
pub(super) struct Handle {
    cut: AtomicBool,
    half_open: AtomicBool,
    reader: AtomicWaker,
}

impl Handle {
    /// Ends the connection.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.reader.wake();
    }

    /// Ends the connection towards the controller, and keeps its stream to the switch.
    pub(super) fn cut_half_open(&self) {
        self.half_open.store(true, Ordering::SeqCst);
        self.cut();
    }

    pub(super) fn is_half_open(&self) -> bool {
        self.half_open.load(Ordering::SeqCst)
    }

    fn check(&self) -> io::Result<()> {
        if self.cut.load(Ordering::SeqCst) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

/// A connection of a controller.
pub(super) struct Cuttable {
    stream: TcpStream,
    handle: Arc<Handle>,
}

impl Cuttable {
    pub(super) fn new(stream: TcpStream, handle: Arc<Handle>) -> Self {
        Self { stream, handle }
    }
}

impl Connected for Cuttable {
    type ConnectInfo = Arc<Handle>;

    fn connect_info(&self) -> Arc<Handle> {
        self.handle.clone()
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.handle.reader.register(cx.waker());
        self.handle.check()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.handle.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.handle.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

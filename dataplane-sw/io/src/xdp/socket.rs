//! One AF_XDP socket: a queue of an interface.
#![allow(unsafe_code, reason = "bind and sendto of AF_XDP have no wrapper in the standard library")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    ptr,
};

use super::ring::{Consumer, Producer};
use crate::{
    frames::Frames,
    port::{KernelStatistics, Observed},
    sys::{Plain, check, option, set_option, socket},
};

/// Entries of each ring.
pub(super) const RING_SIZE: u32 = 2048;

// SAFETY: integers alone.
unsafe impl Plain for libc::xdp_umem_reg {}
// SAFETY: integers alone.
unsafe impl Plain for libc::xdp_mmap_offsets {}
// SAFETY: integers alone.
unsafe impl Plain for libc::xdp_statistics {}
// SAFETY: integers alone.
unsafe impl Plain for libc::xdp_options {}

/// The socket without its rings: what other threads may look at.
#[derive(Debug)]
pub(super) struct XskSocket(OwnedFd);

impl AsFd for XskSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A socket's four rings.
#[derive(Debug)]
pub(super) struct Rings {
    pub(super) receive: Consumer<libc::xdp_desc>,
    pub(super) transmit: Producer<libc::xdp_desc>,
    pub(super) fill: Producer<u64>,
    pub(super) completion: Consumer<u64>,
}

impl XskSocket {
    pub(super) fn new() -> io::Result<Self> {
        let fd = socket(libc::AF_XDP, libc::SOCK_RAW)?;
        // Copy mode charges each frame in flight to the send buffer; the default is good for some 270 small frames.
        set_option(&fd, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, &(64 << 20))?;
        Ok(Self(fd))
    }

    /// Makes the frames' memory the socket's UMEM.
    pub(super) fn register(&self, frames: &Frames) -> io::Result<()> {
        let (memory, len) = frames.region();
        let registration = libc::xdp_umem_reg {
            addr: memory as u64,
            len: len as u64,
            chunk_size: frames.chunk() as u32,
            headroom: 0,
            flags: 0,
            tx_metadata_len: 0,
        };
        set_option(&self.0, libc::SOL_XDP, libc::XDP_UMEM_REG, &registration)
    }

    /// Creates and maps the rings.
    pub(super) fn rings(&self) -> io::Result<Rings> {
        let rings = [libc::XDP_RX_RING, libc::XDP_TX_RING, libc::XDP_UMEM_FILL_RING, libc::XDP_UMEM_COMPLETION_RING];
        for ring in rings {
            set_option(&self.0, libc::SOL_XDP, ring, &(RING_SIZE as libc::c_int))?;
        }
        // One call may send a whole batch or two instead of 32 frames; kernels before 6.17 do not have the option.
        const XDP_MAX_TX_SKB_BUDGET: libc::c_int = 9;
        let _ = set_option(&self.0, libc::SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &(RING_SIZE as libc::c_int));
        let offsets: libc::xdp_mmap_offsets = option(&self.0, libc::SOL_XDP, libc::XDP_MMAP_OFFSETS)?;
        let fd = &self.0;
        Ok(Rings {
            receive: Consumer::map(fd, libc::XDP_PGOFF_RX_RING as u64, offsets.rx, RING_SIZE)?,
            transmit: Producer::map(fd, libc::XDP_PGOFF_TX_RING as u64, offsets.tx, RING_SIZE)?,
            fill: Producer::map(fd, libc::XDP_UMEM_PGOFF_FILL_RING, offsets.fr, RING_SIZE)?,
            completion: Consumer::map(fd, libc::XDP_UMEM_PGOFF_COMPLETION_RING, offsets.cr, RING_SIZE)?,
        })
    }

    /// Binds to a queue: with `flags` if the socket owns the UMEM, otherwise with the UMEM and flags of `owner`.
    pub(super) fn bind(&self, ifindex: u32, queue: u32, flags: u16, owner: Option<&Self>) -> io::Result<()> {
        let address = libc::sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            sxdp_flags: if owner.is_some() { libc::XDP_SHARED_UMEM } else { flags | libc::XDP_USE_NEED_WAKEUP },
            sxdp_ifindex: ifindex,
            sxdp_queue_id: queue,
            sxdp_shared_umem_fd: owner.map_or(0, |owner| owner.0.as_raw_fd() as u32),
        };
        let len = size_of::<libc::sockaddr_xdp>() as libc::socklen_t;
        // SAFETY: pointer and length are those of a local.
        check(unsafe { libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), len) }).map(drop)
    }

    /// Whether frames are not copied between the driver and the UMEM.
    pub(super) fn is_zero_copy(&self) -> io::Result<bool> {
        let options: libc::xdp_options = option(&self.0, libc::SOL_XDP, libc::XDP_OPTIONS)?;
        Ok(options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0)
    }

    /// Makes the kernel look at the transmit ring.
    pub(super) fn wake_transmit(&self) -> io::Result<()> {
        // SAFETY: no data and no address.
        let sent = unsafe { libc::sendto(self.0.as_raw_fd(), ptr::null(), 0, libc::MSG_DONTWAIT, ptr::null(), 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Makes the driver look at the fill ring.
    pub(super) fn wake_receive(&self) {
        // SAFETY: no buffer and no address. Errors are those of the interface, which polling reports.
        unsafe {
            libc::recvfrom(self.0.as_raw_fd(), ptr::null_mut(), 0, libc::MSG_DONTWAIT, ptr::null_mut(), ptr::null_mut())
        };
    }
}

impl Observed for XskSocket {
    fn statistics(&self) -> io::Result<KernelStatistics> {
        let statistics: libc::xdp_statistics = option(&self.0, libc::SOL_XDP, libc::XDP_STATISTICS)?;
        Ok(KernelStatistics {
            rx_dropped: statistics.rx_dropped,
            rx_ring_full: statistics.rx_ring_full,
            rx_fill_ring_empty: statistics.rx_fill_ring_empty_descs,
            rx_invalid_descs: statistics.rx_invalid_descs,
            tx_invalid_descs: statistics.tx_invalid_descs,
            tx_ring_empty: statistics.tx_ring_empty_descs,
        })
    }
}

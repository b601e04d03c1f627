//! Batches for recvmmsg(2) and sendmmsg(2).
#![allow(unsafe_code, reason = "recvmmsg and sendmmsg have no wrapper in the standard library")]

use std::{
    mem,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

use crate::port::BATCH;

/// Ancillary data: `struct cmsghdr` and `struct tpacket_auxdata`, whose first field is the status.
type Control = [u64; 5];

/// The arrays of a recvmmsg or sendmmsg call.
pub(super) struct Messages {
    headers: [libc::mmsghdr; BATCH],
    vectors: [libc::iovec; BATCH],
    controls: [Control; BATCH],
}

impl Messages {
    pub(super) fn new() -> Self {
        // SAFETY: integers and pointers that may be null.
        unsafe { mem::zeroed() }
    }

    /// The length of received message `index`; `None` if it was truncated or had a VLAN tag, which the kernel has taken
    /// out of the frame: without it the frame would seem to belong to the untagged network.
    pub(super) fn received(&self, index: usize) -> Option<usize> {
        const TP_STATUS_VLAN_VALID: u32 = 1 << 4;
        let header = &self.headers[index];
        let [s0, s1, s2, s3, ..] = self.controls[index][2].to_ne_bytes();
        let tagged = u32::from_ne_bytes([s0, s1, s2, s3]) & TP_STATUS_VLAN_VALID != 0;
        let whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
        (whole && !tagged).then_some(header.msg_len as usize)
    }

    /// Receives up to one frame into each buffer, up to [`BATCH`]; never blocks. Returns how many; none if there is an
    /// error of the interface, which polling reports.
    pub(super) fn receive<'a>(&mut self, fd: BorrowedFd<'_>, buffers: impl Iterator<Item = &'a mut [u8]>) -> usize {
        let mut count = 0;
        for (index, buffer) in buffers.take(BATCH).enumerate() {
            self.set(index, buffer);
            self.headers[index].msg_hdr.msg_control = (&raw mut self.controls[index]).cast();
            self.headers[index].msg_hdr.msg_controllen = size_of::<Control>() as _;
            count += 1;
        }
        let (fd, headers) = (fd.as_raw_fd(), self.headers.as_mut_ptr());
        // SAFETY: the `count` headers set above point at as many vectors and controls of `self`, and the vectors at
        // buffers that are borrowed for longer than the call.
        let received = unsafe { libc::recvmmsg(fd, headers, count, libc::MSG_DONTWAIT, ptr::null_mut()) };
        usize::try_from(received).unwrap_or(0)
    }

    /// Sends these frames, up to [`BATCH`]; never blocks. Returns how many; `None` if the first one was refused.
    pub(super) fn send<'a>(&mut self, fd: BorrowedFd<'_>, frames: impl Iterator<Item = &'a mut [u8]>) -> Option<usize> {
        let mut count = 0;
        for (index, frame) in frames.take(BATCH).enumerate() {
            self.set(index, frame);
            count += 1;
        }
        let (fd, headers) = (fd.as_raw_fd(), self.headers.as_mut_ptr());
        // SAFETY: the `count` headers set above point at as many vectors of `self`, and the vectors at frames that are
        // borrowed for longer than the call.
        let sent = unsafe { libc::sendmmsg(fd, headers, count, libc::MSG_DONTWAIT) };
        usize::try_from(sent).ok()
    }

    fn set(&mut self, index: usize, bytes: &mut [u8]) {
        self.vectors[index] = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        self.headers[index].msg_hdr.msg_iov = &raw mut self.vectors[index];
        self.headers[index].msg_hdr.msg_iovlen = 1;
    }
}

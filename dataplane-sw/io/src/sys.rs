//! Safe wrappers of the few system calls that the standard library lacks.
#![allow(unsafe_code, reason = "system calls without a wrapper in the standard library")]

use std::{
    io, mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

/// Types that system calls may fill: any bytes are a valid value.
///
/// # Safety
/// The type must consist of integers alone.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: integers.
unsafe impl Plain for libc::c_int {}
// SAFETY: integers alone.
unsafe impl Plain for libc::packet_mreq {}

/// The result of a system call that returns -1 on failure.
pub(crate) fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Takes the descriptor that a system call returned.
pub(crate) fn own(result: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: callers pass what a system call has just returned: an open descriptor that nobody else owns.
    check(result).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A socket that is closed on exec and does not block.
pub(crate) fn socket(family: libc::c_int, kind: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    own(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0) })
}

/// Sets a socket option.
pub(crate) fn set_option<T: Plain>(fd: impl AsFd, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    let len = mem::size_of::<T>() as libc::socklen_t;
    // SAFETY: pointer and length are those of `value`, which the kernel only reads.
    check(unsafe { libc::setsockopt(fd.as_fd().as_raw_fd(), level, name, (&raw const *value).cast(), len) }).map(drop)
}

/// Reads a socket option; fields that an older kernel does not know stay 0.
pub(crate) fn option<T: Plain>(fd: impl AsFd, level: libc::c_int, name: libc::c_int) -> io::Result<T> {
    // SAFETY: `Plain` types may be all zero.
    let mut value: T = unsafe { mem::zeroed() };
    let mut len = mem::size_of::<T>() as libc::socklen_t;
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: the kernel writes at most `len` bytes to `value`, of which any are valid (`Plain`).
    check(unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut len) })?;
    Ok(value)
}

/// An eventfd: a counter that can be polled.
#[derive(Debug)]
pub(crate) struct Event(OwnedFd);

impl Event {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointers.
        own(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) }).map(Self)
    }

    /// Makes it readable.
    pub(crate) fn signal(&self) {
        let one = 1u64;
        // SAFETY: eight bytes of a local. It fails only if the counter is full: then it is readable already.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    /// Makes it unreadable.
    pub(crate) fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: eight bytes of a local. It fails only if there is nothing to clear.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Waits for descriptors to become readable.
pub(crate) struct Poller(Vec<libc::pollfd>);

impl Poller {
    pub(crate) fn new<'a>(fds: impl Iterator<Item = BorrowedFd<'a>>) -> Self {
        Self(fds.map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 }).collect())
    }

    /// Waits until one is readable or has failed, a signal comes, or `timeout` milliseconds pass (-1: no limit).
    /// A descriptor that has been closed meanwhile is reported as failed.
    pub(crate) fn wait(&mut self, timeout: libc::c_int) -> io::Result<()> {
        // SAFETY: pointer and length are those of the vector.
        match check(unsafe { libc::poll(self.0.as_mut_ptr(), self.0.len() as libc::nfds_t, timeout) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result.map(drop),
        }
    }

    /// Which descriptors the last wait found failed.
    pub(crate) fn failed(&self) -> impl Iterator<Item = usize> {
        let bad = libc::POLLERR | libc::POLLHUP | libc::POLLNVAL;
        self.0.iter().enumerate().filter(move |(_, poll)| poll.revents & bad != 0).map(|(index, _)| index)
    }
}

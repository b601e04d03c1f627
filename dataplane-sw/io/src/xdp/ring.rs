//! The rings that a socket shares with the kernel (Documentation/networking/af_xdp.rst): one side produces, the other
//! consumes, each moves only its own index.
#![allow(unsafe_code, reason = "the rings are memory that the kernel maps")]

use std::{
    io,
    marker::PhantomData,
    os::fd::{AsRawFd, OwnedFd},
    ptr,
    ptr::NonNull,
    sync::atomic::{
        AtomicU32,
        Ordering::{Acquire, Relaxed, Release, SeqCst},
        fence,
    },
};

/// A mapped ring of entries `T`.
#[derive(Debug)]
struct Ring<T> {
    map: NonNull<u8>,
    map_len: usize,
    offsets: libc::xdp_ring_offset,
    mask: u32,
    entries: PhantomData<T>,
}

// SAFETY: the mapping is owned by this value; the indices are atomic and shared with the kernel alone.
unsafe impl<T: Send> Send for Ring<T> {}

impl<T: Copy> Ring<T> {
    /// Maps the ring at `page_offset` of the socket, which has been created with `size` entries.
    fn map(fd: &OwnedFd, page_offset: u64, offsets: libc::xdp_ring_offset, size: u32) -> io::Result<Self> {
        let map_len = offsets.desc as usize + size as usize * size_of::<T>();
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
        let map = unsafe {
            libc::mmap(ptr::null_mut(), map_len, protection, flags, fd.as_raw_fd(), page_offset as libc::off_t)
        };
        if map == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let map = NonNull::new(map.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Self { map, map_len, offsets, mask: size - 1, entries: PhantomData })
    }

    fn index(&self, offset: u64) -> &AtomicU32 {
        // SAFETY: the kernel said that an aligned 32-bit index is at this offset, before `desc`, so within the mapping,
        // which lives as long as `self`.
        unsafe { &*self.map.as_ptr().add(offset as usize).cast() }
    }

    fn producer(&self) -> &AtomicU32 {
        self.index(self.offsets.producer)
    }

    fn consumer(&self) -> &AtomicU32 {
        self.index(self.offsets.consumer)
    }

    fn entry(&self, position: u32) -> *mut T {
        // SAFETY: the mask keeps the entry within the `size` entries that follow `desc` in the mapping.
        unsafe { self.map.as_ptr().add(self.offsets.desc as usize).cast::<T>().add((position & self.mask) as usize) }
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping of `map`; no reference into it outlives `self`.
        unsafe { libc::munmap(self.map.as_ptr().cast(), self.map_len) };
    }
}

/// A ring that we fill: the fill ring or the transmit ring.
#[derive(Debug)]
pub(super) struct Producer<T> {
    ring: Ring<T>,
    next: u32,
    // The kernel's index when last looked at: its cache line is read only when the ring seems full.
    consumed: u32,
}

impl<T: Copy> Producer<T> {
    pub(super) fn map(fd: &OwnedFd, at: u64, offsets: libc::xdp_ring_offset, size: u32) -> io::Result<Self> {
        Ring::map(fd, at, offsets, size).map(|ring| Self { ring, next: 0, consumed: 0 })
    }

    /// Whether there is room for an entry.
    pub(super) fn has_room(&mut self) -> bool {
        let full = |producer: &Self| producer.next.wrapping_sub(producer.consumed) > producer.ring.mask;
        if full(self) {
            self.consumed = self.ring.consumer().load(Acquire);
        }
        !full(self)
    }

    /// Adds an entry, which the kernel sees after [`Producer::publish`]. There must be room.
    pub(super) fn push(&mut self, entry: T) {
        debug_assert!(self.has_room());
        // SAFETY: within the mapping (`entry`); the kernel does not read it before `publish`.
        unsafe { self.ring.entry(self.next).write(entry) };
        self.next = self.next.wrapping_add(1);
    }

    /// Shows the kernel what has been pushed.
    pub(super) fn publish(&mut self) {
        self.ring.producer().store(self.next, Release);
    }

    /// How many published entries the kernel has not taken.
    pub(super) fn pending(&self) -> u32 {
        self.next.wrapping_sub(self.ring.consumer().load(Acquire))
    }

    /// Whether the kernel sleeps until it is called (XDP_USE_NEED_WAKEUP).
    pub(super) fn needs_wakeup(&self) -> bool {
        // The kernel sets the flag, then looks at the producer index once more. So the index must be visible before
        // the flag is read, or both sides wait for each other.
        fence(SeqCst);
        self.ring.index(self.ring.offsets.flags).load(Relaxed) & libc::XDP_RING_NEED_WAKEUP != 0
    }
}

/// A ring that the kernel fills: the receive ring or the completion ring.
#[derive(Debug)]
pub(super) struct Consumer<T> {
    ring: Ring<T>,
    next: u32,
}

impl<T: Copy> Consumer<T> {
    pub(super) fn map(fd: &OwnedFd, at: u64, offsets: libc::xdp_ring_offset, size: u32) -> io::Result<Self> {
        Ring::map(fd, at, offsets, size).map(|ring| Self { ring, next: 0 })
    }

    /// Takes up to `max` entries; returns how many.
    pub(super) fn drain(&mut self, max: u32, mut take: impl FnMut(T)) -> u32 {
        let ready = self.ring.producer().load(Acquire).wrapping_sub(self.next).min(max);
        for _ in 0..ready {
            // SAFETY: within the mapping (`entry`); the kernel has written it before it moved its index, and does not
            // write it again before ours moves. Entries are integers, of which any bytes are valid.
            take(unsafe { self.ring.entry(self.next).read() });
            self.next = self.next.wrapping_add(1);
        }
        if ready > 0 {
            self.ring.consumer().store(self.next, Release);
        }
        ready
    }
}

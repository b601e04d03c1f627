//! The frame memory: one region of equal chunks for all ports, and the list of the free ones.
#![allow(unsafe_code, reason = "the kernel writes received frames into this memory, so it is no Rust allocation")]

use std::{io, os::raw::c_void, ptr, ptr::NonNull};

use mimiq_contract::PortId;
use mimiq_pipeline::Packet;

/// A frame in a chunk of [`Frames`]: a token that stands for the sole right to the chunk. It is neither `Clone` nor
/// `Copy`: whoever has it must hand it to a port or back to [`Frames::give`].
#[derive(Debug)]
#[must_use = "a frame that is not given back is lost until the process ends"]
pub struct Frame {
    chunk: u32,
    start: u32,
    len: u32,
}

impl Frame {
    /// The frame's length, bytes.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// Says where in the chunk the frame's bytes are.
    pub(crate) fn set_place(&mut self, start: usize, len: usize) {
        (self.start, self.len) = (start as u32, len as u32);
    }

    fn end(&self) -> usize {
        self.start as usize + self.len as usize
    }
}

/// The memory of all ports' frames.
#[derive(Debug)]
pub struct Frames {
    memory: NonNull<u8>,
    chunk: usize,
    total: usize,
    free: Vec<u32>,
}

// SAFETY: the region is owned by this value alone (and by the kernel, which does not know threads).
unsafe impl Send for Frames {}

impl Frames {
    /// Maps `total` chunks of `chunk` bytes, a power of two.
    pub(crate) fn new(total: usize, chunk: usize) -> io::Result<Self> {
        debug_assert!(chunk.is_power_of_two() && u32::try_from(total).is_ok());
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches no existing memory.
        let memory = unsafe { libc::mmap(ptr::null_mut(), total * chunk, protection, flags, -1, 0) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        // The last one given is the first one taken, so that a lightly loaded switch stays within few cache lines.
        let free = (0..total as u32).rev().collect();
        Ok(Self { memory, chunk, total, free })
    }

    /// Takes a free frame; its length is 0.
    pub(crate) fn take(&mut self) -> Option<Frame> {
        self.free.pop().map(|chunk| Frame { chunk, start: 0, len: 0 })
    }

    /// Gives a frame back.
    pub(crate) fn give(&mut self, frame: Frame) {
        self.free.push(frame.chunk);
    }

    /// How many frames there are.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// How many are free.
    pub(crate) fn free(&self) -> usize {
        self.free.len()
    }

    /// The size of a chunk, bytes.
    pub(crate) fn chunk(&self) -> usize {
        self.chunk
    }

    /// Address and length of the region.
    pub(crate) fn region(&self) -> (*mut c_void, usize) {
        (self.memory.as_ptr().cast(), self.total * self.chunk)
    }

    /// Where the frame starts, relative to the region.
    pub(crate) fn offset(&self, frame: &Frame) -> u64 {
        frame.chunk as u64 * self.chunk as u64 + u64::from(frame.start)
    }

    /// Hands a frame to the kernel; it comes back by [`Frames::take_back`].
    pub(crate) fn lend(&self, frame: Frame) -> u64 {
        self.offset(&frame)
    }

    /// The frame that the kernel gives back with this offset and length. `None` if that is outside of the region or
    /// crosses a chunk's end.
    ///
    /// # Safety
    /// The offset must come from a ring of a socket that has this region as its UMEM, and must be claimed once.
    pub(crate) unsafe fn take_back(&self, offset: u64, len: u32) -> Option<Frame> {
        let chunk = offset / self.chunk as u64;
        let frame = Frame { chunk: chunk as u32, start: (offset % self.chunk as u64) as u32, len };
        (chunk < self.total as u64 && frame.end() <= self.chunk).then_some(frame)
    }

    /// The frame's whole chunk.
    pub(crate) fn chunk_of<'a>(&'a self, frame: &'a mut Frame) -> &'a mut [u8] {
        // SAFETY: `frame.chunk` is below `total` (it came from `new` or was checked in `take_back`), so the slice lies
        // within the mapping, which lives as long as `self`. A frame is the only token for its chunk and is borrowed
        // mutably for the slice's lifetime, so nothing else refers to these bytes, the kernel included.
        unsafe {
            std::slice::from_raw_parts_mut(self.memory.as_ptr().add(frame.chunk as usize * self.chunk), self.chunk)
        }
    }

    /// The frame's bytes.
    pub(crate) fn bytes<'a>(&'a self, frame: &'a mut Frame) -> &'a mut [u8] {
        let (start, end) = (frame.start as usize, frame.end());
        &mut self.chunk_of(frame)[start..end]
    }

    /// A batch as the pipeline wants it.
    pub(crate) fn packets<'a>(&'a self, batch: &'a mut [Frame], port: PortId) -> Vec<Packet<'a>> {
        batch
            .iter_mut()
            .map(|frame| {
                let (start, len) = (frame.start as usize, frame.len());
                Packet { buf: self.chunk_of(frame), start, len, port }
            })
            .collect()
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        let (memory, len) = self.region();
        // SAFETY: this is the mapping of `new`; no slice of it outlives `self`, and the kernel keeps its own reference to
        // the pages of a UMEM.
        unsafe { libc::munmap(memory, len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_disjoint_and_come_back() {
        let mut frames = Frames::new(4, 2048).unwrap();
        let mut taken: Vec<Frame> = std::iter::from_fn(|| frames.take()).collect();
        assert_eq!((taken.len(), frames.free(), frames.total()), (4, 0, 4));
        for (value, frame) in taken.iter_mut().enumerate() {
            frames.chunk_of(frame).fill(value as u8);
        }
        for (value, frame) in taken.iter_mut().enumerate() {
            assert!(frames.chunk_of(frame).iter().all(|b| *b == value as u8));
        }
        taken.into_iter().for_each(|frame| frames.give(frame));
        assert_eq!(frames.free(), 4);
    }

    #[test]
    fn offsets_outside_of_the_region_are_no_frames() {
        let frames = Frames::new(2, 2048).unwrap();
        let claim = |offset, len| {
            // SAFETY: no slice is made of the result.
            unsafe { frames.take_back(offset, len) }
        };
        assert!(claim(2048 + 256, 1792).is_some());
        assert!(claim(2048 + 256, 1793).is_none(), "crosses the chunk's end");
        assert!(claim(4096, 0).is_none());
        assert!(claim(u64::MAX, u32::MAX).is_none());
    }
}

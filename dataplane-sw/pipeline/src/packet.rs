use mimiq_contract::{DropReason, PortId};

/// Bytes the pipeline may need in front of a frame. The largest header it adds, around a control datagram, is 70 long.
pub const HEADROOM: usize = 128;

/// A frame in its buffer. `start + len <= buf.len()` holds before and after the pipeline.
#[derive(Debug)]
pub struct Packet<'a> {
    /// The whole chunk: headroom, frame, tailroom.
    pub buf: &'a mut [u8],
    /// Where the frame starts: at [`HEADROOM`] or further back on arrival.
    pub start: usize,
    /// The frame's length, from its Ethernet header on, without the frame check sequence.
    pub len: usize,
    /// The port it arrived at.
    pub port: PortId,
}

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It leaves, as it is now, at this port.
    Send(PortId),
    /// It was dropped and counted.
    Drop(DropReason),
}

impl Packet<'_> {
    /// The frame. Empty if `start` and `len` are not inside the buffer.
    pub fn frame(&self) -> &[u8] {
        self.start.checked_add(self.len).and_then(|end| self.buf.get(self.start..end)).unwrap_or_default()
    }

    /// The frame, to be edited. Empty if `start` and `len` are not inside the buffer.
    pub fn frame_mut(&mut self) -> &mut [u8] {
        self.start.checked_add(self.len).and_then(|end| self.buf.get_mut(self.start..end)).unwrap_or_default()
    }
}

impl Packet<'_> {
    /// Puts `header` right in front of offset `at` of the buffer; the frame now starts with it and ends where it did.
    ///
    /// # Errors
    /// [`DropReason::PacketTooBig`] if there is no room.
    #[inline]
    pub(crate) fn prepend<const N: usize>(&mut self, at: usize, header: [u8; N]) -> Result<(), DropReason> {
        let end = self.start.saturating_add(self.len);
        let start = at.checked_sub(N).filter(|_| at <= end).ok_or(DropReason::PacketTooBig)?;
        self.buf.get_mut(start..at).ok_or(DropReason::PacketTooBig)?.copy_from_slice(&header);
        (self.start, self.len) = (start, end - start);
        Ok(())
    }
}

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use mimiq_contract::PortId;
use mimiq_pipeline::DropCounters;

use super::socket::{RING_SIZE, Rings, XskSocket};
use crate::{
    frames::{Frame, Frames},
    port::{BATCH, Port, PortCounters, drop_frame},
};

/// A queue of an interface, carried by an AF_XDP socket.
#[derive(Debug)]
pub struct XdpPort {
    id: PortId,
    socket: Arc<XskSocket>,
    rings: Rings,
    /// Frames that the kernel has to receive into, or has received and we have not taken.
    receiving: u32,
    /// Frames that the kernel has to send, or has sent and we have not taken back.
    sending: u32,
    /// Whether frames have been queued since the last flush.
    queued: bool,
    counters: Arc<PortCounters>,
    // Kept open: the program is attached, and the interface promiscuous, until the port is dropped.
    _attachment: Arc<Attachment>,
}

/// What an interface has for as long as its ports live.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) _link: OwnedFd,
    pub(super) _promiscuous: OwnedFd,
}

impl XdpPort {
    pub(super) fn new(
        id: PortId,
        socket: Arc<XskSocket>,
        rings: Rings,
        counters: Arc<PortCounters>,
        attachment: Arc<Attachment>,
    ) -> Self {
        Self { id, socket, rings, receiving: 0, sending: 0, queued: false, counters, _attachment: attachment }
    }

    /// Gives the kernel frames to receive into, as many as the fill ring holds.
    pub(super) fn refill(&mut self, frames: &mut Frames) {
        if self.receiving == RING_SIZE {
            return;
        }
        while self.receiving < RING_SIZE && self.rings.fill.has_room() {
            let Some(frame) = frames.take() else { break };
            self.rings.fill.push(frames.lend(frame));
            self.receiving += 1;
        }
        self.rings.fill.publish();
        if self.rings.fill.needs_wakeup() {
            self.socket.wake_receive();
        }
    }

    /// Takes back the frames that have been sent.
    fn complete(&mut self, frames: &mut Frames) {
        if self.sending == 0 {
            return;
        }
        self.sending -= self.rings.completion.drain(RING_SIZE, |offset| {
            // SAFETY: from a ring of a socket with this UMEM; the kernel completes each frame once.
            #[allow(unsafe_code, reason = "the kernel gives a frame back")]
            if let Some(frame) = unsafe { frames.take_back(offset, 0) } {
                frames.give(frame);
            }
        });
    }
}

impl Port for XdpPort {
    fn id(&self) -> PortId {
        self.id
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn receive(&mut self, frames: &mut Frames, batch: &mut Vec<Frame>) {
        self.complete(frames);
        let received = self.rings.receive.drain(BATCH as u32, |descriptor| {
            // SAFETY: from a ring of a socket with this UMEM; the kernel delivers each frame once.
            #[allow(unsafe_code, reason = "the kernel gives a frame back")]
            batch.extend(unsafe { frames.take_back(descriptor.addr, descriptor.len) });
        });
        self.receiving -= received;
        self.refill(frames);
    }

    fn send(&mut self, frames: &mut Frames, frame: Frame, drops: &DropCounters) {
        // More is in flight than the completion ring holds only if the kernel has not been able to send.
        if self.sending >= RING_SIZE || !self.rings.transmit.has_room() {
            self.flush(frames, drops);
            self.complete(frames);
            if self.sending >= RING_SIZE || !self.rings.transmit.has_room() {
                return drop_frame(frames, frame, drops);
            }
        }
        self.counters.tx_packets.add(1);
        self.counters.tx_bytes.add(frame.len() as u64);
        let len = frame.len() as u32;
        self.rings.transmit.push(libc::xdp_desc { addr: frames.lend(frame), len, options: 0 });
        self.sending += 1;
        self.queued = true;
    }

    fn flush(&mut self, _: &mut Frames, _: &DropCounters) -> bool {
        if std::mem::take(&mut self.queued) {
            self.rings.transmit.publish();
        } else if self.sending == 0 {
            return true;
        }
        let mut pending = self.rings.transmit.pending();
        while pending > 0 && self.rings.transmit.needs_wakeup() {
            let result = self.socket.wake_transmit();
            let before = std::mem::replace(&mut pending, self.rings.transmit.pending());
            match result.map_err(|error| error.raw_os_error()) {
                // The interface is down or gone: what is queued waits for it, we do not.
                Err(Some(libc::ENETDOWN | libc::ENXIO | libc::EBADF)) => return true,
                _ if pending == before => return false,
                _ => {}
            }
        }
        true
    }

    fn held(&self) -> usize {
        (self.receiving + self.sending) as usize
    }

    fn counters(&self) -> &PortCounters {
        &self.counters
    }
}

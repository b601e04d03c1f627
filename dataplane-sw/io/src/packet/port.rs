use std::{
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
};

use mimiq_contract::PortId;
use mimiq_pipeline::{DropCounters, HEADROOM};

use super::{PacketSocket, messages::Messages};
use crate::{
    frames::{Frame, Frames},
    port::{BATCH, Port, PortCounters, drop_frame},
};

/// An interface, carried by a packet socket.
#[derive(Debug)]
pub struct PacketPort {
    id: PortId,
    socket: Arc<PacketSocket>,
    /// Free frames to receive into.
    posted: Vec<Frame>,
    /// Frames to be sent.
    queued: Vec<Frame>,
    counters: Arc<PortCounters>,
}

impl PacketPort {
    pub(super) fn new(id: PortId, socket: Arc<PacketSocket>, counters: Arc<PortCounters>) -> Self {
        Self { id, socket, posted: Vec::new(), queued: Vec::new(), counters }
    }
}

impl Port for PacketPort {
    fn id(&self) -> PortId {
        self.id
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.fd.as_fd()
    }

    fn receive(&mut self, frames: &mut Frames, batch: &mut Vec<Frame>) {
        while self.posted.len() < BATCH {
            let Some(frame) = frames.take() else { break };
            self.posted.push(frame);
        }
        let mut messages = Messages::new();
        let buffers = self.posted.iter_mut().map(|frame| &mut frames.chunk_of(frame)[HEADROOM..]);
        let received = messages.receive(self.socket.fd.as_fd(), buffers);
        for (index, mut frame) in self.posted.drain(..received).enumerate() {
            match messages.received(index) {
                Some(len) => {
                    frame.set_place(HEADROOM, len);
                    batch.push(frame);
                }
                None => {
                    self.counters.rx_errors.add(1);
                    frames.give(frame);
                }
            }
        }
    }

    fn send(&mut self, _: &mut Frames, frame: Frame, _: &DropCounters) {
        self.queued.push(frame);
    }

    fn flush(&mut self, frames: &mut Frames, drops: &DropCounters) -> bool {
        while !self.queued.is_empty() {
            let queued = self.queued.iter_mut().map(|frame| frames.bytes(frame));
            let Some(sent) = Messages::new().send(self.socket.fd.as_fd(), queued) else {
                // The first frame was refused: too large for the interface, its queue full, or the interface gone.
                drop_frame(frames, self.queued.remove(0), drops);
                continue;
            };
            self.counters.tx_packets.add(sent as u64);
            for frame in self.queued.drain(..sent) {
                self.counters.tx_bytes.add(frame.len() as u64);
                frames.give(frame);
            }
        }
        true
    }

    fn held(&self) -> usize {
        self.posted.len() + self.queued.len()
    }

    fn counters(&self) -> &PortCounters {
        &self.counters
    }
}

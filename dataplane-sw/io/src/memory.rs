//! Ports without a kernel: frames come from and go to channels. For tests of whatever stands on top of the loop.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender, SyncSender, TrySendError},
    },
    time::Duration,
};

use mimiq_contract::PortId;
use mimiq_pipeline::{DropCounters, HEADROOM};

use crate::{
    forward::Ports,
    frames::{Frame, Frames},
    port::{BATCH, Port, PortCounters, PortMonitor, drop_frame},
    sys::Event,
};

const CHUNK: usize = 4096;

/// A port whose wire is a pair of channels.
#[derive(Debug)]
pub struct MemoryPort {
    id: PortId,
    arrivals: Receiver<Vec<u8>>,
    arrived: Arc<Event>,
    departures: SyncSender<Vec<u8>>,
    counters: Arc<PortCounters>,
}

/// The far end of a [`MemoryPort`]'s wire.
#[derive(Debug)]
pub struct MemoryEnd {
    arrivals: Sender<Vec<u8>>,
    arrived: Arc<Event>,
    departures: Receiver<Vec<u8>>,
}

impl MemoryEnd {
    /// Sends a frame to the port. Frames for a port that is closed are lost, as on a wire.
    pub fn send(&self, frame: &[u8]) {
        if self.arrivals.send(frame.to_vec()).is_ok() {
            self.arrived.signal();
        }
    }

    /// The next frame that the port sent; `None` if there is none within `timeout`, or the port is closed.
    pub fn receive(&self, timeout: Duration) -> Option<Vec<u8>> {
        self.departures.recv_timeout(timeout).ok()
    }
}

/// Ports with these numbers and the far ends of their wires. There are `frames` frames in all; each wire holds up to
/// `wire` frames that the far end has not taken, then further ones are dropped as by a full queue.
///
/// # Errors
/// If there is not enough memory or there are no file descriptors left.
pub fn open(ids: &[PortId], frames: usize, wire: usize) -> io::Result<(Ports<MemoryPort>, Vec<MemoryEnd>)> {
    let frames = Frames::new(frames, CHUNK)?;
    let (mut ports, mut ends, mut monitors) = (Vec::new(), Vec::new(), Vec::new());
    for id in ids {
        let (to_port, arrivals) = mpsc::channel();
        let (departures, from_port) = mpsc::sync_channel(wire);
        let arrived = Arc::new(Event::new()?);
        let counters = Arc::new(PortCounters::default());
        monitors.push(PortMonitor {
            id: *id,
            interface: format!("memory{}", id.0),
            mode: "memory".into(),
            counters: counters.clone(),
            sockets: Vec::new(),
        });
        ends.push(MemoryEnd { arrivals: to_port, arrived: arrived.clone(), departures: from_port });
        ports.push(MemoryPort { id: *id, arrivals, arrived, departures, counters });
    }
    Ok((Ports::new(frames, ports, monitors), ends))
}

impl Port for MemoryPort {
    fn id(&self) -> PortId {
        self.id
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.arrived.as_fd()
    }

    fn receive(&mut self, frames: &mut Frames, batch: &mut Vec<Frame>) {
        // Cleared first: what arrives from here on is either taken below or makes it readable again.
        self.arrived.clear();
        while batch.len() < BATCH {
            // What finds no frame waits on the wire: the frames of this batch come back before the next one.
            let Some(mut frame) = frames.take() else { return };
            let Ok(bytes) = self.arrivals.try_recv() else { return frames.give(frame) };
            match frames.chunk_of(&mut frame).get_mut(HEADROOM..HEADROOM + bytes.len()) {
                Some(room) => {
                    room.copy_from_slice(&bytes);
                    frame.set_place(HEADROOM, bytes.len());
                    batch.push(frame);
                }
                None => {
                    self.counters.rx_errors.add(1);
                    frames.give(frame);
                }
            }
        }
    }

    fn send(&mut self, frames: &mut Frames, mut frame: Frame, drops: &DropCounters) {
        match self.departures.try_send(frames.bytes(&mut frame).to_vec()) {
            Ok(()) => {
                self.counters.tx_packets.add(1);
                self.counters.tx_bytes.add(frame.len() as u64);
                frames.give(frame);
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => drop_frame(frames, frame, drops),
        }
    }

    fn flush(&mut self, _: &mut Frames, _: &DropCounters) -> bool {
        true
    }

    fn held(&self) -> usize {
        0
    }

    fn counters(&self) -> &PortCounters {
        &self.counters
    }
}

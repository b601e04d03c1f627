use std::{
    os::fd::BorrowedFd,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use mimiq_contract::{DropReason, PortId};
use mimiq_pipeline::DropCounters;

use crate::frames::{Frame, Frames};

/// How many frames are received and processed at once.
pub const BATCH: usize = 64;

/// A place where frames come in and go out. All ports of a switch share one frame memory; a frame goes from port to
/// port by handing over its token, without a copy. The trait is sealed: tokens cannot be made outside of this crate.
pub trait Port: Send {
    /// The port's number; several queues of an interface have the same.
    fn id(&self) -> PortId;

    /// What becomes readable when there is something to receive.
    fn fd(&self) -> BorrowedFd<'_>;

    /// Adds up to [`BATCH`] received frames to `batch`; never blocks.
    fn receive(&mut self, frames: &mut Frames, batch: &mut Vec<Frame>);

    /// Queues a frame to be sent by the next [`Port::flush`]; drops and counts it if the queue is full.
    fn send(&mut self, frames: &mut Frames, frame: Frame, drops: &DropCounters);

    /// Starts the sending of what is queued. Returns whether the kernel has taken everything; otherwise call again soon.
    fn flush(&mut self, frames: &mut Frames, drops: &DropCounters) -> bool;

    /// The frames that are in the port's rings and queues.
    fn held(&self) -> usize;

    /// The port's counters.
    fn counters(&self) -> &PortCounters;
}

/// Frees a frame that could not be sent, and counts it.
pub(crate) fn drop_frame(frames: &mut Frames, frame: Frame, drops: &DropCounters) {
    drops.add(DropReason::Egress, frame.len());
    frames.give(frame);
}

/// A counter with one writer.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Adds; only the forwarding thread may, so a locked instruction is not needed.
    pub(crate) fn add(&self, value: u64) {
        self.0.store(self.0.load(Relaxed) + value, Relaxed);
    }
}

/// What a port has received and sent, counted by the forwarding loop.
#[derive(Debug, Default)]
pub struct PortCounters {
    /// Frames received.
    pub rx_packets: Counter,
    /// Bytes received, from the Ethernet header on, without the checksum.
    pub rx_bytes: Counter,
    /// Frames handed to the kernel to be sent.
    pub tx_packets: Counter,
    /// Bytes handed to the kernel to be sent.
    pub tx_bytes: Counter,
    /// Received frames that were larger than a buffer, or VLAN-tagged where the kernel hides the tag: dropped.
    pub rx_errors: Counter,
}

/// What the kernel says about a port's sockets (`XDP_STATISTICS`, `PACKET_STATISTICS`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct KernelStatistics {
    /// Dropped for want of a buffer, because the socket's queue was full, or because too large.
    pub rx_dropped: u64,
    /// AF_XDP: dropped because the receive ring was full.
    pub rx_ring_full: u64,
    /// AF_XDP: times that the fill ring was empty.
    pub rx_fill_ring_empty: u64,
    /// AF_XDP: invalid descriptors in the fill ring; always 0 unless there is a bug.
    pub rx_invalid_descs: u64,
    /// AF_XDP: invalid descriptors in the transmit ring; always 0 unless there is a bug.
    pub tx_invalid_descs: u64,
    /// AF_XDP: times that the kernel found the transmit ring empty.
    pub tx_ring_empty: u64,
}

impl std::ops::AddAssign for KernelStatistics {
    fn add_assign(&mut self, other: Self) {
        self.rx_dropped += other.rx_dropped;
        self.rx_ring_full += other.rx_ring_full;
        self.rx_fill_ring_empty += other.rx_fill_ring_empty;
        self.rx_invalid_descs += other.rx_invalid_descs;
        self.tx_invalid_descs += other.tx_invalid_descs;
        self.tx_ring_empty += other.tx_ring_empty;
    }
}

/// A socket that the kernel keeps statistics of.
pub(crate) trait Observed: std::fmt::Debug + Send + Sync {
    fn statistics(&self) -> std::io::Result<KernelStatistics>;
}

/// A port as other threads see it, for metrics and logs.
#[derive(Debug, Clone)]
pub struct PortMonitor {
    /// The port's number.
    pub id: PortId,
    /// The interface's name.
    pub interface: String,
    /// How frames are carried, for example `AF_XDP, native mode, copied, 1 queue, chunks of 2048 bytes`.
    pub mode: String,
    /// What the forwarding loop counts.
    pub counters: Arc<PortCounters>,
    // Weak: metrics must not keep a socket bound after its port has been closed.
    pub(crate) sockets: Vec<Weak<dyn Observed>>,
}

impl PortMonitor {
    /// What the kernel has counted; zeros once the port is closed.
    pub fn kernel_statistics(&self) -> KernelStatistics {
        let mut sum = KernelStatistics::default();
        for socket in self.sockets.iter().filter_map(Weak::upgrade) {
            sum += socket.statistics().unwrap_or_default();
        }
        sum
    }
}

use std::{io, os::fd::AsFd, sync::Arc, sync::atomic::AtomicBool, sync::atomic::Ordering::Relaxed, time::Instant};

use mimiq_contract::PortId;
use mimiq_pipeline::{DropCounters, Packet, Pipeline, TableReader, Verdict};
use tracing::warn;

use crate::{
    frames::{Frame, Frames},
    port::{BATCH, Port, PortMonitor, drop_frame},
    sys::{Event, Poller},
};

/// How long to wait before the kernel is asked again to send what it had no room for, milliseconds.
const RETRY_MS: libc::c_int = 1;

/// All ports of a switch and their common frame memory.
#[derive(Debug)]
pub struct Ports<P> {
    frames: Frames,
    ports: Vec<P>,
    monitors: Vec<PortMonitor>,
    // Where in `ports` the first queue of a port number is; 512 entries at most, so an array beats a hash table.
    by_id: Vec<Option<usize>>,
}

impl<P: Port> Ports<P> {
    pub(crate) fn new(frames: Frames, ports: Vec<P>, monitors: Vec<PortMonitor>) -> Self {
        let mut by_id = vec![None; PortId::COUNT];
        for (index, port) in ports.iter().enumerate().rev() {
            by_id[usize::from(port.id().0)] = Some(index);
        }
        Self { frames, ports, monitors, by_id }
    }

    /// One monitor a port, for other threads.
    pub fn monitors(&self) -> &[PortMonitor] {
        &self.monitors
    }

    /// How many frames there are.
    pub fn frames_total(&self) -> usize {
        self.frames.total()
    }

    /// How many frames lie in the ports' rings and queues; the others are free. `None` if the sum is not the total:
    /// a frame has been lost, which is a bug.
    pub fn frames_held(&self) -> Option<usize> {
        let held = self.ports.iter().map(Port::held).sum();
        (self.frames.free() + held == self.frames.total()).then_some(held)
    }

    /// Receives, processes and queues up to [`BATCH`] frames of one port. Returns how many.
    fn forward_batch(
        &mut self,
        index: usize,
        scratch: &mut Scratch,
        drops: &DropCounters,
        process: &mut impl FnMut(&mut [Packet<'_>], &mut Vec<Verdict>),
    ) -> usize {
        let Scratch { batch, places, verdicts } = scratch;
        let port = &mut self.ports[index];
        port.receive(&mut self.frames, batch);
        let received = batch.len();
        if received == 0 {
            return 0;
        }
        let counters = port.counters();
        counters.rx_packets.add(received as u64);
        counters.rx_bytes.add(batch.iter().map(|frame| frame.len() as u64).sum());
        let mut packets = self.frames.packets(batch, port.id());
        process(&mut packets, verdicts);
        places.extend(packets.iter().map(|packet| (packet.start, packet.len)));
        debug_assert_eq!(verdicts.len(), received, "one verdict a packet");
        let mut verdicts = verdicts.drain(..);
        for (mut frame, (start, len)) in batch.drain(..).zip(places.drain(..)) {
            let Some(Verdict::Send(egress)) = verdicts.next() else {
                self.frames.give(frame);
                continue;
            };
            let in_chunk = start.checked_add(len).is_some_and(|end| end <= self.frames.chunk());
            debug_assert!(in_chunk, "the pipeline moved a packet out of its buffer");
            if in_chunk {
                frame.set_place(start, len);
            }
            match self.by_id.get(usize::from(egress.0)).copied().flatten() {
                Some(egress) if in_chunk => self.ports[egress].send(&mut self.frames, frame, drops),
                _ => drop_frame(&mut self.frames, frame, drops),
            }
        }
        received
    }

    fn flush(&mut self, drops: &DropCounters) -> bool {
        let mut done = true;
        for port in &mut self.ports {
            done &= port.flush(&mut self.frames, drops);
        }
        done
    }
}

/// Kept between batches for the sake of its allocations.
struct Scratch {
    batch: Vec<Frame>,
    places: Vec<(usize, usize)>,
    verdicts: Vec<Verdict>,
}

/// Stops a forwarding loop, from any thread.
#[derive(Debug, Clone)]
pub struct Shutdown(Arc<(AtomicBool, Event)>);

impl Shutdown {
    /// A loop that is given this runs until [`Shutdown::signal`].
    ///
    /// # Errors
    /// If the process has no file descriptors left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new((AtomicBool::new(false), Event::new()?))))
    }

    /// Ends the loop after the batch it is at, or at once if it waits.
    pub fn signal(&self) {
        self.0.0.store(true, Relaxed);
        self.0.1.signal();
    }

    fn is_signalled(&self) -> bool {
        self.0.0.load(Relaxed)
    }
}

/// Forwards frames as `process` decides, until `shutdown`; it belongs on a thread of its own. `process` gets up to
/// [`BATCH`] packets of one ingress port and no verdicts, and adds one verdict each. A frame whose egress port does not exist or is
/// full is counted in `drops` as [`DropReason::Egress`](mimiq_contract::DropReason::Egress).
///
/// An interface that fails or vanishes is logged; the other ports go on.
///
/// # Errors
/// If the kernel refuses to wait (out of memory).
pub fn forward<P: Port>(
    ports: &mut Ports<P>,
    drops: &DropCounters,
    shutdown: &Shutdown,
    mut process: impl FnMut(&mut [Packet<'_>], &mut Vec<Verdict>),
) -> io::Result<()> {
    let mut scratch = Scratch {
        batch: Vec::with_capacity(BATCH),
        places: Vec::with_capacity(BATCH),
        verdicts: Vec::with_capacity(BATCH),
    };
    let mut poller = Poller::new(ports.ports.iter().map(Port::fd).chain([shutdown.0.1.as_fd()]));
    while !shutdown.is_signalled() {
        let mut received = 0;
        for index in 0..ports.ports.len() {
            received += ports.forward_batch(index, &mut scratch, drops, &mut process);
        }
        let flushed = ports.flush(drops);
        debug_assert!(ports.frames_held().is_some(), "a frame was lost");
        // Looking again is cheaper than waiting; only an empty round waits.
        if received == 0 {
            poller.wait(if flushed { -1 } else { RETRY_MS })?;
            for index in poller.failed() {
                report_failure(ports, index);
            }
        }
    }
    Ok(())
}

/// Logs why a port's socket has failed. Reading the error clears it, so that the loop can wait again.
fn report_failure<P: Port>(ports: &Ports<P>, index: usize) {
    let Some(port) = ports.ports.get(index) else { return };
    let name = ports.monitors.iter().find(|m| m.id == port.id()).map_or("", |m| m.interface.as_str());
    match crate::sys::option::<libc::c_int>(port.fd(), libc::SOL_SOCKET, libc::SO_ERROR) {
        Ok(errno) => warn!(interface = name, error = %io::Error::from_raw_os_error(errno), "port failed"),
        Err(error) => warn!(interface = name, %error, "port failed"),
    }
}

/// Runs the pipeline over the ports until `shutdown`; see [`forward`]. The tables are entered once a batch and left
/// before the loop waits, so a writer never waits for traffic.
///
/// # Errors
/// As [`forward`].
pub fn run<P: Port>(
    ports: &mut Ports<P>,
    mut pipeline: Pipeline,
    reader: &TableReader,
    drops: &DropCounters,
    shutdown: &Shutdown,
) -> io::Result<()> {
    let start = Instant::now();
    forward(ports, drops, shutdown, |packets, verdicts| {
        let now_ns = start.elapsed().as_nanos() as u64;
        pipeline.process(&reader.enter(), now_ns, packets, verdicts);
    })
}

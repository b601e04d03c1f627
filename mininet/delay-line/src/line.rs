//! One direction: frames in, held for the delay, out in the same order.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use pnet_datalink::{DataLinkReceiver, DataLinkSender};

/// Frames that one direction can hold. 50 ms at 100,000 frames a second are 5,000.
const DEPTH: usize = 65_536;

/// What one direction has seen.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Frames delivered.
    pub(crate) forwarded: AtomicU64,
    /// Frames dropped: the line was full, or the far interface did not take them.
    pub(crate) dropped: AtomicU64,
}

impl Counters {
    /// Nothing seen yet.
    pub(crate) const fn new() -> Self {
        Self { forwarded: AtomicU64::new(0), dropped: AtomicU64::new(0) }
    }
}

/// Called with each frame at one end of the line.
pub(crate) type Tap = Box<dyn Fn(&[u8]) + Send>;

struct Held {
    due: Instant,
    frame: Vec<u8>,
}

/// Starts a direction: two threads, one that takes frames in and one that sleeps until each is due. `entering` sees a
/// frame when it arrives, `leaving` just before it is sent. Returns when the receiver fails; the error is the reason.
///
/// # Errors
/// If reading from the interface fails, or a thread cannot be started.
pub(crate) fn carry(
    mut from: Box<dyn DataLinkReceiver>,
    to: Box<dyn DataLinkSender>,
    delay: Duration,
    counters: &'static Counters,
    entering: Tap,
    leaving: Tap,
) -> io::Result<()> {
    let (held, waiting) = sync_channel(DEPTH);
    thread::Builder::new().name("deliver".into()).spawn(move || deliver(&waiting, to, counters, &leaving))?;
    loop {
        let frame = match from.next() {
            Ok(frame) => frame,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let due = Instant::now() + delay;
        entering(frame);
        if !hold(&held, Held { due, frame: frame.to_vec() }, counters) {
            return Err(io::Error::other("the delivering thread has ended"));
        }
    }
}

fn hold(line: &SyncSender<Held>, frame: Held, counters: &Counters) -> bool {
    match line.try_send(frame) {
        Ok(()) => true,
        Err(TrySendError::Full(_)) => {
            counters.dropped.fetch_add(1, Ordering::Relaxed);
            true
        }
        Err(TrySendError::Disconnected(_)) => false,
    }
}

#[allow(clippy::disallowed_methods, reason = "to hold frames for a time is what a delay line is for")]
fn deliver(line: &Receiver<Held>, mut to: Box<dyn DataLinkSender>, counters: &Counters, leaving: &Tap) {
    for Held { due, frame } in line {
        // The delay is a constant, so frames fall due in the order they came.
        thread::sleep(due.saturating_duration_since(Instant::now()));
        leaving(&frame);
        let counter = match to.send_to(&frame, None) {
            Some(Ok(())) => &counters.forwarded,
            Some(Err(_)) | None => &counters.dropped,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pnet_datalink::{Channel, dummy};

    #[test]
    fn frames_come_out_in_order_and_not_early() {
        let (inject, from) = std::sync::mpsc::channel();
        let (sent, out) = std::sync::mpsc::channel();
        let config = dummy::Config::new(from, sent);
        let Channel::Ethernet(tx, rx) = dummy::channel(&dummy::dummy_interface(0), config).unwrap() else {
            panic!("not an Ethernet channel");
        };
        let delay = Duration::from_millis(20);
        let counters: &'static Counters = Box::leak(Box::new(Counters::new()));
        thread::spawn(move || carry(rx, tx, delay, counters, Box::new(|_| ()), Box::new(|_| ())));
        let start = Instant::now();
        for n in 0..100u8 {
            inject.send(Ok(vec![n; 60].into_boxed_slice())).unwrap();
        }
        for n in 0..100u8 {
            assert_eq!(out.recv().unwrap()[0], n);
            assert!(start.elapsed() >= delay, "frame {n} came early");
        }
        assert_eq!(counters.dropped.load(Ordering::Relaxed), 0);
    }
}

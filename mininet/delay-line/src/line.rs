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

/// A bottleneck with a tail-drop buffer, before the delay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bottleneck {
    /// Bits a second.
    pub(crate) rate: u64,
    /// Bytes that wait at most.
    pub(crate) buffer: u64,
}

/// When the last frame is out of the bottleneck.
struct Queue {
    bottleneck: Bottleneck,
    free: Instant,
}

impl Queue {
    /// When a frame that arrives now will be out; none if there is no room for it.
    fn pass(&mut self, now: Instant, length: usize) -> Option<Instant> {
        let Bottleneck { rate, buffer } = self.bottleneck;
        let waiting = self.free.saturating_duration_since(now).as_secs_f64() * rate as f64 / 8.0;
        if waiting + length as f64 > buffer as f64 {
            return None;
        }
        self.free = self.free.max(now) + Duration::from_secs_f64(length as f64 * 8.0 / rate as f64);
        Some(self.free)
    }
}

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
    bottleneck: Option<Bottleneck>,
    counters: &'static Counters,
    entering: Tap,
    leaving: Tap,
) -> io::Result<()> {
    let mut queue = bottleneck.map(|bottleneck| Queue { bottleneck, free: Instant::now() });
    let (held, waiting) = sync_channel(DEPTH);
    thread::Builder::new().name("deliver".into()).spawn(move || deliver(&waiting, to, counters, &leaving))?;
    loop {
        let frame = match from.next() {
            Ok(frame) => frame,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let now = Instant::now();
        entering(frame);
        let out = queue.as_mut().map_or(Some(now), |queue| queue.pass(now, frame.len()));
        let Some(out) = out else {
            counters.dropped.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let due = out + delay;
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
        thread::spawn(move || carry(rx, tx, delay, None, counters, Box::new(|_| ()), Box::new(|_| ())));
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

    #[test]
    fn a_bottleneck_holds_its_rate_and_drops_what_does_not_fit() {
        let start = Instant::now();
        let mut queue = Queue { bottleneck: Bottleneck { rate: 8_000_000, buffer: 3000 }, free: start };
        let ms = |n| start + Duration::from_millis(n);
        assert_eq!([(); 4].map(|()| queue.pass(start, 1000)), [Some(ms(1)), Some(ms(2)), Some(ms(3)), None]);
        assert_eq!(queue.pass(ms(1), 1000), Some(ms(4)));
        assert_eq!(queue.pass(ms(10), 1000), Some(ms(11)));
    }
}

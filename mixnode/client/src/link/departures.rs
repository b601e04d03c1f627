//! Packets that wait for their time. A client's clocks ask for one every few milliseconds. To build, encrypt and send each by itself, the processor starts from
//! cold caches each time; so packets are made a few at a time, and a thread that does nothing else sends each at its time.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use quinn::udp::{EcnCodepoint, Transmit};

use super::socket::{FULL, Socket};

/// A datagram that waits.
#[derive(Debug)]
struct Datagram {
    destination: SocketAddr,
    ecn: Option<EcnCodepoint>,
    src_ip: Option<IpAddr>,
    contents: Vec<u8>,
}

/// Which datagram leaves when, without a clock of its own.
#[derive(Debug)]
struct Queue<D> {
    /// Times that were planned for packets of so many bytes, and have no datagram yet.
    planned: VecDeque<(usize, Instant)>,
    waiting: VecDeque<(Instant, D)>,
    ended: bool,
}

impl<D> Queue<D> {
    fn new() -> Self {
        Self { planned: VecDeque::new(), waiting: VecDeque::new(), ended: false }
    }

    /// Packets of so many bytes will come, and leave at those times. What should have left by now is lost, or is late and leaves with another.
    fn plan(&mut self, packets: impl Iterator<Item = (usize, Instant)>, now: Instant) {
        while self.planned.front().is_some_and(|(_, at)| *at <= now) {
            self.planned.pop_front();
        }
        self.planned.extend(packets);
    }

    /// When a datagram of so many bytes leaves; now if nothing is said. One that is too short for a packet leaves with what is before it: QUIC would take what is
    /// overtaken for lost (RFC 9002 §6.1.1).
    fn time(&mut self, length: usize, now: Instant) -> Instant {
        let last = self.waiting.back().map_or(now, |(at, _)| *at);
        match self.planned.front().copied() {
            Some((packet, at)) if packet <= length => {
                self.planned.pop_front();
                at.max(last)
            }
            _ => last,
        }
    }
}

/// See the module. Ends its thread when it is dropped.
#[derive(Debug)]
pub(crate) struct Departures(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    socket: Arc<Socket>,
    queue: Mutex<Queue<Datagram>>,
    /// There is a first to wait for, or it has ended.
    changed: Condvar,
}

impl Departures {
    pub(super) fn new(socket: Arc<Socket>) -> io::Result<Self> {
        let shared = Arc::new(Shared { socket, queue: Mutex::new(Queue::new()), changed: Condvar::new() });
        let of_thread = shared.clone();
        thread::Builder::new().name("departures".to_owned()).spawn(move || of_thread.run())?;
        Ok(Self(shared))
    }

    /// Packets of so many bytes follow, which are to leave then.
    pub(crate) fn plan(&self, packets: impl Iterator<Item = (usize, Instant)>) {
        self.0.queue().plan(packets, Instant::now());
    }

    /// Drops what waits: what follows leaves at once.
    pub(crate) fn clear(&self) {
        let mut queue = self.0.queue();
        queue.planned.clear();
        queue.waiting.clear();
    }

    /// Sends at its time. Says whether that is later.
    pub(super) fn send(&self, transmit: &Transmit<'_>) -> io::Result<bool> {
        let mut queue = self.0.queue();
        let now = Instant::now();
        let at = queue.time(transmit.contents.len(), now);
        if at <= now && queue.waiting.is_empty() {
            drop(queue);
            return self.0.socket.send(transmit).map(|()| false);
        }
        let Transmit { destination, ecn, contents, src_ip, .. } = *transmit;
        queue.waiting.push_back((at, Datagram { destination, ecn, src_ip, contents: contents.to_vec() }));
        let first = queue.waiting.len() == 1;
        // Who is woken needs it.
        drop(queue);
        if first {
            self.0.changed.notify_one();
        }
        Ok(true)
    }
}

impl Drop for Departures {
    fn drop(&mut self) {
        self.0.queue().ended = true;
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue<Datagram>> {
        // Nothing that is done with it leaves it half changed.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut queue = self.queue();
        while !queue.ended {
            let now = Instant::now();
            match queue.waiting.front() {
                None => queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some((at, _)) if *at > now => {
                    let wait = *at - now;
                    queue = self.changed.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner).0;
                }
                Some((_, datagram)) => {
                    let Datagram { destination, ecn, src_ip, ref contents } = *datagram;
                    let transmit = Transmit { destination, ecn, contents, segment_size: None, src_ip };
                    let sent = self.socket.send(&transmit);
                    if sent.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                        let (again, _) = self.changed.wait_timeout(queue, FULL).unwrap_or_else(PoisonError::into_inner);
                        queue = again;
                    } else {
                        queue.waiting.pop_front();
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};
    use std::time::Duration;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn times(queue: &mut Queue<()>, lengths: &[usize], start: Instant, now: u32) -> Vec<u128> {
        let time = |length: &usize| {
            let at = queue.time(*length, start + now * MS);
            queue.waiting.push_back((at, ()));
            (at - start).as_millis()
        };
        lengths.iter().map(time).collect()
    }

    #[test]
    fn packets_have_their_times_and_what_is_short_goes_along() {
        let (mut queue, start) = (Queue::new(), Instant::now());
        let plan = |times: [u32; 3]| times.map(|at| (1000, start + at * MS)).into_iter();
        // Without a plan everything leaves at once.
        assert_eq!(times(&mut queue, &[50, 1200], start, 3), [3, 3]);
        queue.waiting.clear();
        queue.plan(plan([10, 20, 30]), start);
        assert_eq!(times(&mut queue, &[50, 1030, 60, 1000, 999, 1200, 1200], start, 5), [5, 10, 10, 20, 20, 30, 30]);
        queue.waiting.clear();
        // The second has got lost. The next plan begins anew: what follows does not leave too early for ever.
        queue.plan(plan([40, 50, 60]), start + 35 * MS);
        assert_eq!(times(&mut queue, &[1000, 1000], start, 36), [40, 50]);
        queue.waiting.clear();
        queue.plan(plan([70, 80, 90]), start + 65 * MS);
        assert_eq!(times(&mut queue, &[1000, 1000, 1000], start, 66), [70, 80, 90]);
        // One that QUIC gives late leaves behind what waits.
        queue.plan(plan([75, 95, 96]), start + 66 * MS);
        assert_eq!(times(&mut queue, &[1000], start, 67), [90]);
    }

    fn waiting() -> (Departures, UdpSocket) {
        let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let socket = Arc::new(Socket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap());
        (Departures::new(socket).unwrap(), peer)
    }

    fn send(departures: &Departures, peer: &UdpSocket, contents: &[u8]) -> bool {
        let destination = peer.local_addr().unwrap();
        departures.send(&Transmit { destination, ecn: None, contents, segment_size: None, src_ip: None }).unwrap()
    }

    #[test]
    fn nothing_leaves_before_its_time_and_all_in_order() {
        let (departures, peer) = waiting();
        let start = Instant::now();
        let planned: Vec<Instant> = (0..20).map(|number| start + (20 + 7 * number) * MS).collect();
        departures.plan(planned.iter().map(|at| (100, *at)));
        for number in 0..20 {
            assert!(send(&departures, &peer, &[number; 100]));
        }
        assert!(send(&departures, &peer, b"end"));
        let mut bytes = [0; 200];
        for (number, at) in planned.iter().enumerate() {
            let length = peer.recv(&mut bytes).unwrap();
            assert!(Instant::now() >= *at && length == 100 && usize::from(bytes[0]) == number);
        }
        assert_eq!(peer.recv(&mut bytes).unwrap(), 3);
        // Nothing is planned or waits.
        assert!(!send(&departures, &peer, &[1; 100]));
    }

    #[test]
    fn what_is_dropped_does_not_leave_and_what_follows_does() {
        let (departures, peer) = waiting();
        departures.plan([(100, Instant::now() + 3600 * 1000 * MS)].into_iter());
        assert!(send(&departures, &peer, &[1; 100]));
        departures.clear();
        assert!(!send(&departures, &peer, b"closing"));
        let mut bytes = [0; 200];
        assert_eq!(peer.recv(&mut bytes).unwrap(), 7);
    }

    #[test]
    fn its_thread_ends_with_it() {
        let (departures, peer) = waiting();
        departures.plan([(1, Instant::now() + 3600 * 1000 * MS)].into_iter());
        assert!(send(&departures, &peer, &[1; 1]));
        let shared = Arc::downgrade(&departures.0);
        drop(departures);
        while shared.strong_count() > 0 {
            thread::yield_now();
        }
    }
}

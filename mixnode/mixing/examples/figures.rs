//! What each part of a mix costs: time on one core, memory.
//!
//! `cargo run --release -p mimiq-mixing --example figures`
#![allow(clippy::unwrap_used, reason = "an example ends at the first error")]

use std::fs;
use std::hint::black_box;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use aws_lc_rs::agreement::{PrivateKey, X25519};
use mimiq_mixing::link::{Ends, Incoming, LinkError, OVERHEAD, Outgoing};
use mimiq_mixing::udp::{Udp, wait_exactly};
use mimiq_mixing::{Aqm, PoissonClock, Queue, ReplayGuard};
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Bytes of a packet by default.
const PACKET: usize = 1136;

fn main() {
    replay();
    queue();
    link();
    small();
    let mut udp = udp();
    timer(&mut udp);
}

/// The shortest of five times, in nanoseconds for each of `count`.
fn best(count: usize, mut run: impl FnMut()) -> f64 {
    let once = || {
        let start = Instant::now();
        run();
        start.elapsed().as_nanos() as f64 / count as f64
    };
    std::iter::repeat_with(once).take(5).fold(f64::INFINITY, f64::min)
}

fn replay() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let tags: Vec<[u8; 16]> = (0..1_000_000).map(|_| rng.random()).collect();
    for batch in [8, 64] {
        let mut memory = 0;
        let mut verdicts = Vec::new();
        let time = best(tags.len(), || {
            let dir = tempfile::tempdir().unwrap();
            let (mut guard, _) = ReplayGuard::open(&dir.path().join("1.replay"), 1, [1; 16], tags.len()).unwrap();
            for tags in tags.chunks(batch) {
                verdicts.clear();
                guard.admit(tags, &mut verdicts).unwrap();
            }
            memory = guard.memory();
        });
        println!("replay: {time:.0} ns a tag in batches of {batch}, log included; {memory} bytes for a million tags");
    }
}

fn queue() {
    const PENDING: u64 = 100_000;
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let packet = [7; PACKET];
    let before = resident();
    let mut queue = Queue::new(PENDING as u32 + 1, PACKET);
    for place in 0..PENDING {
        queue.push(rng.random_range(0..1_000_000_000), place, &packet).unwrap();
    }
    let memory = (resident() - before) / PENDING as usize;
    let delays: Vec<u64> = (0..PENDING).map(|_| rng.random_range(0..1_000_000_000)).collect();
    let time = best(delays.len(), || {
        for delay in &delays {
            let now = queue.next().unwrap();
            queue.pop(now, |_, _, packet| {
                black_box(packet);
            });
            queue.push(now + delay, 0, &packet).unwrap();
        }
    });
    println!("queue: {time:.0} ns to push and pop with {PENDING} waiting, copying included; {memory} bytes a packet");
}

/// Bytes of memory in use.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn link() {
    let public = |secret: &[u8; 32]| -> [u8; 32] {
        let key = PrivateKey::from_private_key(&X25519, secret).unwrap().compute_public_key().unwrap();
        key.as_ref().try_into().unwrap()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (a, b) = ([1; 32], [2; 32]);
    let ends = Ends { sender: [1; 16], receiver: [2; 16] };
    let mut outgoing = Outgoing::new(&a, &public(&b), ends, 1, &mut rng).unwrap();
    let mut incoming = Incoming::new(b, ends.receiver, 1);
    incoming.insert(ends.sender, &public(&a)).unwrap();
    let mut sealed = vec![Vec::new(); 10_000];
    let seal = best(sealed.len(), || sealed.iter_mut().for_each(|place| outgoing.seal(&[7; PACKET], place).unwrap()));
    // In place: each can be opened once. The copies are not timed.
    let mut open = f64::INFINITY;
    for _ in 0..5 {
        sealed.iter_mut().for_each(|place| outgoing.seal(&[7; PACKET], place).unwrap());
        let start = Instant::now();
        sealed.iter_mut().for_each(|datagram| assert!(incoming.open(0, datagram).is_ok()));
        open = open.min(start.elapsed().as_nanos() as f64 / sealed.len() as f64);
    }
    let forged = best(sealed.len(), || {
        for datagram in &mut sealed {
            outgoing.seal(&[7; PACKET], datagram).unwrap();
            rng.fill_bytes(&mut datagram[21..37]);
            assert_eq!(incoming.open(0, datagram), Err(LinkError::Forged));
        }
    });
    println!(
        "link: {seal:.0} ns to seal {PACKET} bytes, {open:.0} ns to open, {:.0} ns for a forged salt; {OVERHEAD} bytes added",
        forged - seal
    );
}

fn small() {
    const TIMES: u64 = 1_000_000;
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut aqm = Aqm::new(1_000_000);
    let aqm = best(TIMES as usize, || {
        for n in 0..TIMES {
            black_box(aqm.admit(n * 1000, n * 500, &mut rng));
        }
    });
    let mut clock = PoissonClock::new(1000.0, 0, &mut rng).unwrap();
    let clock = best(TIMES as usize, || {
        for _ in 0..TIMES {
            black_box(clock.fire(clock.next(), 1, &mut rng));
        }
    });
    println!("aqm: {aqm:.0} ns a packet; clock: {clock:.0} ns a firing");
}

fn udp() -> Udp {
    let udp = || Udp::new(UdpSocket::bind("127.0.0.1:0").unwrap(), PACKET + OVERHEAD, 1 << 22).unwrap();
    let (mut from, mut to) = (udp(), udp());
    let address = to.socket().local_addr().unwrap();
    let datagrams = vec![(address, vec![7; PACKET + OVERHEAD]); 64];
    let (mut sending, mut receiving) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..1000 {
        let start = Instant::now();
        assert_eq!(from.send(&datagrams).sent, 64);
        let sent = start.elapsed();
        let start = Instant::now();
        assert_eq!(
            to.receive(|received| {
                black_box(received);
            })
            .unwrap(),
            64
        );
        sending = sending.min(sent.as_nanos() as f64 / 64.0);
        receiving = receiving.min(start.elapsed().as_nanos() as f64 / 64.0);
    }
    println!("udp: {sending:.0} ns to send a datagram over loopback in batches of 64, {receiving:.0} ns to receive it");
    to
}

/// How late a thread is that waits for the socket and for a Poisson clock of 1,000 firings per second.
fn timer(udp: &mut Udp) {
    wait_exactly().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let start = Instant::now();
    let now = || start.elapsed().as_nanos() as u64;
    let mut clock = PoissonClock::new(1000.0, now(), &mut rng).unwrap();
    let mut late = Vec::new();
    while late.len() < 5000 {
        let next = clock.next();
        let at = now();
        if at < next {
            udp.wait(Duration::from_nanos(next - at)).unwrap();
            continue;
        }
        late.push((at - next) as f64 / 1000.0);
        clock.fire(next, 1, &mut rng);
    }
    late.sort_by(f64::total_cmp);
    let [median, p99, most] = [0.5, 0.99, 1.0].map(|q| late[((late.len() - 1) as f64 * q) as usize]);
    println!("timer: {median:.0} µs late in the median, {p99:.0} µs at p99, at most {most:.0} µs");
}

//! Datagrams over loopback.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use mimiq_mixing::udp::{BATCH, Received, Sent, Udp};

const SIZE: usize = 1200;
const LONG: Duration = Duration::from_secs(10);

fn udp(bind: &str, kernel: usize) -> Udp {
    Udp::new(UdpSocket::bind(bind).unwrap(), SIZE, kernel).unwrap()
}

fn address(udp: &Udp) -> SocketAddr {
    udp.socket().local_addr().unwrap()
}

/// Thousands, of all sizes, in both families: what is sent comes, whole, in order, with its sender's address.
#[test]
fn datagrams_arrive() {
    for bind in ["127.0.0.1:0", "[::1]:0"] {
        let (mut a, mut b) = (udp(bind, 1 << 20), udp(bind, 1 << 20));
        let (from, to) = (address(&a), address(&b));
        let all: Vec<Vec<u8>> = (0..6000usize).map(|n| vec![n as u8; n % (SIZE + 1)]).collect();
        let mut arrived = Vec::new();
        // More than one system call's, less than the kernel's buffer.
        for group in all.chunks(BATCH + 7) {
            let datagrams: Vec<_> = group.iter().map(|datagram| (to, datagram)).collect();
            assert_eq!(a.send(&datagrams), Sent { sent: group.len(), ..Sent::default() });
            let until = arrived.len() + group.len();
            while arrived.len() < until {
                assert!(b.wait(LONG).unwrap(), "{} of {until} came", arrived.len());
                b.receive(|received| {
                    assert_eq!(received.from, from);
                    assert!(received.age < 60_000_000_000, "{} ns", received.age);
                    arrived.push(received.datagram.to_vec());
                })
                .unwrap();
            }
        }
        assert_eq!(arrived, all);
        assert_eq!(b.receive(|_| panic!("there was one more")).unwrap(), 0);
        assert!(!b.wait(Duration::ZERO).unwrap());
    }
}

/// What is not wanted yet stays with the kernel, in order.
#[test]
fn no_more_are_taken_than_wanted() {
    let (mut a, mut b) = (udp("127.0.0.1:0", 1 << 20), udp("127.0.0.1:0", 1 << 20));
    let datagrams: Vec<_> = (0..5).map(|number| (address(&b), [number])).collect();
    assert_eq!(a.send(&datagrams).sent, 5);
    assert!(b.wait(LONG).unwrap());
    let mut arrived = Vec::new();
    for (most, expected) in [(0, 0), (2, 2), (2, 2), (2, 1), (2, 0)] {
        assert_eq!(b.receive_up_to(most, |received| arrived.push(received.datagram[0])).unwrap(), expected);
    }
    assert_eq!(arrived, [0, 1, 2, 3, 4]);
}

/// The age grows while a datagram waits in the kernel.
#[test]
fn the_age_is_what_it_waited() {
    let (mut a, mut b) = (udp("127.0.0.1:0", 1 << 20), udp("127.0.0.1:0", 1 << 20));
    a.send(&[(address(&b), [1])]);
    assert!(b.wait(LONG).unwrap());
    // Nothing comes to the other socket: this waits.
    assert!(!a.wait(Duration::from_millis(20)).unwrap());
    let mut age = 0;
    b.receive(|received| age = received.age).unwrap();
    assert!(age >= 20_000_000, "{age} ns");
}

#[test]
fn what_is_too_long_is_dropped() {
    let (mut a, mut b) = (udp("127.0.0.1:0", 1 << 20), udp("127.0.0.1:0", 1 << 20));
    let to = address(&b);
    a.send(&[(to, vec![1; SIZE + 1]), (to, vec![2; SIZE]), (to, vec![3; 9000])]);
    let (mut read, mut kept) = (0, 0);
    while read < 3 {
        assert!(b.wait(LONG).unwrap());
        read += b
            .receive(|Received { datagram, .. }| {
                assert_eq!(datagram, [2; SIZE]);
                kept += 1;
            })
            .unwrap();
    }
    assert_eq!((kept, b.too_long()), (1, 2));
}

/// One that the kernel refuses costs the others nothing.
#[test]
fn what_cannot_be_sent_is_counted() {
    let (mut a, mut b) = (udp("127.0.0.1:0", 1 << 20), udp("127.0.0.1:0", 1 << 20));
    let to = address(&b);
    let other_family: SocketAddr = "[::1]:9".parse().unwrap();
    let datagrams = [(to, vec![1]), (other_family, vec![2]), (to, vec![3; 70_000]), (to, vec![4])];
    assert_eq!(a.send(&datagrams), Sent { sent: 2, full: 0, refused: 2 });
    let mut arrived = Vec::new();
    while arrived.len() < 2 {
        assert!(b.wait(LONG).unwrap());
        b.receive(|received| arrived.push(received.datagram[0])).unwrap();
    }
    assert_eq!(arrived, [1, 4]);
    assert_eq!(a.send::<[u8; 0]>(&[]), Sent::default());
}

/// Nobody reads: the receiver's buffer fills up, the sender neither waits nor fails.
#[test]
fn a_reader_that_stalls_does_not_stall_the_sender() {
    let (mut a, mut b) = (udp("127.0.0.1:0", 1 << 20), udp("127.0.0.1:0", 4096));
    let datagrams = vec![(address(&b), vec![7; SIZE]); 5000];
    let sent = a.send(&datagrams);
    assert_eq!(sent.sent + sent.full + sent.refused, 5000);
    let mut arrived = 0;
    while b.receive(|_| arrived += 1).unwrap() > 0 {}
    assert!((1..5000).contains(&arrived), "{arrived}");
}

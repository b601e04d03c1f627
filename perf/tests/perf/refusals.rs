//! What cannot be measured is said, whatever comes from the wire.

use std::{
    net::UdpSocket,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use mimiq_contract::{
    PortId,
    relay::{Direction, RelayHeader},
    wellknown::RELAY_PORT,
};
use mimiq_controller::pki::{self, Kind};
use mimiq_perf::{Options, run::run};
use rand::RngCore as _;

use crate::common::{Choice, Network, loopback, measure};

fn failure(options: &Options) -> String {
    format!("{:#}", run(options, |_| ()).unwrap_err())
}

#[test]
fn clients_that_are_enrolled_already_are_used_and_must_be_enough() {
    let network = Network::start(Choice::default());
    for name in ["alice", "bob", "carol"] {
        pki::enrol(&network.pki(), Kind::Client, name).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(network.pki()).unwrap().map(Result::unwrap) {
        // The controller's own certificate and an operator's are there as well.
        if file.file_name() != "ca.key" {
            std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
    }
    let mut options = network.options();
    (options.pki, options.clients, options.first) = (folder.path().into(), 2, 1);
    assert_eq!(measure(&options).0.acquire.done, 60);
    options.clients = 3;
    let message = failure(&options);
    assert!(message.contains("3 clients are enrolled, 4 are needed"), "{message}");
    options.pki = folder.path().join("none");
    let message = failure(&options);
    assert!(message.contains("none/ca.pem"), "{message}");
}

#[test]
fn without_an_answer_no_client_is_connected() {
    let network = Network::start(Choice::default());
    let mut options = network.options();
    options.controller.set_ip(loopback().into());
    options.connect_timeout = Duration::from_millis(300);
    let message = failure(&options);
    assert!(message.contains(&format!("--controller {}: none of 6 clients", options.controller)), "{message}");
    options.relays[1].address = "192.0.2.1".parse().unwrap();
    let message = failure(&options);
    assert!(message.contains("--relay 2@192.0.2.1: "), "{message}");
}

#[test]
fn garbage_from_the_controllers_address_does_no_harm() {
    let network = Network::start(Choice::default());
    let mut options = network.options();
    options.controller.set_ip(loopback().into());
    options.connect_timeout = Duration::from_secs(1);
    let socket = UdpSocket::bind(options.controller).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let relays = options.relays.clone();
    let over = Arc::new(AtomicBool::new(false));
    let stop = over.clone();
    // Each datagram of a client comes back as it is, as if from the controller, and damaged, and with noise.
    let echo = thread::spawn(move || {
        let (mut buffer, mut echoed) = ([0; 2048], 0u64);
        while !stop.load(Ordering::Relaxed) {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
            for relay in &relays {
                let mut noise = [0; 300];
                rand::rng().fill_bytes(&mut noise);
                let header = RelayHeader { direction: Direction::ToClient, sid: relay.sid, port: PortId(1) };
                let mut back = buffer[..length].to_vec();
                back[..8].copy_from_slice(&header.emit());
                swap(&mut back);
                for bytes in
                    [&buffer[..length], &back, &back[..length / 2], &noise, &[&header.emit()[..], &noise].concat()]
                {
                    let _ = socket.send_to(bytes, (relay.address, RELAY_PORT));
                }
                let at = rand::rng().next_u32() as usize % length;
                back[at] ^= 0x55;
                let _ = socket.send_to(&back, from);
            }
            echoed += 1;
        }
        echoed
    });
    let message = failure(&options);
    over.store(true, Ordering::Relaxed);
    assert!(echo.join().unwrap() > 0);
    assert!(message.contains("none of 6 clients"), "{message}");
}

/// Turns a client's wrapped frame round: source and destination of Ethernet, IPv6 and UDP.
fn swap(frame: &mut [u8]) {
    let ethernet = 8;
    let ip = ethernet + 14;
    for (a, b, length) in [(ethernet, ethernet + 6, 6), (ip + 8, ip + 24, 16), (ip + 40, ip + 42, 2)] {
        for n in 0..length {
            frame.swap(a + n, b + n);
        }
    }
}

#[test]
fn the_command_prints_tables_and_json() {
    let network = Network::start(Choice::default());
    let options = network.options();
    let command = |more: &[&str]| {
        let relays = options.relays.iter().flat_map(|r| ["--relay".into(), format!("{}@{}", r.sid, r.address)]);
        let output = Command::new(env!("CARGO_BIN_EXE_mimiq-perf"))
            .args(["--controller", &options.controller.ip().to_string()])
            .args(["--pki", network.pki().to_str().unwrap(), "--clients", "4", "--requests", "20"])
            .args(["--watch", &std::process::id().to_string()])
            .args(relays)
            .args(more)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (success, out, err) = command(&["--json"]);
    assert!(success, "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["acquire"]["done"], &report["acquire"]["addresses"]), (&20.into(), &320.into()));
    assert!(report["cpu"]["watched"][0]["memory"].as_u64().unwrap() > 0);
    assert!(err.contains("4 clients are connected"), "{err}");

    let (success, out, err) = command(&["--quiet", "--first", "4"]);
    assert!(success && err.is_empty(), "{err}");
    assert!(out.contains("acquire       20 offered, 20 done with 320 addresses, 0 lost"), "{out}");
    let (success, out, err) = command(&["--ipv6", "0"]);
    assert!(!success && out.is_empty());
    assert_eq!(err, "mimiq-perf: --ipv6 0 --ipv4 0: a request asks for at least one address\n");
}

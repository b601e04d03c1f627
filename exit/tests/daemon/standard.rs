//! A client that was written by others: aioquic, driven by `client.py`. Its CONNECT has neither scheme nor path, as RFC 9114 asks.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::process::{Files, Process, tcp_echo, udp_echo};

/// What `client.py` tries.
const SCENARIOS: [&str; 13] = [
    "settings",
    "connect",
    "no token",
    "wrong token",
    "not CONNECT",
    "no such target",
    "private address",
    "closed port",
    "udp datagrams",
    "udp capsules",
    "udp end",
    "capsule too large",
    "datagram of no stream",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aioquic_uses_the_exit() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/venv/testbed/bin/python");
    if !python.exists() {
        let why = format!("skipped: there is no {}: run scripts/setup.sh\n", python.display());
        std::io::stderr().write_all(why.as_bytes()).unwrap();
        return;
    }
    let files = Files::new();
    let process = Process::start(&files).await;
    let (tcp, udp) = (tcp_echo().await, udp_echo().await);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut client = tokio::process::Command::new(python);
    client
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/daemon/client.py"))
        .arg(process.address.port().to_string())
        .arg(files.certificate())
        .arg(&files.token)
        .args([tcp, udp, closed].map(|port| port.to_string()))
        .kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(60), client.output()).await.expect("it hangs").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
    assert_eq!(said.lines().collect::<Vec<_>>(), SCENARIOS);

    let metrics = files.scrape().await;
    for line in [
        "mimiq_exit_tunnels_total{kind=\"tcp\"} 1",
        "mimiq_exit_tunnels_total{kind=\"udp\"} 4",
        "mimiq_exit_refusals_total{reason=\"unauthorized\"} 2",
        "mimiq_exit_refusals_total{reason=\"method\"} 1",
        "mimiq_exit_refusals_total{reason=\"target\"} 1",
        "mimiq_exit_refusals_total{reason=\"address\"} 1",
        "mimiq_exit_refusals_total{reason=\"refused\"} 1",
        "mimiq_exit_tunnels_ended_total{kind=\"tcp\",reason=\"complete\"} 1",
        "mimiq_exit_tunnels_ended_total{kind=\"udp\",reason=\"capsules\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    // Neither clients, nor where they go, nor who they are.
    let log = process.terminate().await;
    assert!(log.contains("stopping"), "{log}");
    let quiet = log.lines().filter(|line| !line.contains("ready listen=")).collect::<String>() + &metrics;
    for secret in ["127.0.0.1", "10.255", "localhost", "alice", &files.token, &udp.to_string()] {
        assert!(!quiet.contains(secret), "{secret}: {quiet}");
    }
}

//! What the chaos switch does to requests, in front of the software switch, and of BMv2.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests count as no tests

mod bench;

use std::{env, fs, net::SocketAddr, path::Path, process::Stdio, time::Duration};

use bench::{Bench, gateway, open};
use mimiq_chaos::{
    fault::Rpc,
    harness::{
        PATIENCE, eventually,
        network::{Network, Pools, Spec},
        p4::Reader,
        programs::Programs,
        say,
    },
    proxy::Phase,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::timeout,
};
use tonic::Code;

/// In front of a software switch, which ends with what is returned.
async fn software() -> ((Network, TempDir), Bench) {
    let dir = tempfile::tempdir().unwrap();
    let spec = Spec { switches: &[("access1", Some(1))], chaos: false, ..Spec::quick(Pools::Aliases) };
    let network = Network::start(dir.path(), &Programs::find().unwrap(), &spec, &[], 1).await.unwrap();
    let bench = Bench::start(network.switches[0].address, Vec::new()).await;
    ((network, dir), bench)
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_wrong_as_told() {
    let (_switch, mut bench) = software().await;
    bench.insert(0..5).await.unwrap();
    assert_eq!(bench.present(0..5).await.len(), 5);

    bench.faults("write:refuse=1");
    assert_eq!(bench.insert(10..15).await, Err((Code::Unavailable, vec![])));
    assert!(bench.present(10..15).await.is_empty());

    for (fault, code) in [("lose", Code::Unavailable), ("exhaust", Code::ResourceExhausted)] {
        bench.faults("");
        let first = if fault == "lose" { 20 } else { 30 };
        bench.faults(&format!("write:{fault}=1"));
        assert_eq!(bench.insert(first..first + 5).await, Err((code, vec![])));
        assert_eq!(bench.present(first..first + 5).await.len(), 5, "{fault}");
    }

    bench.faults("write:half=1");
    let (code, details) = bench.insert(100..200).await.unwrap_err();
    let written = bench.present(100..200).await;
    assert!((20..80).contains(&written.len()), "{}", written.len());
    let told: Vec<u16> =
        (100..).zip(&details).filter(|(_, code)| **code == Code::Ok).map(|(number, _)| number).collect();
    assert_eq!((code, details.len(), told), (Code::Unknown, 100, written));

    bench.faults("write:break=1");
    assert_eq!(bench.insert(200..300).await, Err((Code::Unknown, vec![])));
    assert!((20..80).contains(&bench.present(200..300).await.len()));

    bench.faults("write:shuffle=1");
    // The first five are there already.
    let (_, details) = bench.insert(0..10).await.unwrap_err();
    let there: Vec<bool> = details.iter().map(|code| *code == Code::AlreadyExists).collect();
    assert_eq!(there, [vec![true; 5], vec![false; 5]].concat());

    bench.faults("write:duplicate=1");
    let mut heard = Vec::new();
    for n in 400..440 {
        heard.push(bench.insert(n..n + 1).await.is_ok());
    }
    assert!(heard.contains(&true) && heard.contains(&false), "one of two answers");
    assert_eq!(bench.present(400..440).await.len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_write_outlives_its_controller() {
    let (_switch, mut bench) = software().await;
    bench.faults("write:delay=1");
    let gone = timeout(Duration::from_millis(1), bench.insert(0..5)).await;
    assert!(gone.is_err() || bench.present(0..5).await.len() == 5);
    eventually("the write", async || (bench.present(0..5).await.len() == 5).then_some(())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_break_off_and_come_in_any_order() {
    let (_switch, mut bench) = software().await;
    bench.insert(0..500).await.unwrap();
    let address = bench.chaos.address;
    let reader = Reader::new(address, 1).unwrap();
    bench.faults("read:shuffle=1");
    assert_eq!(reader.tables().await.unwrap(), bench.reader.tables().await.unwrap());
    bench.faults("read:break=1");
    assert_eq!(reader.tables().await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_and_connections_are_cut() {
    let (_switch, mut bench) = software().await;
    bench.chaos.cut();
    let lost = timeout(Duration::from_secs(10), bench.stream.message()).await.expect("the stream goes on");
    assert!(lost.is_err(), "{lost:?}");

    bench.faults("stream:end=1");
    // The switch has seen the first stream end before it takes its ID from another.
    let mut client = bench.client.clone();
    let (mut stream, _requests) =
        eventually("a new stream", async || open(&mut client.clone()).await.ok()).await.unwrap();
    let ended = timeout(Duration::from_secs(10), stream.message()).await.expect("the stream goes on");
    assert_eq!(ended.unwrap_err().code(), Code::Unavailable);

    bench.faults("stream:refuse=1");
    assert_eq!(open(&mut client).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trapped_request_waits_until_it_is_let_go() {
    let (_switch, mut bench) = software().await;
    for (phase, first) in [(Phase::Arrived, 0), (Phase::Answered, 10)] {
        let trap = bench.chaos.trap(Rpc::Write, phase, 0);
        let reader = bench.reader.clone();
        let (written, there) = tokio::join!(bench.insert(first..first + 1), async {
            let held = trap.await.unwrap();
            let there = reader.entries(&[gateway(first).key()]).await.unwrap().len();
            drop(held);
            there
        });
        written.unwrap();
        assert_eq!(there, usize::from(phase == Phase::Answered));
        assert_eq!(bench.present(first..first + 1).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_in_front_of_bmv2() {
    let paths = env::var_os("PATH").unwrap_or_default();
    if !env::split_paths(&paths).any(|folder| folder.join("simple_switch_grpc").exists()) {
        return say("skipped: simple_switch_grpc not found");
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = free.local_addr().unwrap();
    drop(free);
    // Its output is a pipe, in which lines wait for others; and it must not outlive the test, however that ends.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "stdbuf", "-oL", "simple_switch_grpc", "--no-p4", "--device-id", "1"]);
    // Builds with Thrift have a second server, whose fixed port only one of them can have.
    let help = Command::new("simple_switch_grpc").arg("--help").output().await.unwrap();
    if String::from_utf8_lossy(&help.stdout).contains("--thrift-port") {
        command.args(["--thrift-port", "0"]);
    }
    command.args(["--", "--grpc-server-addr", &address.to_string()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let listens =
        async { while !lines.next_line().await.unwrap().expect("it ended").starts_with("Server listening on") {} };
    timeout(PATIENCE, listens).await.expect("simple_switch_grpc does not listen");

    let program = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../p4/mimiq.json")).unwrap();
    let mut bench = Bench::start(address, program).await;
    bench.insert(0..5).await.unwrap();
    bench.faults("write:half=1");
    let (code, details) = bench.insert(100..200).await.unwrap_err();
    let told = (100..).zip(&details).filter(|(_, code)| **code == Code::Ok).map(|(number, _)| number);
    assert_eq!((code, told.collect::<Vec<u16>>()), (Code::Unknown, bench.present(100..200).await));
    bench.faults("write:shuffle=1");
    // The first five are there already.
    let (_, details) = bench.insert(0..10).await.unwrap_err();
    let there: Vec<bool> = details.iter().map(|code| *code == Code::AlreadyExists).collect();
    assert_eq!(there, [vec![true; 5], vec![false; 5]].concat());
    bench.faults("read:shuffle=1");
    let reader = Reader::new(bench.chaos.address, 1).unwrap();
    assert_eq!(reader.tables().await.unwrap(), bench.reader.tables().await.unwrap());
}

//! quiet-logs: no client address or MAC in logs above DEBUG, whatever a controller writes. (Packets leave no logs at all: the
//! pipeline has none.)

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use p4runtime::v1::{
    MasterArbitrationUpdate, PacketOut, StreamMessageRequest, TableEntry, Uint128, p4_runtime_client::P4RuntimeClient,
    set_forwarding_pipeline_config_request::Action, stream_message_request, update::Type,
};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::common::{DEVICE, contract, samples, set_config, update, write};

fn message(update: stream_message_request::Update) -> StreamMessageRequest {
    StreamMessageRequest { update: Some(update) }
}

fn claim(device_id: u64) -> StreamMessageRequest {
    let election_id = Some(Uint128 { high: 0, low: 1 });
    let claim = MasterArbitrationUpdate { device_id, election_id, ..Default::default() };
    message(stream_message_request::Update::Arbitration(claim))
}

/// Entries that a switch refuses, each with a client's address or MAC.
fn refused() -> Vec<TableEntry> {
    let mut entries: Vec<_> = samples().into_iter().map(|(entry, _)| entry.to_p4()).collect();
    for entry in &mut entries {
        entry.priority = 7;
    }
    entries
}

#[tokio::test]
async fn logs_name_no_client_address() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switch.yaml");
    std::fs::write(&file, format!("device_id: {DEVICE}\nlisten: \"[::1]:0\"\nports: []\n")).unwrap();
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_mimiq-switch"))
        .args(["run", "--config"])
        .arg(&file)
        .args(["--log", "info"])
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut log = String::new();
    let address = loop {
        let mut line = String::new();
        assert_ne!(stderr.read_line(&mut line).await.unwrap(), 0, "not ready:\n{log}");
        log += &line;
        if let Some((_, rest)) = line.split_once("listen=") {
            break rest.split_whitespace().next().unwrap().to_owned();
        }
    };

    let mut client = P4RuntimeClient::connect(format!("http://{address}")).await.unwrap();
    for broken in [claim(DEVICE + 1), StreamMessageRequest { update: None }] {
        let mut stream = client.stream_channel(tokio_stream::iter([broken])).await.unwrap().into_inner();
        stream.message().await.unwrap_err();
    }
    let packet = message(stream_message_request::Update::Packet(PacketOut::default()));
    let messages = tokio_stream::StreamExt::chain(tokio_stream::iter([claim(DEVICE), packet]), tokio_stream::pending());
    let mut stream = client.stream_channel(messages).await.unwrap().into_inner();
    for _ in 0..2 {
        stream.message().await.unwrap().unwrap();
    }
    client.set_forwarding_pipeline_config(set_config(Action::VerifyAndCommit, Some(contract()))).await.unwrap();
    let all = |kind| samples().iter().map(|(entry, _)| update(kind, entry.to_p4())).collect();
    client.write(write(all(Type::Insert))).await.unwrap();
    client.write(write(all(Type::Insert))).await.unwrap_err();
    client.write(write(refused().into_iter().map(|entry| update(Type::Insert, entry)).collect())).await.unwrap_err();
    client.write(write(all(Type::Delete))).await.unwrap();
    client.write(write(all(Type::Delete))).await.unwrap_err();
    drop((stream, client));

    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let rest = stderr.read_to_string(&mut log);
    tokio::time::timeout(Duration::from_secs(20), rest).await.unwrap().unwrap();
    assert!(child.wait().await.unwrap().success(), "{log}");

    for expected in ["primary", "stream closed", "shutting down"] {
        assert!(log.contains(expected), "{expected:?} is not in\n{log}");
    }
    // Those of `samples`, as text and as bytes of a message.
    for address in ["fd00::", "192.0.2.", "10.0.0.", "02:00:00:00:00:", "[253, 0,", "[192, 0, 2", "[2, 0, 0, 0"] {
        assert!(!log.contains(address), "{address} in\n{log}");
    }
}

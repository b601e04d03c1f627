//! What an application may do wrong on the Unix socket.

use std::time::Duration;

use mimiq_agent::local;
use mimiq_agent::sdk::{Agent, AgentError};
use mimiq_api::framing;
use mimiq_api::local::{
    AgentMessage, AppRequest, Choose, GetStatus, Reclaim, Report, Return, Take, agent_message, app_request,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use crate::support::agent::TestAgent;

async fn message(stream: &mut UnixStream) -> agent_message::Message {
    framing::read::<AgentMessage>(stream).await.unwrap().unwrap().message.unwrap()
}

async fn refusal(stream: &mut UnixStream) -> String {
    match message(stream).await {
        agent_message::Message::Refused(refused) => refused.message,
        other => panic!("{other:?}"),
    }
}

async fn send(stream: &mut UnixStream, request: app_request::Request) {
    framing::write(stream, &AppRequest { request: Some(request) }).await.unwrap();
}

#[tokio::test]
async fn broken_frames_are_refused_and_end_the_connection() {
    let agent = TestAgent::start(Duration::from_secs(600));
    for (bytes, expected) in [
        (&[0xff, 0xff, 0xff, 0xff][..], "frame length: 4294967295"),
        (&[0, 0, 0, 3, 0xff, 0xff, 0xff][..], "frame of 3 bytes"),
    ] {
        let mut stream = UnixStream::connect(&agent.socket).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let refused = refusal(&mut stream).await;
        assert!(refused.contains(expected), "{refused}");
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    }
    // Nobody else is affected.
    let other = Agent::connect(&agent.socket).await.unwrap();
    other.take(4, Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_by_field_and_value() {
    let agent = TestAgent::start(Duration::from_secs(600));
    let mut stream = UnixStream::connect(&agent.socket).await.unwrap();
    for (request, expected) in [
        (app_request::Request::Take(Take { ip_version: 5, wait_ms: 0 }), "take.ip_version: 5"),
        (app_request::Request::Take(Take { ip_version: 6, wait_ms: 0 }), "take.ip_version: V6"),
        (app_request::Request::Return(Return { address: vec![1, 2] }), "return.address: 2 bytes"),
        (app_request::Request::Return(Return { address: vec![127, 0, 0, 1] }), "127.0.0.1 is not held"),
        (app_request::Request::Return(Return { address: vec![0; 16] }), ":: is not held"),
        (app_request::Request::Reclaim(Reclaim { addresses: vec![vec![0; 4], vec![1]] }), "reclaim.addresses: 1 bytes"),
        (app_request::Request::Reclaim(Reclaim { addresses: vec![vec![0; 4]; 1001] }), "reclaim.addresses: 1001"),
    ] {
        send(&mut stream, request).await;
        let refused = refusal(&mut stream).await;
        assert!(refused.contains(expected), "{refused}");
    }
    let choose =
        Choose { application: "a".into(), address: vec![127, 0, 0, 1], port: 443, server_name: "localhost".into() };
    let report = Report { application: "a".into(), policy: "never".into(), ..Report::default() };
    for (request, expected) in [
        (
            app_request::Request::Choose(Choose { application: String::new(), ..choose.clone() }),
            "choose.application: 0 characters",
        ),
        (app_request::Request::Choose(Choose { address: vec![1], ..choose.clone() }), "choose.address: 1 bytes"),
        (app_request::Request::Choose(Choose { port: 65_536, ..choose.clone() }), "choose.port: 65536"),
        (
            app_request::Request::Report(Report { policy: "every_packets: 0".into(), ..report }),
            "report.policy.every_packets: 0: at least 1",
        ),
    ] {
        send(&mut stream, request).await;
        let refused = refusal(&mut stream).await;
        assert!(refused.contains(expected), "{refused}");
    }
    send(&mut stream, app_request::Request::Choose(choose)).await;
    assert!(
        matches!(message(&mut stream).await, agent_message::Message::Chosen(chosen) if chosen.policy == "per_connection")
    );
    send(&mut stream, app_request::Request::GetStatus(GetStatus {})).await;
    assert!(matches!(message(&mut stream).await, agent_message::Message::Status(status) if status.usage.is_empty()));
    framing::write(&mut stream, &AppRequest { request: None }).await.unwrap();
    assert!(refusal(&mut stream).await.contains("request: missing"));
    send(&mut stream, app_request::Request::Take(Take { ip_version: 4, wait_ms: 5000 })).await;
    assert!(matches!(message(&mut stream).await, agent_message::Message::Taken(_)));
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_requests() {
    let agent = TestAgent::start(Duration::from_secs(600));
    let mut stream = UnixStream::connect(&agent.socket).await.unwrap();
    for _ in 0..20 {
        send(&mut stream, app_request::Request::Take(Take { ip_version: 4, wait_ms: 5000 })).await;
        send(&mut stream, app_request::Request::Return(Return { address: vec![9] })).await;
    }
    let mut addresses = std::collections::HashSet::new();
    for _ in 0..20 {
        let agent_message::Message::Taken(taken) = message(&mut stream).await else { panic!() };
        assert!(addresses.insert(taken.address), "given twice");
        assert!(refusal(&mut stream).await.contains("1 bytes"));
    }
}

#[tokio::test]
async fn an_agent_that_talks_nonsense_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let client = Agent::connect(&path).await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(&[0, 0, 0, 2, 0xff, 0xff]).await.unwrap();
    assert!(matches!(client.take(6, Duration::ZERO).await, Err(AgentError::Gone)));
}

#[tokio::test]
async fn only_a_dead_agents_socket_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    std::fs::write(&path, "precious").unwrap();
    assert!(local::bind(&path).unwrap_err().to_string().contains("no socket"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");

    let path = directory.path().join("agent.sock");
    let alive = local::bind(&path).unwrap();
    assert!(local::bind(&path).unwrap_err().to_string().contains("another agent"));
    drop(alive);
    local::bind(&path).unwrap();
}

/// More answers than fit into the socket's buffers, all at once.
#[tokio::test]
async fn a_thousand_addresses_go_back_at_once() {
    let test = TestAgent::start(Duration::from_secs(600));
    let agent = Agent::connect(&test.socket).await.unwrap();
    let mut leases = Vec::new();
    for _ in 0..1000 {
        leases.push(agent.take(4, Duration::from_secs(5)).await.unwrap());
    }
    drop(leases);
    let next = agent.take(4, Duration::from_secs(5));
    tokio::time::timeout(Duration::from_secs(10), next).await.expect("neither side reads").unwrap();
}

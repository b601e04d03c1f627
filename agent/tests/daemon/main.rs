//! The daemon as a process in a network namespace of its own, against an allocation server on the other end of a veth pair.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod allocator;
mod away;
mod doctor;
mod namespace;
mod ordinary_user;
mod pki;
mod process;
mod quiet_logs;
mod restart;

use std::net::Ipv6Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use allocator::Allocator;
use mimiq_agent::address;
use mimiq_agent::sdk::{Agent, AgentError};
use mimiq_api::framing;
use mimiq_api::local::{AgentMessage, AppRequest, Take, agent_message, app_request};
use namespace::Namespace;
use pki::Pki;
use process::Process;
use tokio::net::UnixStream;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_first_address_to_the_last() {
    let Some(namespace) = Namespace::new("a") else { return };
    let pki = Pki::new();
    // First nothing is there: neither the link-local address nor the allocation server.
    let mut process = Process::start(&namespace, &pki.configuration(&namespace.inside));
    process.says("no usable IPv6 link-local address").await;
    namespace.up();
    let mut allocator = Allocator::start(&namespace, &pki);
    process.says("ready").await;
    assert_eq!(namespace.local_routes().len(), 2, "four were refused, so it asked for two");

    let agent = Agent::connect(pki.socket()).await.unwrap();
    let first = agent.take(6, Duration::ZERO).await.unwrap();
    let second = agent.take(6, Duration::ZERO).await.unwrap();
    assert_ne!(first.address(), second.address());
    assert_eq!(first.mtu(), 1460);
    let refused = agent.take(4, Duration::ZERO).await.unwrap_err();
    assert!(
        matches!(&refused, AgentError::Refused { message, .. } if message.contains("take.ip_version")),
        "{refused}"
    );

    // What comes back is released.
    let address = second.address();
    drop(second);
    assert_eq!(allocator.released().await, [address]);

    // A revocation reaches the holder.
    let mut expired = first.expired();
    allocator.revoke(first.address());
    tokio::time::timeout(Duration::from_secs(10), expired.wait_for(|expired| *expired)).await.unwrap().unwrap();

    // The allocation server goes away: the stock goes on; it comes back: so does the session.
    allocator.away();
    process.says("living on the stock").await;
    let mut application = UnixStream::connect(pki.socket()).await.unwrap();
    let take = app_request::Request::Take(Take { ip_version: 0, wait_ms: 5000 });
    framing::write(&mut application, &AppRequest { request: Some(take) }).await.unwrap();
    let taken: AgentMessage = framing::read(&mut application).await.unwrap().unwrap();
    let Some(agent_message::Message::Taken(taken)) = taken.message else { panic!("{taken:?}") };
    allocator.back();
    process.says("session: session with the allocation server").await;

    // When an application closes, all that it held goes back.
    let held = address::from_bytes(&taken.address).unwrap();
    let bystander = Agent::connect(pki.socket()).await.unwrap();
    let kept = bystander.take(6, Duration::from_secs(5)).await.unwrap();
    let kept_at = kept.address();
    drop(application);
    while !allocator.released().await.contains(&held) {}

    drop((kept, bystander, agent, first));
    while !allocator.released().await.contains(&kept_at) {}
    let free = namespace.local_routes();
    process.terminate().await;
    let mut last = Vec::new();
    while !free.iter().all(|address| last.contains(&(*address).into())) {
        last.extend(allocator.released().await);
    }
    assert_eq!(namespace.local_routes(), Vec::<Ipv6Addr>::new());
    assert!(!pki.socket().exists() && !pki.leases().exists());
}

#[test]
fn config_check_names_what_is_wrong() {
    let pki = Pki::new();
    let check = |file: &Path| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_mimiq-agent")).args(["config", "check"]).arg(file).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let file = pki.configuration("eth0");
    assert!(check(&file).0);
    std::fs::write(pki.directory.path().join("client.pem"), "nothing").unwrap();
    let (valid, message) = check(&file);
    assert!(!valid && message.contains("pki.certificate") && message.contains("client.pem"), "{message}");
    let text = std::fs::read_to_string(&file).unwrap().replace("high: 4", "high: 1");
    std::fs::write(&file, text).unwrap();
    let (valid, message) = check(&file);
    assert!(!valid && message.contains("stock.high: 1"), "{message}");
}

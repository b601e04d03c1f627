//! quiet-logs: no client address or MAC in logs above DEBUG, whatever goes wrong.

use std::time::Duration;

use mimiq_agent::sdk::Agent;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;

use crate::allocator::Allocator;
use crate::namespace::Namespace;
use crate::pki::Pki;
use crate::process::Process;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_name_no_client_address() {
    let Some(namespace) = Namespace::new("c") else { return };
    let pki = Pki::new();
    let mut process = Process::start(&namespace, &pki.configuration(&namespace.inside));
    process.says("no usable IPv6 link-local address").await;
    namespace.up();
    let mac = namespace.mac();
    let mut allocator = Allocator::start(&namespace, &pki);
    // It asks for more than it gets at first.
    process.says("no addresses granted").await;
    process.says("ready").await;

    let agent = Agent::connect(pki.socket()).await.unwrap();
    let first = agent.take(6, Duration::ZERO).await.unwrap();
    let second = agent.take(6, Duration::ZERO).await.unwrap();
    let addresses = [first.address(), second.address()];
    // The kernel has forgotten the address, and the reply to its release is nonsense.
    namespace.forget(addresses[1]);
    drop(second);
    assert_eq!(allocator.released().await, [addresses[1]]);
    process.says("an address stays local").await;
    allocator.revoke(addresses[0]);
    process.says("revoked addresses").await;
    let mut application = UnixStream::connect(pki.socket()).await.unwrap();
    application.write_all(&[0xff; 64]).await.unwrap();
    process.says("an application's connection failed").await;
    allocator.away();
    process.says("living on the stock").await;
    let log = process.terminate().await;

    assert!(log.contains("did not take addresses back"), "{log}");
    for secret in addresses.iter().map(ToString::to_string).chain([mac]) {
        assert!(!log.contains(&secret), "{secret} in\n{log}");
    }
    // Any other of the allocator's, a link-local address, an address as bytes of a message.
    for secret in ["2001:db8:", "fe80::", "[32, 1, 13, 184"] {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}

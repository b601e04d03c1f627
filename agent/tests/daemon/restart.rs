//! The daemon ends, one way or the other, and starts again while an application lives.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use mimiq_agent::sdk::{Agent, AgentError, Outage};

use crate::allocator::Allocator;
use crate::away::wait_for;
use crate::namespace::Namespace;
use crate::pki::Pki;
use crate::process::Process;

/// Addresses given back until all of these are.
async fn all_released(allocator: &mut Allocator, addresses: impl IntoIterator<Item = IpAddr>) {
    let mut due: HashSet<IpAddr> = addresses.into_iter().collect();
    while !due.is_empty() {
        for address in allocator.released().await {
            due.remove(&address);
        }
    }
}

async fn applications_outlive_the_daemon(tag: &str, kill: bool) {
    let Some(namespace) = Namespace::new(tag) else { return };
    let pki = Pki::new();
    namespace.up();
    let configuration = pki.configuration(&namespace.inside);
    let mut allocator = Allocator::start(&namespace, &pki);
    let mut process = Process::start(&namespace, &configuration);
    process.says("ready").await;
    let agent = Agent::connect(pki.socket()).await.unwrap();
    let mut outage = agent.outage();
    let lease = agent.take(6, Duration::ZERO).await.unwrap();
    let returned = agent.take(6, Duration::from_secs(5)).await.unwrap();
    let returned_at = returned.address();

    if kill {
        process.kill().await;
    } else {
        process.terminate().await;
    }
    wait_for(&mut outage, Some(Outage::AgentAway)).await;
    let IpAddr::V6(held) = lease.address() else { panic!() };
    assert!(namespace.local_routes().contains(&held), "it is in use");
    assert!(matches!(agent.take(6, Duration::ZERO).await, Err(AgentError::Gone)));
    drop(returned);
    let waiting = tokio::spawn({
        let agent = agent.clone();
        async move { agent.take(6, Duration::from_secs(30)).await }
    });

    let mut process = Process::start(&namespace, &configuration);
    process.says("the rest may be reclaimed").await;
    let fresh = waiting.await.unwrap().unwrap();
    wait_for(&mut outage, None).await;
    assert!(![lease.address(), returned_at].contains(&fresh.address()), "no address is given twice");
    // The window in which others might have come is over; what was not reclaimed is released.
    all_released(&mut allocator, [returned_at]).await;
    assert!(!*lease.expired().borrow() && namespace.local_routes().contains(&held));
    // It is the new daemon's like any other.
    drop(lease);
    all_released(&mut allocator, [held.into()]).await;
    let last = fresh.address();
    drop((fresh, agent));
    all_released(&mut allocator, [last]).await;
    process.terminate().await;
    assert_eq!(namespace.local_routes(), Vec::<Ipv6Addr>::new());
    assert!(!pki.leases().exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applications_outlive_a_daemon_that_is_stopped() {
    applications_outlive_the_daemon("e", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applications_outlive_a_daemon_that_is_killed() {
    applications_outlive_the_daemon("f", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leftovers_of_a_killed_agent_are_released() {
    let Some(namespace) = Namespace::new("b") else { return };
    let pki = Pki::new();
    namespace.up();
    let configuration = pki.configuration(&namespace.inside);
    let mut allocator = Allocator::start(&namespace, &pki);
    let mut process = Process::start(&namespace, &configuration);
    process.says("ready").await;
    let old = namespace.local_routes();
    process.kill().await;
    assert_eq!(namespace.local_routes().len(), 2);
    let mut process = Process::start(&namespace, &configuration);
    process.says("kept=2 leftovers=0").await;
    process.says("ready").await;
    all_released(&mut allocator, old.iter().map(|address| (*address).into())).await;
    let new = namespace.local_routes();
    assert!(new.len() == 2 && new.iter().all(|address| !old.contains(address)), "{old:?} {new:?}");

    // Nothing is known of routes without leases.
    process.kill().await;
    std::fs::remove_file(pki.leases()).unwrap();
    let mut process = Process::start(&namespace, &configuration);
    process.says("kept=0 leftovers=2").await;
    process.says("ready").await;
    assert!(namespace.local_routes().iter().all(|address| !new.contains(address)));
    process.terminate().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_that_ended_while_the_host_slept_are_not_vouched_for() {
    let Some(namespace) = Namespace::new("g") else { return };
    let pki = Pki::new();
    namespace.up();
    let configuration = pki.configuration(&namespace.inside);
    let _allocator = Allocator::start(&namespace, &pki);
    let mut process = Process::start(&namespace, &configuration);
    process.says("ready").await;
    let agent = Agent::connect(pki.socket()).await.unwrap();
    let lease = agent.take(6, Duration::ZERO).await.unwrap();
    process.kill().await;

    // Two hours of CLOCK_BOOTTIME later, of which CLOCK_MONOTONIC knows nothing.
    let slept = ["unshare", "--time", "--fork", "--kill-child", "--boottime", "7200"];
    let mut process = Process::start_by(&namespace, &slept, &configuration);
    process.says("kept=0 leftovers=").await;
    let mut expired = lease.expired();
    tokio::time::timeout(Duration::from_secs(20), expired.wait_for(|expired| *expired)).await.unwrap().unwrap();
    process.says("ready").await;
    process.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_takes_nothing_from_the_first() {
    let Some(namespace) = Namespace::new("h") else { return };
    let pki = Pki::new();
    namespace.up();
    let configuration = pki.configuration(&namespace.inside);
    let _allocator = Allocator::start(&namespace, &pki);
    let mut process = Process::start(&namespace, &configuration);
    process.says("ready").await;
    let routes = namespace.local_routes();
    let mut second = Process::start(&namespace, &configuration);
    second.says("another agent listens here").await;
    assert_eq!(namespace.local_routes(), routes);
    process.terminate().await;
}

//! The controller is away until the stock is used up, and applications are told.

use std::time::Duration;

use mimiq_agent::sdk::{Agent, AgentError, Outage};
use tokio::sync::watch;

use crate::allocator::Allocator;
use crate::namespace::Namespace;
use crate::pki::Pki;
use crate::process::Process;

pub(crate) async fn wait_for(outage: &mut watch::Receiver<Option<Outage>>, expected: Option<Outage>) {
    let found = outage.wait_for(|outage| *outage == expected);
    tokio::time::timeout(Duration::from_secs(20), found).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applications_learn_that_the_controller_is_away() {
    let Some(namespace) = Namespace::new("d") else { return };
    let pki = Pki::new();
    namespace.up();
    let allocator = Allocator::start(&namespace, &pki);
    let mut process = Process::start(&namespace, &pki.configuration(&namespace.inside));
    process.says("ready").await;
    let agent = Agent::connect(pki.socket()).await.unwrap();
    let mut outage = agent.outage();
    assert_eq!(*outage.borrow(), None);

    allocator.away();
    process.says("living on the stock").await;
    let held = [agent.take(6, Duration::ZERO).await.unwrap(), agent.take(6, Duration::ZERO).await.unwrap()];
    process.says("not hopping: stock: empty, and the controller cannot be reached").await;
    wait_for(&mut outage, Some(Outage::ControllerAway)).await;
    let refused = agent.take(6, Duration::ZERO).await.unwrap_err();
    assert_eq!(refused.name(), "controller_away", "{refused}");
    assert!(matches!(refused, AgentError::Refused { retry_after, .. } if !retry_after.is_zero()));
    for lease in &held {
        assert!(!*lease.expired().borrow(), "they stay");
    }
    // Whoever comes now is told as well.
    let late = Agent::connect(pki.socket()).await.unwrap();
    wait_for(&mut late.outage(), Some(Outage::ControllerAway)).await;

    allocator.back();
    process.says("hopping again").await;
    wait_for(&mut outage, None).await;
    agent.take(6, Duration::from_secs(5)).await.unwrap();
    drop((held, late, agent));
    process.terminate().await;
}

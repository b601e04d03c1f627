//! Transfers of some megabytes go on while addresses change and end and the path is bad.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Buf as _;
use mimiq_agent::daemon::Event;
use mimiq_agent::get;
use mimiq_agent::sdk::{Agent, Connector, HopError, Hopping, Padding};

use crate::support::agent::TestAgent;
use crate::support::rough::{self, Roughness};
use crate::support::server::{Identity, quinn_server};

const BYTES: usize = 4_000_000;

async fn connect(agent: &TestAgent, identity: &Identity, to: SocketAddr) -> Hopping {
    let tls = get::tls(get::roots(&identity.certificate()).unwrap()).unwrap();
    let connector = Connector::new(Agent::connect(&agent.socket).await.unwrap(), tls, Padding::Http3).unwrap();
    connector.connect(to, "localhost").await.unwrap()
}

/// Asks for [`BYTES`] and returns how many came; `meanwhile` is cut off at the end.
async fn transfer(hopping: &Hopping, meanwhile: impl Future<Output = ()>) -> usize {
    let (mut driver, mut sender) =
        h3::client::new(h3_quinn::Connection::new(hopping.connection().clone())).await.unwrap();
    tokio::spawn(async move { std::future::poll_fn(|cx| driver.poll_close(cx)).await });
    let download = async {
        let uri = format!("https://localhost/{BYTES}");
        let mut stream = sender.send_request(http::Request::get(uri).body(()).unwrap()).await.unwrap();
        stream.finish().await.unwrap();
        assert_eq!(stream.recv_response().await.unwrap().status(), 200);
        let mut bytes = 0;
        while let Some(chunk) = stream.recv_data().await.unwrap() {
            bytes += chunk.remaining();
        }
        bytes
    };
    let download = tokio::time::timeout(Duration::from_secs(120), download);
    tokio::select! {
        bytes = download => bytes.expect("the transfer stalled"),
        () = meanwhile => panic!("it ends with the transfer"),
    }
}

async fn hops_over(roughness: Roughness) {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let through = rough::start(quinn_server(&identity, true), roughness).await;
    let hopping = connect(&agent, &identity, through).await;
    let mut refused = 0;
    let hops = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            match hopping.hop().await {
                Ok(_) => {}
                Err(HopError::Refused(_)) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
    };
    assert_eq!(transfer(&hopping, hops).await, BYTES);
    println!("{roughness:?}: {:?}, {refused} refused", hopping.stats());
    assert!(hopping.stats().hops >= 3, "{:?}, {refused} refused", hopping.stats());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_percent_is_lost() {
    hops_over(Roughness { loss: 0.01, late: 0.0, one_way: Duration::from_millis(5) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_percent_are_lost_and_five_percent_are_late() {
    hops_over(Roughness { loss: 0.05, late: 0.05, one_way: Duration::from_millis(5) }).await;
}

/// The allocation server revokes the address in use, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_end_in_the_middle() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let roughness = Roughness { loss: 0.01, late: 0.01, one_way: Duration::from_millis(5) };
    let through = rough::start(quinn_server(&identity, true), roughness).await;
    let hopping = connect(&agent, &identity, through).await;
    let mut ended = HashSet::new();
    let end = async {
        loop {
            let source = hopping.source().unwrap();
            assert!(ended.insert(source.ip()), "it came back to an address that ended");
            agent.events.send(Event::Revoked(vec![source.ip()])).await.unwrap();
            while hopping.source() == Some(source) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert_eq!(transfer(&hopping, end).await, BYTES);
    println!("{} addresses ended, {:?}", ended.len(), hopping.stats());
    assert!(ended.len() >= 3);
}

/// Short leases do the same by themselves, as nobody hops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_run_out_in_the_middle() {
    let (agent, identity) = (TestAgent::start(Duration::from_millis(800)), Identity::new());
    let roughness = Roughness { loss: 0.03, late: 0.01, one_way: Duration::from_millis(10) };
    let through = rough::start(quinn_server(&identity, true), roughness).await;
    let hopping = connect(&agent, &identity, through).await;
    assert_eq!(transfer(&hopping, std::future::pending()).await, BYTES);
    println!("{:?}", hopping.stats());
    assert!(hopping.stats().hops >= 1);
}

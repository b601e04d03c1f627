//! A server that does not get to validate a new address goes back to the one before (RFC 9000 §9.3.2): not before the client is
//! elsewhere.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use h3::client::SendRequest;
use h3::error::StreamError;
use h3_quinn::OpenStreams;
use mimiq_agent::get;
use mimiq_agent::sdk::{Agent, Connector, HopError, Hopping, Padding};

use crate::support::agent::TestAgent;
use crate::support::relay::{self, Sightings};
use crate::support::server::{Aioquic, Identity, quinn_server};

/// More than the server may send to an address that is not validated, bytes.
const LARGE: usize = 2_000_000;
/// No test takes so long.
const LONG: Duration = Duration::from_secs(15);

struct World {
    hopping: Hopping,
    sender: SendRequest<OpenStreams, Bytes>,
    seen: Arc<Mutex<Sightings>>,
    _agent: TestAgent,
}

impl World {
    async fn new(identity: &Identity, server: SocketAddr) -> Self {
        let agent = TestAgent::start(Duration::from_secs(600));
        let (through, seen) = relay::start(server, Duration::from_millis(5), |_, _| false).await;
        let tls = get::tls(get::roots(&identity.certificate()).unwrap()).unwrap();
        let connector = Connector::new(Agent::connect(&agent.socket).await.unwrap(), tls, Padding::Http3).unwrap();
        let hopping = connector.connect(through, "localhost").await.unwrap();
        let connection = h3_quinn::Connection::new(hopping.connection().clone());
        let (mut driver, sender) = h3::client::new(connection).await.unwrap();
        tokio::spawn(async move { driver.wait_idle().await });
        let mut world = Self { hopping, sender, seen, _agent: agent };
        assert_eq!(world.get(2700).await.unwrap(), 2700);
        world
    }

    /// Hops when there are connection IDs for it.
    async fn hop(&self) -> SocketAddr {
        let hopped = async {
            loop {
                match self.hopping.hop().await {
                    Ok(source) => break source,
                    Err(HopError::Refused(_)) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        tokio::time::timeout(LONG, hopped).await.expect("it does not hop")
    }

    /// Asks for so many bytes, and says how many came.
    async fn get(&mut self, size: usize) -> Result<usize, StreamError> {
        let request = http::Request::get(format!("https://localhost/{size}")).body(()).unwrap();
        let mut stream = self.sender.send_request(request).await?;
        stream.finish().await?;
        stream.recv_response().await?;
        let mut came = 0;
        while let Some(mut chunk) = stream.recv_data().await? {
            came += chunk.copy_to_bytes(chunk.remaining()).len();
        }
        Ok(came)
    }

    /// A server that went back would send a little of this there.
    async fn download(&mut self) {
        let outcome = tokio::time::timeout(LONG, self.get(LARGE)).await;
        self.seen.lock().unwrap().assert_unlinkable();
        assert_eq!(outcome.expect("the download stalled").unwrap(), LARGE);
        assert_eq!(self.hopping.stats().links_seen, 0);
    }
}

/// The address is left before the server gives up, and the next one is validated.
async fn an_answer_is_lost(identity: &Identity, server: SocketAddr) {
    let mut world = World::new(identity, server).await;
    world.seen.lock().unwrap().unanswered = 1;
    world.hop().await;
    world.download().await;
    let stats = world.hopping.stats();
    assert_eq!((stats.unvalidated, stats.hops), (1, 2), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_lost_with_aioquic() {
    let identity = Identity::new();
    let server = Aioquic::start(&identity);
    an_answer_is_lost(&identity, server.address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_lost_with_quinn() {
    let identity = Identity::new();
    an_answer_is_lost(&identity, quinn_server(&identity, true)).await;
}

/// The server's first packets from the new address are lost, with its PATH_CHALLENGE.
async fn the_challenge_is_lost(identity: &Identity, server: SocketAddr) {
    let mut world = World::new(identity, server).await;
    world.seen.lock().unwrap().deaf = Some(Duration::from_millis(300));
    world.hop().await;
    world.download().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_challenge_is_lost_with_aioquic() {
    let identity = Identity::new();
    let server = Aioquic::start(&identity);
    the_challenge_is_lost(&identity, server.address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_challenge_is_lost_with_quinn() {
    let identity = Identity::new();
    the_challenge_is_lost(&identity, quinn_server(&identity, true)).await;
}

/// A connection that cannot be validated anywhere is closed.
async fn no_answer_arrives(identity: &Identity, server: SocketAddr) {
    let world = World::new(identity, server).await;
    world.seen.lock().unwrap().unanswered = usize::MAX;
    world.hop().await;
    tokio::time::timeout(LONG, world.hopping.connection().closed()).await.expect("it stays");
    let stats = world.hopping.stats();
    // The third in a row is the last. Rows are counted by the newest socket; if nothing has left from it yet, because the machine stands still, the
    // address before is left once more, and a row begins anew.
    assert!(stats.unvalidated == stats.hops && stats.hops >= 3, "{stats:?}");
    // Until its last packet is out.
    world.hopping.close().await;
    world.seen.lock().unwrap().assert_unlinkable();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_arrives_at_aioquic() {
    let identity = Identity::new();
    let server = Aioquic::start(&identity);
    no_answer_arrives(&identity, server.address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_arrives_at_quinn() {
    let identity = Identity::new();
    no_answer_arrives(&identity, quinn_server(&identity, true)).await;
}

/// An idle connection has its server's acknowledgement of the answer, and stays.
async fn idle_connections_stay(identity: &Identity, server: SocketAddr) {
    let mut world = World::new(identity, server).await;
    for hops in 1..=3 {
        let source = world.hop().await;
        // Longer than a server is given: that nothing happens cannot be awaited.
        tokio::time::sleep(Duration::from_millis(600)).await;
        let stats = world.hopping.stats();
        assert_eq!((stats.hops, stats.unvalidated, world.hopping.source()), (hops, 0, Some(source)));
    }
    world.download().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_stay_with_aioquic() {
    let identity = Identity::new();
    let server = Aioquic::start(&identity);
    idle_connections_stay(&identity, server.address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_stay_with_quinn() {
    let identity = Identity::new();
    idle_connections_stay(&identity, quinn_server(&identity, true)).await;
}

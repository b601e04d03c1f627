//! One connection, and one request of HTTP/3 after the other.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use bytes::{Buf as _, Bytes};
use h3::client::SendRequest;
use h3_quinn::{OpenStreams, quinn};
use mimiq_agent::{
    policy::Policy,
    sdk::{EARLY, Hopping},
};
use quinn::{Connection, Endpoint, crypto::rustls::QuicClientConfig};

use super::{Round, Way};
use crate::web::{Client, NAME, Server, bind};

/// As a small web page; less than what two full packets give credit for.
const REPLY: usize = 2_700;
/// A request that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(5);

type Sender = SendRequest<OpenStreams, Bytes>;

/// Does them; the first one, which does not count, makes the connection ready.
pub(super) async fn requests(client: Client, server: Server, way: Way, count: usize) -> anyhow::Result<Round> {
    match way {
        Way::Before | Way::Early | Way::Policy(_) => with_sdk(&client, server, way, count).await,
        Way::None | Way::Rebind | Way::RebindEvery(_) => with_quinn(&client, server, way, count).await,
    }
}

async fn with_sdk(client: &Client, server: Server, way: Way, count: usize) -> anyhow::Result<Round> {
    let policy = match way {
        Way::Policy(packets) => Policy::EveryPackets(packets),
        _ => Policy::PerConnection,
    };
    let connector = client.connector().await?.policy(policy);
    let hopping = connector.connect(server.address(), NAME).await?;
    let sender = http3(hopping.connection()).await?;
    request(&sender, None).await?;
    let mut round = Round { latencies: Vec::new(), failed: 0, hops: 0 };
    for _ in 0..count {
        let hops = hopping.stats().hops;
        let start = Instant::now();
        if way == Way::Before {
            hop(&hopping).await;
        }
        let outcome = request(&sender, (way == Way::Early).then_some(&hopping)).await;
        let latency = start.elapsed().as_secs_f64() * 1e3;
        if let Err(error) = outcome {
            eprintln!("{server}, {way:?}: {error:#}");
            round.failed += 1;
        } else if hopping.stats().hops > hops || matches!(way, Way::Policy(_)) {
            round.latencies.push(latency);
        }
    }
    round.hops = hopping.stats().hops;
    // Whoever vanishes right after a hop leaves a server that goes back to the address before, which links the two.
    hopping.close().await;
    Ok(round)
}

async fn hop(hopping: &Hopping) {
    if let Err(error) = hopping.hop().await {
        eprintln!("sdk: {error}");
    }
}

async fn with_quinn(client: &Client, server: Server, way: Way, count: usize) -> anyhow::Result<Round> {
    let mut addresses = client.addresses();
    let mut next = || bind(addresses.next().context("addresses")?);
    let runtime = Arc::new(quinn::TokioRuntime);
    let endpoint = Endpoint::new(quinn::EndpointConfig::default(), None, next()?, runtime)?;
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(client.tls.clone())?));
    let connection = endpoint.connect_with(config, server.address(), NAME)?.await?;
    let sender = http3(&connection).await?;
    request(&sender, None).await?;
    let packets = || {
        let stats = connection.stats();
        stats.udp_tx.datagrams + stats.udp_rx.datagrams
    };
    let mut round = Round { latencies: Vec::new(), failed: 0, hops: 0 };
    let mut due = 0;
    for _ in 0..count {
        let start = Instant::now();
        let hop = match way {
            Way::Rebind => true,
            Way::RebindEvery(every) => packets() / every > due,
            _ => false,
        };
        if hop {
            endpoint.rebind(next()?)?;
            round.hops += 1;
        }
        if let Way::RebindEvery(every) = way {
            due = packets() / every;
        }
        match request(&sender, None).await {
            Ok(()) => round.latencies.push(start.elapsed().as_secs_f64() * 1e3),
            Err(error) => {
                eprintln!("{server}, {way:?}: {error:#}");
                round.failed += 1;
            }
        }
    }
    Ok(round)
}

async fn http3(connection: &Connection) -> anyhow::Result<Sender> {
    let (mut driver, sender) = h3::client::new(h3_quinn::Connection::new(connection.clone())).await?;
    tokio::spawn(async move { driver.wait_idle().await });
    Ok(sender)
}

/// Sends a request, hops if it is said how, and reads the reply.
async fn request(sender: &Sender, hopping: Option<&Hopping>) -> anyhow::Result<()> {
    let exchange = async {
        let request = http::Request::get(format!("https://{NAME}/{REPLY}")).body(())?;
        let mut stream = sender.clone().send_request(request).await?;
        stream.finish().await?;
        if let Some(hopping) = hopping {
            tokio::time::sleep(EARLY).await;
            hop(hopping).await;
        }
        let head = stream.recv_response().await?;
        ensure!(head.status().is_success(), "status {}", head.status());
        let mut bytes = 0;
        while let Some(chunk) = stream.recv_data().await? {
            bytes += chunk.remaining();
        }
        ensure!(bytes == REPLY, "a reply of {bytes} bytes");
        Ok(())
    };
    tokio::time::timeout(TIMEOUT, exchange).await.context("no reply")?
}

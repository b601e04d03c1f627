//! One download.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mimiq_agent::{
    policy::{Policy, Span},
    sdk::Stripes,
};

use super::{FILE, STAY_MS, Way};
use crate::web::{Client, NAME, Server};

/// Does it, and says how long it took from the first packet to the last byte, seconds.
pub(super) async fn download(client: Client, server: Server, way: Way, content: Vec<u8>) -> anyhow::Result<f64> {
    let connector = client.connector().await?;
    if matches!(way, Way::None | Way::Plain) {
        return plain(connector.policy(Policy::PerConnection), server, way, content).await;
    }
    let stay = Span::from_ms(STAY_MS).context("a time")?;
    let policy = match way {
        Way::Stripes(connections) => Policy::Stripes { connections, min: stay, max: stay },
        Way::None | Way::Plain => Policy::PerConnection,
    };
    let stripes = Stripes::new(connector.policy(policy), server.address(), NAME);
    let uri: http::Uri = format!("https://{NAME}/{FILE}").parse()?;
    let start = Instant::now();
    let mut download = stripes.get(uri).await?;
    ensure!(download.head().status().is_success() && download.is_striped(), "{:?}", download.head());
    let mut got = Vec::with_capacity(content.len());
    while let Some(bytes) = download.data().await? {
        got.extend_from_slice(&bytes);
    }
    let time = start.elapsed().as_secs_f64();
    ensure!(got == content, "other bytes than the server's");
    download.close().await;
    Ok(time)
}

async fn plain(
    connector: mimiq_agent::sdk::Connector,
    server: Server,
    way: Way,
    content: Vec<u8>,
) -> anyhow::Result<f64> {
    use bytes::Buf as _;
    let start = Instant::now();
    let hopping = connector.connect(server.address(), NAME).await?;
    let (mut driver, mut sender) = h3::client::new(h3_quinn::Connection::new(hopping.connection().clone())).await?;
    tokio::spawn(async move { driver.wait_idle().await });
    let mut got = Vec::with_capacity(content.len());
    let download = async {
        let request = http::Request::get(format!("https://{NAME}/{FILE}")).body(())?;
        let mut stream = sender.send_request(request).await?;
        stream.finish().await?;
        stream.recv_response().await?;
        while let Some(mut chunk) = stream.recv_data().await? {
            got.extend_from_slice(&chunk.copy_to_bytes(chunk.remaining()));
        }
        anyhow::Ok(start.elapsed().as_secs_f64())
    };
    let hops = async {
        if way == Way::None {
            std::future::pending::<()>().await;
        }
        let mut at = start;
        loop {
            at += Duration::from_millis(STAY_MS);
            tokio::time::sleep_until(at.into()).await;
            while hopping.hop().await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let time = tokio::select! {
        time = download => time?,
        () = hops => anyhow::bail!("it never ends"),
    };
    ensure!(got == content, "other bytes than the server's");
    hopping.close().await;
    Ok(time)
}

//! One connection, one request after the other, and a hop with each.

use std::{
    net::{Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context as _, ensure};
use mimiq_agent::sdk::{Agent, Connector, EARLY, Hopping, Padding};
use quinn::{Connection, Endpoint, crypto::rustls::QuicClientConfig};
use rustls_pki_types::CertificateDer;
use socket2::{Domain, Socket, Type};

use super::{
    PORT, SERVER, Way, agent,
    server::{NAME, REPLY},
};

/// Of a request, bytes.
const REQUEST: [u8; 300] = [3; 300];

/// Latencies in milliseconds, of those requests that hopped if the way hops.
pub(super) async fn requests(
    way: Way,
    count: usize,
    round: usize,
    certificate: CertificateDer<'static>,
) -> anyhow::Result<Vec<f64>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Never the same address twice.
    let prefix = 0x2001_0db8_0001_0000_u128 << 64 | (way as u128) << 32 | (round as u128) << 24;
    let addresses = (1u32..).map(move |i| Ipv6Addr::from_bits(prefix | u128::from(i)));
    if way == Way::Sdk { with_sdk(tls, count, addresses).await } else { with_quinn(way, tls, count, addresses).await }
}

async fn with_sdk(
    tls: rustls::ClientConfig,
    count: usize,
    addresses: impl Iterator<Item = Ipv6Addr> + Send + 'static,
) -> anyhow::Result<Vec<f64>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("agent.sock");
    agent::serve(&path, addresses)?;
    let connector = Connector::new(Agent::connect(&path).await?, tls, Padding::Http3)?;
    let hopping = connector.connect(SocketAddr::from((SERVER, PORT)), NAME).await?;
    request(hopping.connection(), None).await?;
    let mut latencies = Vec::new();
    for _ in 0..count {
        let hops = hopping.stats().hops;
        let latency = request(hopping.connection(), Some(&hopping)).await?;
        if hopping.stats().hops > hops {
            latencies.push(latency);
        }
    }
    Ok(latencies)
}

async fn with_quinn(
    way: Way,
    tls: rustls::ClientConfig,
    count: usize,
    mut addresses: impl Iterator<Item = Ipv6Addr>,
) -> anyhow::Result<Vec<f64>> {
    let mut next = || bind(addresses.next().context("addresses")?);
    let runtime = Arc::new(quinn::TokioRuntime);
    let endpoint = Endpoint::new(quinn::EndpointConfig::default(), None, next()?, runtime)?;
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    let connection = endpoint.connect_with(config, SocketAddr::from((SERVER, PORT)), NAME)?.await?;
    request(&connection, None).await?;
    let mut latencies = Vec::new();
    for _ in 0..count {
        if way == Way::Rebind {
            endpoint.rebind(next()?)?;
        }
        latencies.push(request(&connection, None).await?);
    }
    Ok(latencies)
}

/// Sends a request, hops if it is said how and the reply is not there before, and reads the reply. Milliseconds.
async fn request(connection: &Connection, hopping: Option<&Hopping>) -> anyhow::Result<f64> {
    let start = Instant::now();
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(&REQUEST).await?;
    send.finish()?;
    if let Some(hopping) = hopping {
        tokio::time::sleep(EARLY).await;
        if let Err(error) = hopping.hop().await {
            eprintln!("sdk: {error}");
        }
    }
    let reply = receive.read_to_end(REPLY).await?;
    ensure!(reply.len() == REPLY, "a reply of {} bytes", reply.len());
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// Any port at an address that is local without being configured.
fn bind(address: Ipv6Addr) -> anyhow::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, None)?;
    socket.set_freebind_v6(true)?;
    socket.bind(&SocketAddr::from((address, 0)).into()).with_context(|| address.to_string())?;
    Ok(socket.into())
}

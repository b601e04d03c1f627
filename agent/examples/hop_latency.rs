//! What a hop on every request adds to a small reply's latency: no hop, quinn's own `Endpoint::rebind`, the SDK.
//!
//! `hop_latency [--server ADDR:PORT --ca FILE] [--first ADDRESS] [--rtt-ms N]` prints JSON. The addresses from FIRST on must be
//! local (127.1.0.0 always is; else `ip -6 route add local PREFIX/64 dev lo`). With `--rtt-ms` a relay in this process delays;
//! without, the path has the delay. The server answers /N with N bytes over HTTP/3 and has a certificate for `localhost`.

#[allow(dead_code, clippy::unwrap_used, reason = "the tests use more of it and fail by panicking")]
#[path = "../tests/support/agent.rs"]
mod agent;
#[allow(dead_code, clippy::unwrap_used, reason = "the tests use more of it and fail by panicking")]
#[path = "../tests/support/relay.rs"]
mod relay;
#[allow(dead_code, clippy::unwrap_used, reason = "the tests use more of it and fail by panicking")]
#[path = "../tests/support/server.rs"]
mod server;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use h3_quinn::quinn;
use mimiq_agent::get::{self, HopPolicy, Options, Timing, percentile};
use mimiq_agent::policy::Policy;

#[derive(Parser)]
struct Arguments {
    /// The HTTP/3 server; quinn in this process if absent.
    #[arg(long, requires = "ca")]
    server: Option<SocketAddr>,
    /// Its certificate (PEM).
    #[arg(long)]
    ca: Option<PathBuf>,
    /// The first of the addresses to hop to.
    #[arg(long, default_value = "127.1.0.0")]
    first: IpAddr,
    /// The round trip that a relay in this process makes, milliseconds.
    #[arg(long)]
    rtt_ms: Option<u64>,
    /// Requests per way of hopping.
    #[arg(long, default_value_t = 100)]
    requests: usize,
    /// The size of the replies, bytes.
    #[arg(long, default_value_t = 2700)]
    size: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let identity = server::Identity::new();
    let server = arguments.server.unwrap_or_else(|| server::quinn_server(&identity, true));
    let server = match arguments.rtt_ms {
        Some(rtt) => relay::start(server, Duration::from_micros(rtt * 500), |_, _| false).await.0,
        None => server,
    };
    let agent = agent::TestAgent::start_at(arguments.first, Duration::from_secs(600));
    let options = Options {
        agent: agent.socket.clone(),
        server,
        server_name: "localhost".into(),
        uri: format!("https://localhost/{}", arguments.size).parse()?,
        roots: get::roots(&arguments.ca.unwrap_or_else(|| identity.certificate()))?,
        requests: arguments.requests,
        interval: Duration::ZERO,
        timeout: Duration::from_secs(10),
        policy: HopPolicy::Never,
        label: "hop_latency".into(),
    };
    let mut results = serde_json::Map::new();
    for (name, policy) in [
        ("none", HopPolicy::Never),
        ("early", HopPolicy::Every(1, Timing::Early)),
        ("before", HopPolicy::Every(1, Timing::Before)),
        ("every_packets: 2", HopPolicy::Follow(Some(Policy::EveryPackets(2)))),
        ("every_packets: 25", HopPolicy::Follow(Some(Policy::EveryPackets(25)))),
    ] {
        let report = get::run(Options { policy, ..options.clone() }).await?;
        let latencies = report.requests.iter().skip(1).filter(|request| request.ok).map(|r| r.latency_us).collect();
        results.insert(name.into(), figures(latencies, report.summary.failed, report.hops.len()));
    }
    let (latencies, failed) = stock(&options, &agent).await?;
    results.insert("stock".into(), figures(latencies, failed, options.requests - 1));
    println!("{}", serde_json::to_string_pretty(&results)?);
    Ok(())
}

fn figures(mut latencies: Vec<u64>, failed: usize, hops: usize) -> serde_json::Value {
    latencies.sort_unstable();
    serde_json::json!({
        "median_us": percentile(&latencies, 50), "p90_us": percentile(&latencies, 90),
        "p99_us": percentile(&latencies, 99), "failed": failed, "hops": hops,
    })
}

/// quinn alone, rebound to a fresh address before each request.
async fn stock(options: &Options, agent: &agent::TestAgent) -> anyhow::Result<(Vec<u64>, usize)> {
    let agent = mimiq_agent::sdk::Agent::connect(&agent.socket).await?;
    let version = if options.server.is_ipv6() { 6 } else { 4 };
    let mut leases = vec![agent.take(version, Duration::from_secs(1)).await?];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(get::tls(options.roots.clone())?)?;
    let config = quinn::ClientConfig::new(std::sync::Arc::new(crypto));
    let runtime = std::sync::Arc::new(quinn::TokioRuntime);
    let socket = bind(leases[0].address())?;
    let endpoint = quinn::Endpoint::new(quinn::EndpointConfig::default(), None, socket, runtime)?;
    let connection = endpoint.connect_with(config, options.server, "localhost")?.await?;
    let (mut driver, mut sender) = h3::client::new(h3_quinn::Connection::new(connection)).await?;
    tokio::spawn(async move { std::future::poll_fn(|cx| driver.poll_close(cx)).await });
    let (mut latencies, mut failed) = (Vec::new(), 0);
    for number in 0..options.requests {
        if number > 0 {
            leases.push(agent.take(version, Duration::from_secs(1)).await?);
            endpoint.rebind(bind(leases[number].address())?)?;
        }
        let started = Instant::now();
        let exchange = async {
            let mut stream = sender.send_request(http::Request::get(options.uri.clone()).body(())?).await?;
            stream.finish().await?;
            stream.recv_response().await?;
            while stream.recv_data().await?.is_some() {}
            anyhow::Ok(())
        };
        match tokio::time::timeout(options.timeout, exchange).await {
            Ok(Ok(())) if number > 0 => latencies.push(u64::try_from(started.elapsed().as_micros())?),
            Ok(Ok(())) => {}
            _ => failed += 1,
        }
    }
    Ok((latencies, failed))
}

fn bind(address: IpAddr) -> std::io::Result<std::net::UdpSocket> {
    let local = SocketAddr::new(address, 0);
    let socket = socket2::Socket::new(socket2::Domain::for_address(local), socket2::Type::DGRAM, None)?;
    match address {
        IpAddr::V4(_) => socket.set_freebind_v4(true)?,
        IpAddr::V6(_) => socket.set_freebind_v6(true)?,
    }
    socket.bind(&local.into())?;
    Ok(socket.into())
}

//! `mimiq-mix load`: many clients in one process, at the network's rates.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use metrics::{counter, gauge, histogram};
use mimiq_client::{Client, Event, Keys, Link, Reached, Settings};
use mimiq_loops::State;
use mimiq_messages::{Address, Event as Outcome, Snapshot};
use mimiq_mixing::PoissonClock;
use rand::seq::IndexedRandom as _;
use tokio::task::JoinSet;

use crate::config::ClientConfig;
use crate::follow::follow;
use crate::telemetry;

/// A socket of the kernel's usual size has no room for what a provider answers to hundreds of clients at a time.
const CLIENTS_OF_A_SOCKET: usize = 10;

/// How many, and what they do.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A client's configuration file (YAML); of it, only the network and the folder are used.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// How many clients. They are spread over all providers, which must let everybody register.
    #[arg(long, value_name = "N", default_value_t = 500)]
    clients: usize,
    /// Messages per second and client, to random other clients, at random times.
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    messages: f64,
    /// End after so many seconds; without, when it is interrupted.
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Where Prometheus may scrape.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
}

/// What a load did.
#[derive(Debug, Default)]
struct Tally {
    connected: usize,
    sent: u64,
    delivered: u64,
    failed: u64,
    received: u64,
    attacks: u64,
    /// From handing in to the recipient, seconds.
    latencies: Vec<f64>,
}

/// Runs them, and prints what they did.
///
/// # Errors
/// If there is no network, or it has no providers.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if !(0.0..=1000.0).contains(&arguments.messages) {
        bail!("--messages: {} is not from 0 to 1000", arguments.messages);
    }
    if arguments.clients == 0 || arguments.clients > 100_000 {
        bail!("--clients: {} is not from 1 to 100000", arguments.clients);
    }
    // A year: as good as without.
    if let Some(seconds) = arguments.seconds.filter(|seconds| !(0.0..=31_622_400.0).contains(seconds)) {
        bail!("--seconds: {seconds} is not from 0 to 31622400");
    }
    let config = ClientConfig::load(&arguments.config)?;
    if let Some(address) = arguments.metrics {
        telemetry::serve(address).with_context(|| format!("metrics: {address}"))?;
    }
    std::fs::create_dir_all(&config.folder).with_context(|| config.folder.display().to_string())?;
    let mut following = follow(&config.network, config.folder.join("load-state.json"), true)?;
    let (geometry, providers) = {
        let routes = following.routes.wait_for(Option::is_some).await.context("state")?;
        let directory = routes.as_ref().context("state")?.directory().clone();
        let providers: Vec<String> = directory
            .providers()
            .filter_map(|node| match &node.role {
                mimiq_directory::Role::Provider { name, .. } => Some(name.clone()),
                mimiq_directory::Role::Mix { .. } => None,
            })
            .collect();
        (directory.geometry(), providers)
    };
    let mut link = Link::shared().context("socket")?;
    let mut clients = Vec::new();
    for number in 0..arguments.clients {
        if number % CLIENTS_OF_A_SOCKET == 0 {
            link = Link::shared().context("socket")?;
        }
        let keys = Keys::generate(&mut rand::rng());
        let address = keys.address(&providers[number % providers.len()])?;
        let settings = Settings {
            keys,
            address: address.clone(),
            token: None,
            link: link.clone(),
            folder: None,
            outbox: config.outbox(),
            // One of them asks for all.
            states: (number == 0).then(|| following.states.clone()),
        };
        clients.push((address, Client::start(settings, Snapshot(Vec::new()), geometry, following.routes.clone())?));
    }
    let addresses: std::sync::Arc<[Address]> = clients.iter().map(|(address, _)| address.clone()).collect();
    let (stopping, stopped) = tokio::sync::watch::channel(false);
    let start = Instant::now();
    let mut running = JoinSet::new();
    for (_, client) in clients {
        running.spawn(one(client, addresses.clone(), arguments.messages, start, stopped.clone()));
    }
    tracing::info!(clients = arguments.clients, providers = providers.len(), "started");
    let stop = mimiq_daemon::stop_signal()?;
    let end = async {
        match arguments.seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs_f64(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stop => {}
        () = end => {}
    }
    stopping.send_replace(true);
    let mut all = Tally::default();
    while let Some(one) = running.join_next().await {
        let one = one.context("a client")?;
        all.connected += one.connected;
        all.sent += one.sent;
        all.delivered += one.delivered;
        all.failed += one.failed;
        all.received += one.received;
        all.attacks += one.attacks;
        all.latencies.extend(one.latencies);
    }
    print(&mut all, arguments.clients);
    Ok(())
}

/// One client until the end: sends messages to others, and takes what comes.
async fn one(
    mut client: Client,
    others: std::sync::Arc<[Address]>,
    rate: f64,
    start: Instant,
    mut stopped: tokio::sync::watch::Receiver<bool>,
) -> Tally {
    let (handle, mut connected, mut was) = (client.handle(), client.connected(), false);
    let mut tally = Tally::default();
    let now = |start: Instant| u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let Ok(mut clock) = PoissonClock::new(rate, now(start), &mut rand::rng()) else { return tally };
    loop {
        let next = start + Duration::from_nanos(clock.next().min(1 << 60));
        tokio::select! {
            _ = stopped.changed() => break,
            changed = connected.changed() => {
                if changed.is_err() {
                    break;
                }
                let is = *connected.borrow_and_update() == Reached::Connected;
                gauge!("mimiq_load_connected").increment(f64::from(i8::from(is) - i8::from(was)));
                was = is;
            }
            () = tokio::time::sleep_until(next.into()) => {
                let times = clock.fire(now(start), 1, &mut rand::rng()).times;
                let to = others.choose(&mut rand::rng());
                if times > 0 && let Some(to) = to {
                    // When it was handed in, by the clock that all of this process share.
                    let text = now(start).to_be_bytes().to_vec();
                    if handle.submit(to.clone(), text, true).await.is_ok() {
                        tally.sent += 1;
                        counter!("mimiq_load_messages_total", "event" => "sent").increment(1);
                    }
                }
            }
            event = client.event() => match event {
                Some(Event::Message(message)) => {
                    let sent = message.text.as_slice().try_into().map(u64::from_be_bytes).unwrap_or_default();
                    let latency = now(start).saturating_sub(sent) as f64 / 1e9;
                    histogram!("mimiq_load_latency_seconds").record(latency);
                    counter!("mimiq_load_messages_total", "event" => "received").increment(1);
                    tally.latencies.push(latency);
                    tally.received += 1;
                    if handle.taken(message.id).await.is_err() {
                        break;
                    }
                }
                Some(Event::Sent(Outcome::Delivered(_))) => tally.delivered += 1,
                Some(Event::Sent(Outcome::Failed(..))) => tally.failed += 1,
                Some(Event::Sent(Outcome::Sent(_))) => {}
                Some(Event::Attack(report)) => {
                    let attacked = matches!(report.state, State::Attacked { .. });
                    tally.attacks += u64::from(attacked);
                    gauge!("mimiq_load_alarmed").increment(if attacked { 1.0 } else { -1.0 });
                }
                None => break,
            },
        }
    }
    tally.connected = usize::from(was);
    client.stop().await;
    tally
}

fn print(all: &mut Tally, clients: usize) {
    let Tally { connected, sent, delivered, failed, received, attacks, latencies } = all;
    println!("clients {clients}, connected at the end {connected}");
    println!("messages sent {sent}, received {received}, acknowledged {delivered}, failed {failed}");
    println!("alarms {attacks}");
    latencies.sort_by(f64::total_cmp);
    if let (Some(least), Some(most)) = (latencies.first(), latencies.last()) {
        let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
        println!(
            "latency, seconds: least {least:.2}, median {:.2}, p90 {:.2}, p99 {:.2}, most {most:.2}",
            at(0.5),
            at(0.9),
            at(0.99)
        );
    }
}

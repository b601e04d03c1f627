//! A whole measurement.

use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use mimiq_contract::PortId;
use quinn_proto::ClientConfig;

use crate::{
    Options, Report, Second,
    fleet::Fleet,
    load::{Row, Share},
    net::{Attachment, Net},
    options::Plan,
    pace::Pace,
    pki,
    report::Outcome,
    stats::{self, Stats},
    usage,
    wire::Place,
    worker::{Connected, Message, Worker},
};

/// What a measurement says while it runs.
#[derive(Debug)]
pub enum Progress {
    /// The clients have their certificates.
    Enrolled(u32),
    /// The connections are made.
    Connected(u64),
    /// A second is over and all its requests are settled.
    Second(Second),
}

/// The beginning is a little later than now, so that all threads are there in time.
const LEAD: Duration = Duration::from_millis(20);

/// Measures, and says how it goes.
///
/// # Errors
/// If an option makes no sense, a file or an address cannot be used, or no client gets a connection.
pub fn run(options: &Options, mut progress: impl FnMut(Progress)) -> anyhow::Result<Report> {
    let plan = options.plan()?;
    let identities = pki::identities(&options.pki, options.first, options.clients)?;
    progress(Progress::Enrolled(options.clients));
    let (sender, messages) = channel();
    let begun = Instant::now();
    let (threads, starts) = spawn(options, &plan, identities, &sender)?;
    // Only the threads hold one from here on: when all have ended, nothing more comes.
    drop(sender);
    let outcome = follow(options, &plan, begun, &messages, starts, &mut progress);
    for thread in threads {
        thread.join().map_err(|_| anyhow!("a thread panicked"))?;
    }
    Ok(outcome?.into())
}

type Thread = thread::JoinHandle<()>;

fn spawn(
    options: &Options,
    plan: &Plan,
    identities: Vec<ClientConfig>,
    messages: &Sender<Message>,
) -> anyhow::Result<(Vec<Thread>, Vec<Sender<Instant>>)> {
    let count = options.threads.min(options.relays.len());
    let mut parts: Vec<Part> = (0..count).map(|_| Part::default()).collect();
    for (number, identity) in identities.into_iter().enumerate() {
        let relay = number % options.relays.len();
        let part = &mut parts[relay % count];
        part.clients.push(attachment(options, number, relay, relay / count));
        part.identities.push(identity);
    }
    // A thread whose relays have no clients has nothing to do.
    parts.retain(|part| !part.clients.is_empty());
    let of = parts.len() as u64;
    let (mut threads, mut starts) = (Vec::new(), Vec::new());
    for (index, Part { clients, identities }) in parts.into_iter().enumerate() {
        let relays: Vec<_> = options.relays.iter().skip(index).step_by(count).copied().collect();
        let number = clients.len();
        let net = Net::new(options.controller, &relays, clients, Fleet::new(identities))?;
        let (start, started) = channel();
        let worker = Worker {
            net,
            clients: number,
            plan: plan.clone(),
            share: Share { index: index as u64, of },
            connect_timeout: options.connect_timeout,
            messages: messages.clone(),
            start: started,
        };
        threads.push(thread::Builder::new().name(format!("perf-{index}")).spawn(move || worker.run())?);
        starts.push(start);
    }
    Ok((threads, starts))
}

/// The clients of one thread.
#[derive(Default)]
struct Part {
    clients: Vec<Attachment>,
    identities: Vec<ClientConfig>,
}

/// Clients are spread over the relays, and behind each over its ports.
fn attachment(options: &Options, number: usize, relay: usize, of_thread: usize) -> Attachment {
    let (first, last) = options.ports;
    let port = first + (number / options.relays.len() % (usize::from(last - first) + 1)) as u16;
    let client = options.first + number as u32;
    Attachment { place: Place { sid: options.relays[relay].sid, port: PortId(port), client }, relay: of_thread }
}

fn follow(
    options: &Options,
    plan: &Plan,
    begun: Instant,
    messages: &Receiver<Message>,
    starts: Vec<Sender<Instant>>,
    progress: &mut impl FnMut(Progress),
) -> anyhow::Result<Outcome> {
    let ended = || anyhow!("a thread ended early");
    let mut connected = Connected { made: 0, failed: 0, reason: None, latency: stats::latencies()? };
    for _ in &starts {
        let part = match messages.recv().map_err(|_| ended())? {
            Message::Connected(part) => part,
            Message::Failed(error) => return Err(error),
            Message::Row(..) | Message::Done(_) => bail!("a thread measures before the start"),
        };
        connected.made += part.made;
        connected.failed += part.failed;
        connected.reason = connected.reason.or(part.reason);
        connected.latency.add(&part.latency)?;
    }
    let connecting = begun.elapsed();
    if connected.made == 0 {
        let reason = connected.reason.unwrap_or_else(|| "no answer".into());
        bail!("--controller {}: none of {} clients got a connection: {reason}", options.controller, options.clients);
    }
    progress(Progress::Connected(connected.made));

    let watch = || options.watch.iter().map(|pid| usage::process(*pid)).collect::<anyhow::Result<Vec<_>>>();
    let before = watch()?;
    let start = Instant::now() + LEAD;
    let threads = starts.len();
    for to in starts {
        to.send(start).ok().context("a thread ended early")?;
    }
    let (mut stats, mut rows, mut done) = (Stats::new()?, BTreeMap::<u64, (usize, Row)>::new(), 0);
    while done < threads {
        match messages.recv().map_err(|_| ended())? {
            Message::Row(second, row) => {
                let (parts, sum) = rows.entry(second).or_default();
                *parts += 1;
                sum.add(&row)?;
                if *parts == threads {
                    progress(Progress::Second(Second::new(second, sum)));
                }
            }
            Message::Done(part) => {
                stats.add(&part)?;
                done += 1;
            }
            Message::Failed(error) => return Err(error),
            Message::Connected(_) => bail!("a thread connected twice"),
        }
    }
    let watched = before.into_iter().zip(watch()?).collect();
    let rows = rows.into_iter().map(|(second, (_, row))| (second, row)).collect();
    let ramp = matches!(plan.pace, Pace::Open { start, end } if start != end);
    Ok(Outcome { connected, connecting, stats, rows, watched, ramp })
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Enrolled(clients) => write!(f, "{clients} clients have certificates"),
            Self::Connected(clients) => write!(f, "{clients} clients are connected"),
            Self::Second(second) => second.fmt(f),
        }
    }
}

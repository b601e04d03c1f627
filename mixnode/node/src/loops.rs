//! A mix's own loops (Loopix §3.2, §4.2): a Poisson stream of them at λ_M, whatever the load, and what is done when they do not come back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use mimiq_directory::{Directory, Routes};
use mimiq_loops::{Attack, Config, ConfigError, Element, Ledger, Outcome, Report, State};
use mimiq_mixing::PoissonClock;
use mimiq_sphinx::{Destination, NodeId, Order, build_batch};
use rand::rngs::ThreadRng;
use rand::{CryptoRng, Rng as _};
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::delays::{Delays, Task};
use crate::departure::LoopBack;

/// Loops are made that much ahead of when they leave, so that making them makes none late.
const AHEAD: Duration = Duration::from_millis(20);
/// After a pause of the machine, at most so many are sent for the time that was missed.
const MOST_AT_ONCE: u32 = 4;

/// Loops that are away so long, in nanoseconds, are forgotten when there are so many.
const LONGEST_WAY: u64 = 600_000_000_000;
const MOST_AWAY: usize = 65_536;

/// Sends loops and waits for them, until the network's state is no more given.
pub(crate) struct Loops {
    pub(crate) own: NodeId,
    pub(crate) delays: Arc<Delays>,
    pub(crate) back: Receiver<LoopBack>,
    pub(crate) routes: watch::Receiver<Option<Arc<Routes>>>,
    pub(crate) ledger: Ledger,
    /// When those on their way left, nanoseconds.
    pub(crate) left: HashMap<[u8; 16], u64>,
}

struct Gauges {
    sent: Counter,
    in_time: Counter,
    late: Counter,
    unknown: Counter,
    standstills: Counter,
    took: Histogram,
    failed: Gauge,
    attacked: Gauge,
    untested: Gauge,
    cover: Gauge,
}

impl Loops {
    pub(crate) fn ledger() -> Result<Ledger, ConfigError> {
        Ledger::new(Config::default())
    }

    pub(crate) async fn run(mut self) {
        let gauges = Gauges::new();
        let start = Instant::now() - Duration::from_nanos(self.delays.clock().now());
        let Ok(mut clock) = PoissonClock::new(0.0, self.delays.clock().now(), &mut rand::rng()) else { return };
        let mut rate = 0.0;
        let mut alarmed = false;
        loop {
            let routes = self.routes.borrow_and_update().clone();
            let now = self.delays.clock().now();
            let cover = self.ledger.cover();
            let wanted = routes.as_ref().map_or(0.0, |routes| routes.directory().state().rates.lambda_m * cover);
            if wanted != rate && clock.set_rate(wanted, now, &mut rand::rng()).is_ok() {
                rate = wanted;
            }
            gauges.show(&self.ledger);
            if self.ledger.is_alarmed() != alarmed {
                alarmed = self.ledger.is_alarmed();
                tell(&self.ledger.report(), routes.as_ref().map(|routes| routes.directory()));
            }
            let next_loop = clock.next().saturating_sub(AHEAD.as_nanos() as u64);
            let given_up = self.ledger.next().map_or(u64::MAX, |next| next.as_nanos() as u64 + 1);
            // Also with nothing to do it looks now and then: a far future is more than the runtime's clock can say.
            let wake = next_loop.min(given_up).min(now + 3_600_000_000_000);
            let mut back = None;
            tokio::select! {
                () = sleep_until(start + Duration::from_nanos(wake)) => {}
                got = self.back.recv() => match got {
                    Some(got) => back = Some(got),
                    None => return,
                },
                changed = self.routes.changed() => if changed.is_err() { return },
            }
            let now = self.delays.clock().now();
            let late = Duration::from_nanos(now.saturating_sub(wake));
            if self.ledger.woken(late) {
                gauges.standstills.increment(1);
            }
            if let Some((id, at)) = back {
                gauges.count(self.ledger.returned(id, Duration::from_nanos(at)));
                if let Some(left) = self.left.remove(&id) {
                    gauges.took.record(at.saturating_sub(left) as f64 / 1e9);
                }
            }
            self.ledger.advance(Duration::from_nanos(now));
            while clock.next() <= now + AHEAD.as_nanos() as u64 {
                let at = clock.next();
                let fired = clock.fire(at.max(now.saturating_sub(1)), MOST_AT_ONCE, &mut rand::rng());
                if let Some(routes) = &routes {
                    for _ in 0..fired.times {
                        self.send(routes, at, &mut rand::rng());
                        gauges.sent.increment(1);
                    }
                }
            }
        }
    }

    /// Builds one that leaves at a time (nanoseconds).
    fn send(&mut self, routes: &Routes, at: u64, rng: &mut ThreadRng) {
        let id: [u8; 16] = rng.random();
        match packet(routes, &self.own, id, rng) {
            Some((first, path, delay, packet)) => {
                self.ledger.sent(id, &path, Duration::from_nanos(at), delay);
                self.left.insert(id, at);
                if self.left.len() > MOST_AWAY {
                    self.left.retain(|_, left| *left + LONGEST_WAY > at);
                }
                self.delays.push([(at, Task::Relay { next: first }, &packet[..])].into_iter());
            }
            None => tracing::debug!("no loop can be built: the node is not in the network's state"),
        }
    }
}

/// The first hop, the path from the mix to itself, all its delays together, and the packet.
type Built = (NodeId, Vec<NodeId>, Duration, Vec<u8>);

fn packet(routes: &Routes, own: &NodeId, id: [u8; 16], rng: &mut (impl CryptoRng + rand::Rng)) -> Option<Built> {
    let directory = routes.directory();
    let path = directory.loop_path(directory.node(own)?, rng)?;
    let mut hops = routes.hops(&path, rng)?;
    // Back at its sender it has no one to hide from: as in the paper, it is delayed at the other nodes (§5, Figure 11).
    hops.last_mut()?.delay = Duration::ZERO;
    let geometry = directory.geometry();
    let mut packet = vec![0; geometry.packet_len()];
    let order = Order { epoch: routes.epoch_byte(), path: &hops, destination: Destination::Loop { id }, payload: None };
    build_batch(&geometry, &[order], rng, &mut [&mut packet]).ok()?;
    let path = [*own].into_iter().chain(hops.iter().map(|hop| hop.node)).collect();
    Some((hops.first()?.node, path, hops.iter().map(|hop| hop.delay).sum(), packet))
}

fn tell(report: &Report, directory: Option<&Arc<Directory>>) {
    let State::Attacked { kind, .. } = &report.state else {
        tracing::info!("the attack is over: loops are coming back");
        return;
    };
    let attack = match kind {
        Attack::Blocked => "packets are blocked",
        Attack::Delayed => "packets are held back",
    };
    let name = |id: &NodeId| {
        directory
            .and_then(|directory| directory.node(id))
            .map_or_else(|| "?".to_owned(), |node| node.address.to_string())
    };
    let suspects: Vec<String> = report
        .suspects
        .iter()
        .map(|suspect| match &suspect.element {
            Element::Node(node) => name(node),
            Element::Link(from, to) => format!("{} to {}", name(from), name(to)),
        })
        .collect();
    tracing::warn!(
        attack,
        suspects = suspects.join(", "),
        sent = report.sent,
        failed = report.failed,
        cover = report.cover,
        "the network is under attack: more cover traffic is sent"
    );
}

impl Gauges {
    fn new() -> Self {
        let loops = |outcome| counter!("mimiq_mix_loops_total", "outcome" => outcome);
        Self {
            sent: loops("sent"),
            in_time: loops("in_time"),
            late: loops("late"),
            unknown: loops("unknown"),
            standstills: counter!("mimiq_mix_standstills_total"),
            took: histogram!("mimiq_mix_loop_seconds"),
            failed: gauge!("mimiq_mix_loops_failed"),
            attacked: gauge!("mimiq_mix_under_attack"),
            untested: gauge!("mimiq_mix_untested"),
            cover: gauge!("mimiq_mix_cover_factor"),
        }
    }

    fn count(&self, outcome: Outcome) {
        match outcome {
            Outcome::InTime => &self.in_time,
            Outcome::Late => &self.late,
            Outcome::Unknown => &self.unknown,
        }
        .increment(1);
    }

    fn show(&self, ledger: &Ledger) {
        self.failed.set(ledger.failed() as f64);
        self.attacked.set(f64::from(u8::from(ledger.is_alarmed())));
        self.untested.set(f64::from(u8::from(ledger.is_untested())));
        self.cover.set(ledger.cover());
    }
}

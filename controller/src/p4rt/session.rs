use std::{collections::VecDeque, hash::BuildHasher as _, sync::Arc, time::Duration};

use foldhash::fast::RandomState;
use futures::{StreamExt as _, stream::FuturesOrdered};
use hashbrown::HashSet;
use metrics::{counter, gauge};
use mimiq_contract::Entry;
use mimiq_core::{Fault, Operation};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};

use super::{
    Reader, Target,
    connection::{Connection, Lost, Outcome, Writer},
    write::write,
};

/// Between attempts to connect: doubled from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What a session is told; it ends when the sender is dropped.
#[derive(Debug)]
pub enum Order {
    /// Write this, if the connection is still this one.
    Write {
        /// Counted by [`Events::read`].
        connection: u64,
        /// In order.
        operations: Vec<Operation>,
    },
    /// End this connection, open and read anew.
    Reconnect {
        /// Counted by [`Events::read`].
        connection: u64,
    },
    /// Hand out a way to read, for somebody who looks; no answer if the switch is away.
    Look(oneshot::Sender<Reader>),
}

/// Who is told what happens to the switch.
pub trait Events: Send + Sync + 'static {
    /// A connection was opened and these are the switch's entries. The connections are counted from 1.
    fn read(&self, connection: u64, entries: &[Entry]);
    /// The oldest write on this connection was carried out, but for these operations.
    fn wrote(&self, connection: u64, faults: &[Fault]);
    /// The connection is gone.
    fn lost(&self, connection: u64);
    /// The switch was not reached, or its connection was lost, for this reason.
    fn failed(&self, why: &str);
}

/// Starts the session of one switch.
pub fn start(target: Target, events: Arc<dyn Events>) -> mpsc::UnboundedSender<Order> {
    // Unbounded, so that orders keep their order without waiting: the core gives out two writes at a time.
    let (sender, orders) = mpsc::unbounded_channel();
    gauge!("mimiq_controller_switch_connected", "switch" => target.name.to_string()).set(0.0);
    counter!("mimiq_controller_switch_losses_total", "switch" => target.name.to_string()).increment(0);
    tokio::spawn(Session { target, orders, events, connection: 0, lost_before: 0 }.run());
    sender
}

struct Session {
    target: Target,
    orders: mpsc::UnboundedReceiver<Order>,
    events: Arc<dyn Events>,
    /// How many there were.
    connection: u64,
    /// How many connections were lost so far.
    lost_before: u64,
}

/// The sender is gone.
struct Ended;

impl Session {
    async fn run(mut self) {
        let (mut backoff, mut said) = (BACKOFF.0, None);
        while let Ok(opened) = self.open().await {
            let lost = match opened {
                Ok((mut connection, actual)) => {
                    said = None;
                    self.connection += 1;
                    let opened = Instant::now();
                    self.events.read(self.connection, &actual);
                    drop(actual);
                    self.set_connected(true);
                    let lost = self.serve(&mut connection).await;
                    self.set_connected(false);
                    self.events.lost(self.connection);
                    let Ok(lost) = lost else { return };
                    // A switch that cannot be put right is not asked ten times a second.
                    if opened.elapsed() > BACKOFF.1 {
                        backoff = BACKOFF.0;
                    }
                    lost
                }
                Err(lost) => lost,
            };
            counter!("mimiq_controller_switch_losses_total", "switch" => self.target.name.to_string()).increment(1);
            // Not when another controller has the switch: two would outbid each other for ever.
            if !matches!(lost, Lost::NotPrimary { .. }) {
                self.lost_before += 1;
            }
            // Repeats say nothing new.
            let lost = lost.to_string();
            self.events.failed(&lost);
            if said.as_ref() == Some(&lost) {
                tracing::debug!(switch = %self.target.name, lost, "switch still not available");
            } else {
                tracing::warn!(switch = %self.target.name, lost, "switch not available");
                said = Some(lost);
            }
            if self.wait(sleep_until(Instant::now() + backoff)).await.is_err() {
                return;
            }
            backoff = (backoff * 2).min(BACKOFF.1);
        }
    }

    fn set_connected(&self, connected: bool) {
        gauge!("mimiq_controller_switch_connected", "switch" => self.target.name.to_string())
            .set(f64::from(u8::from(connected)));
    }

    async fn open(&mut self) -> Result<Result<(Connection, Vec<Entry>), Lost>, Ended> {
        let (target, earlier) = (self.target.clone(), self.lost_before);
        self.wait(async move {
            let mut connection = Connection::open(target, earlier).await?;
            let actual = connection.read().await?;
            if let Some((code, message)) = connection.limit_icmp_errors().await? {
                tracing::error!(?code, message, "switch refused the limit on ICMP errors");
            }
            Ok((connection, actual))
        })
        .await
    }

    /// Waits for `future`; orders for earlier connections have become pointless.
    async fn wait<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Ended> {
        tokio::pin!(future);
        loop {
            tokio::select! {
                result = &mut future => return Ok(result),
                order = self.orders.recv() => drop(order.ok_or(Ended)?),
            }
        }
    }

    /// Carries out orders until the connection is lost. While the switch carries out a write, the next one is made and sent,
    /// unless they have an entry in common: which of the two comes first is not said anywhere.
    async fn serve(&mut self, connection: &mut Connection) -> Result<Lost, Ended> {
        let (mut under_way, mut keys, mut next) = (FuturesOrdered::new(), VecDeque::new(), None);
        let hasher = RandomState::default();
        loop {
            let free = |(_, own): &mut (_, Keys)| keys.iter().all(|other| own.is_disjoint(other));
            if let Some((operations, own)) = next.take_if(free) {
                keys.push_back(own);
                under_way.push_back(carry_out(self.target.name.clone(), connection.writer(), operations));
            }
            let order = tokio::select! {
                lost = connection.lost() => return Ok(lost),
                Some((operations, outcomes)) = under_way.next() => {
                    keys.pop_front();
                    match outcomes {
                        Ok(outcomes) => self.events.wrote(self.connection, &faults(&operations, outcomes)),
                        Err(lost) => return Ok(lost),
                    }
                    continue;
                }
                order = self.orders.recv(), if next.is_none() => order.ok_or(Ended)?,
            };
            match order {
                Order::Write { connection: of, operations } if of == self.connection => {
                    let own = operations.iter().map(|operation| hasher.hash_one(operation.key())).collect();
                    next = Some((operations, own));
                }
                Order::Reconnect { connection: of } if of == self.connection => return Ok(Lost::Undone),
                Order::Write { .. } | Order::Reconnect { .. } => {}
                // Whoever asked may be gone.
                Order::Look(asked) => drop(asked.send(connection.reader())),
            }
        }
    }
}

/// Hashes of the entries of a write: equal ones of different entries make a write wait, which does no harm.
type Keys = HashSet<u64, RandomState>;

async fn carry_out(
    switch: Arc<str>,
    writer: Writer,
    operations: Vec<Operation>,
) -> (Vec<Operation>, Result<Vec<Outcome>, Lost>) {
    let outcomes = write(&switch, writer, &operations).await;
    (operations, outcomes)
}

fn faults(operations: &[Operation], outcomes: Vec<Outcome>) -> Vec<Fault> {
    let fault = |(index, outcome): (usize, Outcome)| {
        let (code, message) = outcome?;
        Some(Fault { index, operation: operations[index], code: code as i32, message })
    };
    outcomes.into_iter().enumerate().filter_map(fault).collect()
}

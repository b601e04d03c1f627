//! One of the connections of a download, and those that follow it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Buf as _;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use http::{Request, StatusCode, header};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::link::{Link, Stream};
use super::range::{self, Whole};
use super::shared::Shared;
use super::{DownloadError, Striping};
use crate::sdk::class::{Class, Key};
use crate::sdk::gate::Refusal;
use crate::sdk::hopping::HopError;
use crate::sdk::http3::Http3Error;

/// A lane gives up after so many connections in a row that brought nothing.
const FAILURES: u32 = 3;
/// The shortest time until a refused hop is tried again, and until a connection is.
const PAUSE: Duration = Duration::from_millis(2);
/// The same if there is no address.
const LONG_PAUSE: Duration = Duration::from_millis(500);

/// What a lane that changes its address comes to.
enum Changed {
    Hopped(Result<(), HopError>),
    Opened(Result<Link, DownloadError>),
}

pub(super) struct Lane {
    number: usize,
    stripes: Striping,
    shared: Arc<Shared>,
    uri: http::Uri,
    /// When to leave the address.
    leave: Instant,
    meter: Arc<Meter>,
}

/// Counts what comes.
#[derive(Default)]
struct Meter {
    bytes: AtomicU64,
    came: Notify,
}

/// How a request ended.
struct Ended {
    link: Arc<Link>,
    outcome: Result<(), DownloadError>,
}

impl Lane {
    pub(super) fn new(
        number: usize,
        stripes: Striping,
        shared: Arc<Shared>,
        uri: http::Uri,
        start: std::time::Instant,
    ) -> Self {
        // The lanes leave one after the other.
        let share = (number + 1) as f64 / stripes.connections as f64;
        let leave = Instant::from_std(start) + draw(&stripes).mul_f64(share);
        Self { number, stripes, shared, uri, leave, meter: Arc::default() }
    }

    /// Gets pieces until there is nothing more to get.
    pub(super) async fn run(mut self, first: Option<(Arc<Link>, u64, Stream)>) {
        let mut work = self.shared.work();
        let mut requests: FuturesUnordered<BoxFuture<'static, Ended>> = FuturesUnordered::new();
        let (mut link, mut changing) = (None, None);
        let mut failures = 0;
        let mut begun = first.is_some();
        if let Some((first, name, stream)) = first {
            requests.push(Box::pin(receive(first.clone(), self.shared.clone(), self.meter.clone(), name, stream)));
            link = Some(first);
        } else {
            changing = Some(self.open(Duration::ZERO));
        }
        // What came until the last look, when that was, and what came in the round trip before.
        let (mut counted, mut look, mut pace) = (0, Instant::now(), 0);
        let (mut tries, mut explored): (Option<u64>, u64) = (None, 0);
        while !self.shared.is_over() {
            let now = Instant::now();
            if let Some(link) = &link {
                let round_trip = link.hopping.connection().rtt();
                let least = link.hopping.connection().stats().path.min_rtt;
                let bytes = self.meter.bytes.load(Ordering::Relaxed);
                if now >= look + round_trip {
                    (pace, counted, look) = (bytes - counted, bytes, now);
                }
                let came = pace.max(bytes - counted);
                while let Some((name, range, whole)) = self.shared.take(self.number, came, least) {
                    let uri = self.uri.clone();
                    let (shared, meter) = (self.shared.clone(), self.meter.clone());
                    requests.push(Box::pin(request(link.clone(), shared, meter, uri, name, range, whole)));
                }
                if now >= self.leave && changing.is_none() {
                    (changing, tries) = self.change(link.clone());
                }
            }
            let broken = async {
                match &link {
                    Some(link) => link.hopping.stalled().await,
                    None => std::future::pending().await,
                }
            };
            let settled = link.is_some() && changing.is_none();
            let change = async {
                match &mut changing {
                    Some(change) => change.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(Ended { link: of, outcome }) = requests.next() => match outcome {
                    Ok(()) => failures = 0,
                    Err(error @ DownloadError::Changed) => return self.shared.fail(error),
                    Err(error) if link.as_ref().is_some_and(|link| Arc::ptr_eq(link, &of)) => {
                        tracing::debug!(%error, lane = self.number, "the connection is left");
                        failures += 1;
                        if failures >= FAILURES {
                            return self.shared.given_up(self.number, &error);
                        }
                        link = None;
                        changing = Some(self.open(Duration::ZERO));
                    }
                    Err(_) => {}
                },
                () = broken => {
                    if let Some(link) = link.take() {
                        tracing::debug!(lane = self.number, "the server is silent");
                        if let Some(hops) = link.hopping.hops_until_stall() {
                            self.stripes.connector.memory().of(&self.key(), std::time::Instant::now()).stopped(hops);
                        }
                        requests.clear();
                        self.shared.disown(self.number);
                        failures += 1;
                        if failures >= FAILURES {
                            return self.shared.given_up(self.number, &Http3Error::Stalled.into());
                        }
                    }
                    changing = Some(self.open(Duration::ZERO));
                }
                changed = change => {
                    changing = None;
                    let pause = link.as_ref().map_or(PAUSE, |link| link.hopping.connection().rtt() / 2).max(PAUSE);
                    match changed {
                        Changed::Hopped(Ok(())) => self.leave = Instant::now() + draw(&self.stripes),
                        Changed::Hopped(Err(HopError::Refused(refusal))) => {
                            self.leave = Instant::now() + pause;
                            if matches!(refusal, Refusal::MigrationForbidden) {
                                changing = Some(self.open(Duration::ZERO));
                            }
                        }
                        Changed::Hopped(Err(_)) => self.leave = Instant::now() + LONG_PAUSE,
                        Changed::Opened(Ok(next)) => {
                            // The first one keeps its turn.
                            if begun {
                                self.leave = next.since + draw(&self.stripes);
                            }
                            begun = true;
                            link = Some(Arc::new(next));
                            explored = 0;
                        }
                        Changed::Opened(Err(error)) => {
                            failures += 1;
                            if failures >= FAILURES && link.is_none() {
                                return self.shared.given_up(self.number, &error);
                            }
                            changing = Some(self.open(LONG_PAUSE));
                        }
                    }
                }
                () = self.meter.came.notified() => {}
                _ = work.changed() => {}
                () = tokio::time::sleep_until(self.leave), if settled => {}
            }
            // A hop that nobody had tried before, and that the server followed.
            if let (Some(before), Some(link)) = (tries, &link)
                && link.hopping.follows_now(before)
            {
                explored += 1;
                self.stripes.connector.memory().of(&self.key(), std::time::Instant::now()).followed(explored);
                tries = None;
            }
        }
        drop(changing);
        requests.clear();
        if let Some(link) = link {
            link.hopping.close().await;
        }
    }

    /// Changes the address of a connection with another use.
    pub(super) async fn hop(mut self, link: Arc<Link>) {
        loop {
            tokio::select! {
                _ = link.hopping.connection().closed() => return,
                () = tokio::time::sleep_until(self.leave) => {}
            }
            self.leave = Instant::now()
                + match link.hopping.hop().await {
                    Ok(_) => draw(&self.stripes),
                    Err(HopError::Refused(Refusal::MigrationForbidden)) => return keep(link).await,
                    Err(HopError::Refused(_)) => (link.hopping.connection().rtt() / 2).max(PAUSE),
                    Err(_) => LONG_PAUSE,
                };
        }
    }

    fn key(&self) -> Key {
        (self.stripes.server, self.stripes.name.clone())
    }

    /// To another address: by a hop if the server is known to follow, or if it is this lane's turn to find out.
    fn change(&self, link: Arc<Link>) -> (Option<BoxFuture<'static, Changed>>, Option<u64>) {
        let class = self.stripes.connector.memory().of(&self.key(), std::time::Instant::now()).class();
        let hops = link.hopping.stats().hops;
        let tries = matches!(class, Class::Unknown(_)) && self.number == 0;
        if hops >= class.budget() && !tries {
            return (Some(self.open(Duration::ZERO)), None);
        }
        let before = tries.then(|| link.hopping.generation());
        let hop = async move { Changed::Hopped(link.hopping.hop().await.map(drop)) };
        (Some(Box::pin(hop)), before)
    }

    fn open(&self, after: Duration) -> BoxFuture<'static, Changed> {
        let Striping { connector, server, name, .. } = self.stripes.clone();
        Box::pin(async move {
            tokio::time::sleep(after).await;
            Changed::Opened(Link::open(connector, server, name).await)
        })
    }
}

/// Keeps a connection for another use.
pub(super) async fn keep(link: Arc<Link>) {
    link.hopping.connection().closed().await;
}

/// How long to stay at an address.
fn draw(stripes: &Striping) -> Duration {
    rand::random_range(stripes.stay.clone())
}

async fn request(
    link: Arc<Link>,
    shared: Arc<Shared>,
    meter: Arc<Meter>,
    uri: http::Uri,
    name: u64,
    range: Range<u64>,
    whole: Arc<Whole>,
) -> Ended {
    match part(&link, uri, &range, &whole).await {
        Ok(stream) => receive(link, shared, meter, name, stream).await,
        Err(error) => {
            shared.failed(name);
            Ended { link, outcome: Err(error) }
        }
    }
}

/// Asks for a part, and makes sure that it is one of this whole.
async fn part(link: &Link, uri: http::Uri, range: &Range<u64>, whole: &Whole) -> Result<Stream, DownloadError> {
    let request = Request::get(uri)
        .header(header::RANGE, range::header(range))
        .header(header::IF_RANGE, whole.tag.clone())
        .body(())?;
    let (head, stream) = link.ask(request).await?;
    match range::part(&head) {
        Some((of, part)) if of == *whole && part.start == range.start => Ok(stream),
        // Too many requests, or another trouble that passes.
        None if head.status().is_server_error() || head.status() == StatusCode::TOO_MANY_REQUESTS => {
            Err(DownloadError::GivenUp(head.status().to_string()))
        }
        _ => Err(DownloadError::Changed),
    }
}

/// Receives a piece.
async fn receive(link: Arc<Link>, shared: Arc<Shared>, meter: Arc<Meter>, name: u64, mut stream: Stream) -> Ended {
    let outcome = loop {
        match stream.recv_data().await {
            Ok(Some(mut chunk)) => {
                let bytes = chunk.copy_to_bytes(chunk.remaining());
                meter.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                meter.came.notify_one();
                // A stream that is dropped before its end is stopped.
                if !shared.arrived(name, bytes) {
                    break Ok(());
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.into()),
        }
    };
    shared.failed(name);
    Ended { link, outcome }
}

//! One client's connection at its provider.

use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, ReadExactError, RecvStream, SendStream};
use tokio::time::{Instant, sleep_until, timeout};

use crate::admission::hello;
use crate::frames::{self, Malformed, Pull};
use crate::inbox::Store;
use crate::places::{SharedPace, lock};
use crate::server::Shared;
use crate::shape::Shape;
use crate::{AccountId, codes, tls};

/// For the handshake, a hello, a request for the state, and until a client has read an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Until a client has read the network's state: larger than what connections carry in a moment.
const LONG_PATIENCE: Duration = Duration::from_secs(120);

/// From a pull to its answer: longer than the store takes, so that the time does not tell whether there were messages.
const ANSWER_AFTER: Duration = Duration::from_millis(5);

/// Why a connection ends.
pub(crate) enum End {
    /// Closed by the client, replaced, lost.
    Closed,
    Refused,
    Malformed(&'static str),
    Slow,
}

impl From<Malformed> for End {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed.0)
    }
}

/// Serves it until it ends. Metrics say how.
pub(crate) async fn serve(shared: Arc<Shared>, connection: Connection) {
    metrics::counter!("mimiq_provider_connections_total").increment(1);
    let code = match conversation(&shared, &connection).await {
        End::Closed => codes::STOPPED,
        End::Refused => codes::REFUSED,
        End::Malformed(what) => {
            malformed(what);
            codes::MALFORMED
        }
        End::Slow => {
            malformed("slow");
            codes::SLOW
        }
    };
    connection.close(code.into(), b"");
}

async fn conversation(shared: &Arc<Shared>, connection: &Connection) -> End {
    // A handshake without one fails.
    let Some(key) = tls::peer(connection) else { return End::Malformed("key") };
    let account = AccountId::of(&key);
    let (send, receive, shape) = match timeout(PATIENCE, hello(shared, connection, account, &key)).await {
        Ok(Ok(streams)) => streams,
        Ok(Err(end)) => return end,
        Err(_) => return End::Slow,
    };
    let pace = shared.places.enter(account, connection, shape.pulls_per_second(), shared.now());
    let end = tokio::select! {
        end = packets(shared, connection, &shape, &pace) => end,
        end = pulls(shared, account, (&shape, &pace), send, receive) => end,
        end = states(shared, connection, &pace) => end,
    };
    shared.places.leave(account, connection);
    end
}

/// Reads the store where the disk may let a thread wait; nothing if it cannot be read.
pub(crate) async fn read_store<T: Send + 'static>(
    shared: &Arc<Shared>,
    read: impl FnOnce(&Store) -> Result<T, redb::Error> + Send + 'static,
) -> Option<T> {
    let store = shared.store.clone();
    // It fails only when the runtime ends.
    let found = tokio::task::spawn_blocking(move || read(&store)).await.ok()?;
    match found {
        Ok(found) => Some(found),
        // Said already, by who met the error before this.
        Err(redb::Error::PreviousIo) => None,
        Err(error) => {
            tracing::error!(%error, "the store cannot be read");
            None
        }
    }
}

/// Sphinx packets: what comes as a datagram.
async fn packets(shared: &Shared, connection: &Connection, shape: &Shape, pace: &SharedPace) -> End {
    while let Ok(packet) = connection.read_datagram().await {
        let dropped = if packet.len() != shape.packet_len() {
            "malformed"
        } else if !lock(pace).packets.take(shared.now()) {
            "rate_limited"
        } else if !(shared.packets)(&packet) {
            "overloaded"
        } else {
            metrics::counter!("mimiq_provider_packets_total").increment(1);
            continue;
        };
        metrics::counter!("mimiq_provider_packets_dropped_total", "reason" => dropped).increment(1);
    }
    End::Closed
}

/// Pulls, one after the other. Each is answered after the same time, with as many bytes.
async fn pulls(
    shared: &Arc<Shared>,
    account: AccountId,
    (shape, pace): (&Shape, &SharedPace),
    mut send: SendStream,
    mut receive: RecvStream,
) -> End {
    loop {
        let mut request = [0; Pull::LEN];
        match read(&mut receive, &mut request, "pull").await {
            Ok(Some(())) => {}
            // The client has pulled for the last time.
            Ok(None) => return End::Closed,
            Err(end) => return end,
        }
        let due = Instant::now() + ANSWER_AFTER;
        let mut messages = Vec::new();
        if may_pull(shared, pace) {
            let (pull, slots) = (Pull::parse(request), shape.messages_per_pull());
            match read_store(shared, move |store| store.pull(account, pull, slots)).await {
                Some(found) => {
                    metrics::counter!("mimiq_provider_pulls_total").increment(1);
                    messages = found;
                }
                None => pull_refused("store"),
            }
        } else {
            pull_refused("rate_limited");
        }
        let answer = frames::answer(shape, &messages, &mut rand::rng());
        sleep_until(due).await;
        match timeout(PATIENCE, send.write_all(&answer)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::Closed,
            Err(_) => return End::Slow,
        }
    }
}

/// As often as the newest state says, whenever the connection began.
fn may_pull(shared: &Shared, pace: &SharedPace) -> bool {
    let mut pace = lock(pace);
    pace.pulls.set_rate(shared.shape().pulls_per_second());
    pace.pulls.take(shared.now())
}

/// Requests for the network's state, one after the other.
async fn states(shared: &Shared, connection: &Connection, pace: &SharedPace) -> End {
    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
        let mut request = [0; 9];
        match timeout(PATIENCE, read(&mut receive, &mut request, "state")).await {
            Ok(Ok(Some(()))) => {}
            Ok(Ok(None)) => return End::Malformed("state"),
            Ok(Err(end)) => return end,
            Err(_) => return End::Slow,
        }
        let [kind, serial @ ..] = request;
        if kind != frames::STATE {
            return End::Malformed("stream");
        }
        let state = shared.state.borrow().clone();
        let (envelope, sent) = if !lock(pace).states.take(shared.now()) {
            (None, "rate_limited")
        } else if state.serial > u64::from_be_bytes(serial) {
            (Some(state.envelope), "state")
        } else {
            (None, "not_newer")
        };
        metrics::counter!("mimiq_provider_states_total", "sent" => sent).increment(1);
        let envelope = envelope.as_deref().unwrap_or_default();
        let length = u32::try_from(envelope.len()).unwrap_or_default();
        let answer = async {
            send.write_all(&length.to_be_bytes()).await?;
            send.write_all(envelope.get(..length as usize).unwrap_or_default()).await
        };
        match timeout(LONG_PATIENCE, answer).await {
            Ok(Ok(())) => {}
            // It does not want it any more.
            Ok(Err(_)) => continue,
            Err(_) => return End::Slow,
        }
        let _ = send.finish();
    }
    End::Closed
}

/// Fills a buffer with what a client sends, unless its stream ends before the first byte.
pub(crate) async fn read(receive: &mut RecvStream, buffer: &mut [u8], what: &'static str) -> Result<Option<()>, End> {
    match receive.read_exact(buffer).await {
        Ok(()) => Ok(Some(())),
        Err(ReadExactError::FinishedEarly(0)) => Ok(None),
        Err(ReadExactError::FinishedEarly(_)) => Err(End::Malformed(what)),
        Err(ReadExactError::ReadError(quinn::ReadError::Reset(_))) => Err(End::Malformed(what)),
        Err(ReadExactError::ReadError(_)) => Err(End::Closed),
    }
}

fn pull_refused(reason: &'static str) {
    metrics::counter!("mimiq_provider_pulls_refused_total", "reason" => reason).increment(1);
}

fn malformed(what: &'static str) {
    metrics::counter!("mimiq_provider_malformed_total", "where" => what).increment(1);
}

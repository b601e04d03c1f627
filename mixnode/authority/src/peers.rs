//! What an authority asks the others, again and again: everything is pulled, so that one that was away has missed nothing.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use mimiq_directory::{Descriptor, Envelope, Refused, Unfit};

use crate::Reluctance;
use crate::client::{self, ClientError};
use crate::config::Peer;
use crate::keeper::{NotPublished, NotSigned, NotTaken};
use crate::service::Shared;

/// How much a peer may send of each node: two descriptors, whatever is between them.
const MOST_OF_A_NODE: usize = 2 * (17 << 10);

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// How often a peer is asked: several times a round, as a proposal must go one way and the signatures the other.
pub(crate) fn period(round: u64) -> Duration {
    (Duration::from_secs(round) / 8).clamp(Duration::from_millis(100), Duration::from_secs(5))
}

/// Proposes when it is time.
pub(crate) async fn propose(shared: Arc<Shared>, period: Duration) {
    let mut turns = tokio::time::interval(period);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let outcome = shared
            .with(|keeper| {
                if let Err(error) = keeper.propose(now()) {
                    tracing::error!(%error, "nothing can be signed");
                }
                keeper.complete(now())
            })
            .await;
        if let Some(Err(why)) = outcome {
            not_published(&why, "the proposal");
        }
    }
}

/// Asks one peer, for ever.
pub(crate) struct Asker {
    shared: Arc<Shared>,
    peer: Peer,
    nodes: usize,
    state: Option<HeaderValue>,
    descriptors: Option<HeaderValue>,
    /// What was logged last.
    complaint: String,
}

impl Asker {
    /// Of a network of so many admitted nodes.
    pub(crate) fn new(shared: Arc<Shared>, peer: Peer, nodes: usize) -> Self {
        Self { shared, peer, nodes, state: None, descriptors: None, complaint: String::new() }
    }

    pub(crate) async fn run(mut self, period: Duration) {
        let mut turns = tokio::time::interval(period);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            match self.ask().await {
                Ok(()) if self.complaint.is_empty() => {}
                Ok(()) => {
                    self.complaint.clear();
                    tracing::info!(peer = %self.peer.url, "a peer answers again");
                }
                Err(error) => {
                    metrics::counter!("mimiq_authority_peer_failures_total").increment(1);
                    let complaint = error.to_string();
                    if complaint != self.complaint {
                        tracing::warn!(peer = %self.peer.url, %error, "a peer does not answer");
                        self.complaint = complaint;
                    }
                }
            }
        }
    }

    /// Descriptors first: what a proposal was made of is here before it is looked at.
    async fn ask(&mut self) -> Result<(), ClientError> {
        self.ask_for_descriptors().await?;
        for serial in self.shared.with(|keeper| keeper.open_serials(now())).await.unwrap_or_default() {
            self.ask_for_proposal(serial).await?;
        }
        self.ask_for_state().await
    }

    async fn ask_for_descriptors(&mut self) -> Result<(), ClientError> {
        let most = self.nodes * MOST_OF_A_NODE + 2;
        let answer = client::get(&self.peer.url, "/v1/descriptors", self.descriptors.as_ref(), most).await?;
        let Some(answer) = answer else { return Ok(()) };
        let learn = move |keeper: &mut crate::keeper::Keeper| {
            let descriptors: Vec<Descriptor> = serde_json::from_slice(&answer.bytes)?;
            let mut refused = Vec::new();
            for descriptor in descriptors {
                match keeper.learn(&descriptor) {
                    // The peer has not heard the newest yet.
                    Ok(()) | Err(NotTaken::Unfit(Unfit::Old { .. })) => {}
                    Err(NotTaken::Unfit(why)) => refused.push(why),
                    Err(NotTaken::Store(error)) => {
                        tracing::error!(%error, "a descriptor was not stored");
                        // It must come again.
                        return Ok(None);
                    }
                }
            }
            if let Some(why) = refused.first() {
                tracing::info!(count = refused.len(), %why, "descriptors from a peer do not count");
            }
            Ok(answer.tag)
        };
        match self.shared.with(learn).await {
            Some(Ok(tag)) => self.descriptors = tag,
            Some(Err(error)) => self.nonsense(&error),
            None => {}
        }
        Ok(())
    }

    async fn ask_for_proposal(&mut self, serial: u64) -> Result<(), ClientError> {
        let path = format!("/v1/proposal/{serial}");
        let Some(answer) = client::get(&self.peer.url, &path, None, Envelope::MOST_BYTES).await? else { return Ok(()) };
        let envelope = match serde_json::from_slice::<Envelope>(&answer.bytes) {
            Ok(envelope) => envelope,
            Err(error) => {
                self.nonsense(&error);
                return Ok(());
            }
        };
        let heard = self.shared.with(move |keeper| (keeper.hear(envelope, now()), keeper.complete(now()))).await;
        let Some((heard, completed)) = heard else { return Ok(()) };
        match heard {
            Ok(_) => {}
            Err(NotSigned::Store(error)) => tracing::error!(%error, "nothing can be signed"),
            Err(NotSigned::Reluctance(why)) => {
                metrics::counter!("mimiq_authority_refusals_total", "reason" => why.name()).increment(1);
                match why {
                    // What is missing comes with the next answers.
                    Reluctance::Differs(_) | Reluctance::Serial { .. } | Reluctance::Older { .. } => {
                        tracing::debug!(peer = %self.peer.url, %why, "a proposal is not signed");
                    }
                    _ => tracing::warn!(peer = %self.peer.url, %why, "a proposal is not signed"),
                }
            }
        }
        if let Err(why) = completed {
            not_published(&why, "the proposal");
        }
        Ok(())
    }

    async fn ask_for_state(&mut self) -> Result<(), ClientError> {
        // What is served here already is the same there, most of the time.
        let own = self.shared.state().map(|page| page.tag);
        let tag = self.state.as_ref().or(own.as_ref());
        let answer = client::get(&self.peer.url, "/v1/state", tag, Envelope::MOST_BYTES).await?;
        let Some(answer) = answer else { return Ok(()) };
        let tag = answer.tag;
        if let Some(Err(why)) = self.shared.with(move |keeper| keeper.adopt(&answer.bytes, now())).await {
            not_published(&why, &self.peer.url.to_string());
            // What is refused for ever need not come again; this is not.
            if matches!(why, NotPublished::Store(_) | NotPublished::Refused(Refused::TooEarly { .. })) {
                return Ok(());
            }
        }
        self.state = tag;
        Ok(())
    }

    fn nonsense(&self, error: &serde_json::Error) {
        metrics::counter!("mimiq_authority_refusals_total", "reason" => "malformed").increment(1);
        tracing::warn!(peer = %self.peer.url, %error, "a peer's answer is malformed");
    }
}

fn not_published(why: &NotPublished, from: &str) {
    match why {
        NotPublished::Store(error) => tracing::error!(%error, "a state cannot be published"),
        NotPublished::Refused(why @ (Refused::Older { .. } | Refused::TooEarly { .. })) => {
            tracing::debug!(%why, from, "a state is not taken");
        }
        NotPublished::Refused(why @ Refused::Equivocation(_)) => {
            metrics::counter!("mimiq_authority_equivocations_total").increment(1);
            tracing::error!(%why, from, "authorities must not be trusted any more");
        }
        NotPublished::Refused(why) => tracing::warn!(%why, from, "a state is refused"),
    }
}

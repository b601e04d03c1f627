//! How nodes and clients get a network's state, and how nodes send their descriptors.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;
use mimiq_directory::{Descriptor, Directory, Envelope, Hex32, Refused, Seen, Trust};
use rand::seq::SliceRandom as _;

use crate::client::{self, ClientError};
use crate::durable;
use crate::url::BaseUrl;

/// Follows the states of a network. The newest is kept in a file, so that neither an older one is believed after a restart, nor authorities are
/// needed as long as it counts. One process may use the file.
#[derive(Clone, Debug)]
pub struct Follower(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    trust: Trust,
    network: String,
    urls: Vec<BaseUrl>,
    file: PathBuf,
    held: Mutex<Option<Held>>,
}

/// The newest state that was accepted.
#[derive(Clone, Debug)]
struct Held {
    seen: Seen,
    envelope: Arc<[u8]>,
}

/// Why a state was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// It is not to be believed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It cannot be remembered. What is not remembered could be followed by something older after a restart.
    #[error("{path}: {error}")]
    File {
        /// The follower's file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// Why authorities said nothing of use.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// None of them can be believed, or reached: what each was refused for.
    #[error("no authority of use: {}", .0.join("; "))]
    Nobody(Vec<String>),
    /// A state cannot be remembered.
    #[error(transparent)]
    Accept(AcceptError),
}

/// No authority took a descriptor: what each said.
#[derive(Debug, thiserror::Error)]
#[error("no authority took it: {}", .0.join("; "))]
pub struct PublishError(pub Vec<String>);

impl Follower {
    /// Follows a network at some authorities, and remembers in a file.
    ///
    /// # Errors
    /// If the file is there but cannot be read: to go on without it would be to forget what was seen.
    pub fn new(trust: Trust, network: String, urls: Vec<BaseUrl>, file: PathBuf) -> Result<Self, AcceptError> {
        let held = match durable::read(&file) {
            Ok(None) => None,
            Ok(Some(bytes)) => Some(held(bytes).map_err(|error| AcceptError::File { path: file.clone(), error })?),
            Err(error) => return Err(AcceptError::File { path: file, error }),
        };
        Ok(Self(Arc::new(Shared { trust, network, urls, file, held: Mutex::new(held) })))
    }

    /// The newest state that was accepted, also before a restart.
    ///
    /// # Errors
    /// If it does not count any more.
    pub fn stored(&self, now: u64) -> Result<Option<Directory>, Refused> {
        let Some(Held { seen, envelope }) = self.0.held() else { return Ok(None) };
        self.0.trust.open(&envelope, &self.0.network, now, Some(seen)).map(Some)
    }

    /// The newest state that was accepted, as it was signed: to pass it on.
    #[must_use]
    pub fn envelope(&self) -> Option<Arc<[u8]>> {
        self.0.held().map(|held| held.envelope)
    }

    /// Takes a state from elsewhere; none if it is the one that is held. Writes a file.
    ///
    /// # Errors
    /// If it is not to be believed, older than the one that is held, or cannot be remembered.
    pub fn accept(&self, bytes: &[u8], now: u64) -> Result<Option<Directory>, AcceptError> {
        self.0.accept(bytes, now)
    }

    /// Asks the authorities, in random order, until one has a newer state; none if nobody has.
    ///
    /// # Errors
    /// If no authority can be reached and believed, or a state cannot be remembered.
    pub async fn fetch(&self, now: u64) -> Result<Option<Directory>, FetchError> {
        let mut urls: Vec<&BaseUrl> = self.0.urls.iter().collect();
        urls.shuffle(&mut rand::rng());
        let (mut refused, mut answered) = (Vec::new(), false);
        for url in urls {
            match self.fetch_from(url, now).await {
                Ok(Some(directory)) => return Ok(Some(directory)),
                Ok(None) => answered = true,
                Err(Skipped::Accept(error @ AcceptError::File { .. })) => return Err(FetchError::Accept(error)),
                Err(why) => {
                    tracing::warn!(authority = %url, %why, "an authority is skipped");
                    refused.push(format!("{url}: {why}"));
                }
            }
        }
        if answered { Ok(None) } else { Err(FetchError::Nobody(refused)) }
    }

    /// Sends a descriptor to all authorities: how many took it.
    ///
    /// # Errors
    /// If none did.
    pub async fn publish(&self, descriptor: &Descriptor) -> Result<usize, PublishError> {
        let bytes = serde_json::to_vec(descriptor).map_err(|error| PublishError(vec![error.to_string()]))?;
        let bytes = hyper::body::Bytes::from(bytes);
        let mut sent = tokio::task::JoinSet::new();
        for url in self.0.urls.clone() {
            let bytes = bytes.clone();
            sent.spawn(async move {
                let outcome = client::post(&url, "/v1/descriptors", bytes).await;
                outcome.map_err(|why| {
                    tracing::warn!(authority = %url, %why, "an authority did not take a descriptor");
                    format!("{url}: {why}")
                })
            });
        }
        let outcomes = sent.join_all().await;
        let total = outcomes.len();
        let refused: Vec<String> = outcomes.into_iter().filter_map(Result::err).collect();
        if refused.len() < total { Ok(total - refused.len()) } else { Err(PublishError(refused)) }
    }

    async fn fetch_from(&self, url: &BaseUrl, now: u64) -> Result<Option<Directory>, Skipped> {
        let tag =
            self.0.held().and_then(|held| HeaderValue::try_from(format!("\"{}\"", Hex32::from(held.seen.digest))).ok());
        let answer = client::get(url, "/v1/state", tag.as_ref(), Envelope::MOST_BYTES).await?;
        let Some(answer) = answer else { return Ok(None) };
        let shared = self.0.clone();
        // Signatures and files take longer than a task may.
        let accepted = tokio::task::spawn_blocking(move || shared.accept(&answer.bytes, now)).await;
        Ok(accepted.map_err(|_| Skipped::Broken)??)
    }
}

/// Why an authority's answer is of no use.
#[derive(Debug, thiserror::Error)]
enum Skipped {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Accept(#[from] AcceptError),
    #[error("the check broke off")]
    Broken,
}

impl Shared {
    fn held(&self) -> Option<Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn accept(&self, bytes: &[u8], now: u64) -> Result<Option<Directory>, AcceptError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let before = held.as_ref().map(|held| held.seen);
        let directory = self.trust.open(bytes, &self.network, now, before)?;
        if Some(directory.seen()) == before {
            return Ok(None);
        }
        // Before anybody acts on it.
        durable::write(&self.file, bytes).map_err(|error| AcceptError::File { path: self.file.clone(), error })?;
        *held = Some(Held { seen: directory.seen(), envelope: bytes.into() });
        Ok(Some(directory))
    }
}

/// What a follower wrote itself: checked already, but maybe not valid any more.
fn held(bytes: Vec<u8>) -> io::Result<Held> {
    let envelope: Envelope = serde_json::from_slice(&bytes)?;
    let seen = Trust::review(&envelope.state).map_err(io::Error::other)?.seen();
    Ok(Held { seen, envelope: bytes.into() })
}

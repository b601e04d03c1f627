//! A running client, as an application has it.

use std::sync::Arc;

use mimiq_access::{Refusal, Token};
use mimiq_directory::Routes;
use mimiq_messages::{Address, MessageId, OutboxConfig, SubmitError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::core::{Core, CoreError, Event};
use crate::session::{Command, Session};
use crate::{Folder, FolderError, Keys, Link};

/// Events that wait for the application. While it does not look, no more messages are taken from the inbox.
const EVENTS: usize = 64;
const COMMANDS: usize = 64;

/// The client has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client has stopped")]
pub struct Stopped;

/// Why a message is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSubmitted {
    /// The recipient cannot be reached.
    #[error("provider {0:?} is not in the network")]
    Provider(String),
    /// It is too long, or there are too many.
    #[error(transparent)]
    Outbox(#[from] SubmitError),
    /// The client has ended.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a message does not count as received.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// That it was received cannot be stored: it will be shown again.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The client has ended.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// How it is with the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It is being tried.
    NotYet,
    /// There is a connection.
    Connected,
    /// It does not serve this client. It is tried again nevertheless.
    Refused(Refusal),
}

/// How a client is to be.
pub struct Settings {
    /// Its secrets.
    pub keys: Keys,
    /// Its address, with its provider.
    pub address: Address,
    /// What lets it register, where that is asked for.
    pub token: Option<Token>,
    /// How its provider is reached.
    pub link: Link,
    /// Where it keeps what it received. One without shows messages again after a restart.
    pub folder: Option<Folder>,
    /// How messages are sent again.
    pub outbox: OutboxConfig,
    /// Where states of the network go that its provider hands out.
    pub states: Option<mpsc::Sender<Vec<u8>>>,
}

/// A running client: it ends when this is dropped.
pub struct Client {
    handle: Handle,
    events: mpsc::Receiver<Event>,
    connected: watch::Receiver<Reached>,
    task: JoinHandle<()>,
}

/// Hands messages in.
#[derive(Clone)]
pub struct Handle(mpsc::Sender<Command>);

impl Client {
    /// Starts one, in a network as it is when there is one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If packets of the network are too small for messages.
    pub fn start(
        settings: Settings,
        snapshot: mimiq_messages::Snapshot,
        geometry: mimiq_sphinx::Geometry,
        routes: watch::Receiver<Option<Arc<Routes>>>,
    ) -> Result<Self, CoreError> {
        let core = Core::new(settings.keys.identity(), settings.address.clone(), geometry, settings.outbox, snapshot)?;
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let (event_sender, events) = mpsc::channel(EVENTS);
        let (connected_sender, connected) = watch::channel(Reached::NotYet);
        let session = Session::new(core, settings, routes, command_receiver, event_sender, connected_sender);
        Ok(Self { handle: Handle(commands), events, connected, task: tokio::spawn(session.run()) })
    }

    /// What happens. None when the client has ended.
    pub async fn event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Hands messages in, also from elsewhere.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// How it is with its provider.
    #[must_use]
    pub fn connected(&self) -> watch::Receiver<Reached> {
        self.connected.clone()
    }

    /// Ends it, and waits until it has: then its folder is free.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Client {
    /// Also if there are [`Handle`]s still.
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Handle {
    /// Hands a message in, to be sent when the clock says so.
    ///
    /// # Errors
    /// If the client does not take it, or has ended.
    pub async fn submit(&self, to: Address, text: Vec<u8>, reliable: bool) -> Result<MessageId, NotSubmitted> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Command::Submit { to, text, reliable, answer }).await.map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)?
    }

    /// Says that a message has been received: its sender is told so, and the provider deletes it. When it returns, a restart does not show it again.
    ///
    /// # Errors
    /// If that cannot be stored, or the client has ended.
    pub async fn taken(&self, id: MessageId) -> Result<(), NotTaken> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Command::Taken { id, answer }).await.map_err(|_| Stopped)?;
        Ok(answered.await.map_err(|_| Stopped)??)
    }

    /// Waits until nothing is left to be sent, acknowledgements included, and the provider knows what it may delete.
    ///
    /// # Errors
    /// If the client has ended.
    pub async fn settle(&self) -> Result<(), Stopped> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Command::Settle { answer }).await.map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }
}

#[cfg(test)]
mod tests {
    use mimiq_messages::Snapshot;

    use super::*;

    #[tokio::test]
    async fn who_has_a_handle_does_not_keep_it_running() {
        let keys = Keys::generate(&mut rand::rng());
        let address = keys.address("p1").unwrap();
        let outbox = OutboxConfig { first_timeout: 1, most_attempts: 1, most_messages: 2 };
        let settings = Settings {
            keys,
            address: address.clone(),
            token: None,
            link: Link::Plain,
            folder: None,
            outbox,
            states: None,
        };
        let (_state, routes) = watch::channel(None);
        let client = Client::start(settings, Snapshot::default(), mimiq_sphinx::Geometry::default(), routes).unwrap();
        let handle = client.handle();
        assert!(handle.submit(address.clone(), b"one".to_vec(), true).await.is_ok());
        drop(client);
        assert_eq!(handle.submit(address, b"two".to_vec(), true).await, Err(NotSubmitted::Stopped(Stopped)));
    }
}

//! A running client, as an application has it.

use std::sync::Arc;

use mimiq_access::Token;
use mimiq_directory::Routes;
use mimiq_messages::{Address, MessageId, OutboxConfig, SubmitError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::core::{Core, CoreError, Event};
use crate::session::{Command, Session};
use crate::{Folder, Keys, Link};

/// Events that wait for the application. While it does not look, no more messages are taken from the inbox.
const EVENTS: usize = 64;
const COMMANDS: usize = 64;

/// The client has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client has stopped")]
pub struct Stopped;

/// What became of handing a message in.
pub type Submitted = Result<Result<MessageId, SubmitError>, Stopped>;

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
    connected: watch::Receiver<bool>,
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
        let (connected_sender, connected) = watch::channel(false);
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

    /// Whether it is connected to its provider.
    #[must_use]
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.connected.clone()
    }

    /// Ends it.
    pub async fn stop(self) {
        drop(self.events);
        drop(self.handle);
        self.task.abort();
        let _ = self.task.await;
    }
}

impl Handle {
    /// Hands a message in, to be sent when the clock says so.
    ///
    /// # Errors
    /// If the client has ended, or (inside) does not take the message.
    pub async fn submit(&self, to: Address, text: Vec<u8>, reliable: bool) -> Submitted {
        let (answer, answered) = oneshot::channel();
        self.0.send(Command::Submit { to, text, reliable, answer }).await.map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }

    /// Says that a message has been received: its sender is told so, and the provider deletes it. When it returns, a restart does not show it again.
    ///
    /// # Errors
    /// If the client has ended.
    pub async fn taken(&self, id: MessageId) -> Result<(), Stopped> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Command::Taken { id, answer }).await.map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
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

//! A client as the commands have it: from its file to being connected.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use mimiq_agent::sdk::Agent;
use mimiq_client::{Client, Folder, Link, Reached, Settings};
use mimiq_messages::Address;

use crate::config::ClientConfig;
use crate::follow::{Following, follow};

/// A running client, and what it needs.
pub(super) struct Started {
    pub(super) client: Client,
    pub(super) address: Address,
    _following: Following,
}

impl Started {
    /// Starts the client of a file; it is connected when this returns.
    pub(super) async fn new(file: &Path) -> anyhow::Result<Self> {
        let config = ClientConfig::load(file)?;
        let folder = Folder::open(&config.folder)?;
        let keys = folder.keys(&mut rand::rng())?;
        let address = keys.address(&config.provider)?;
        let link = match &config.agent {
            Some(socket) => Link::Agent(Agent::connect(socket).await.with_context(|| socket.display().to_string())?),
            None => Link::Plain,
        };
        let mut following = follow(&config.network, folder.state(), true)?;
        tracing::info!("waiting for the network's state");
        let geometry = {
            let routes = following.routes.wait_for(Option::is_some).await.context("state")?;
            routes.as_ref().map(|routes| routes.directory().geometry()).context("state")?
        };
        let snapshot = folder.received()?;
        let settings = Settings {
            keys,
            address: address.clone(),
            token: config.token()?,
            link,
            folder: Some(folder),
            outbox: config.outbox(),
            states: Some(following.states.clone()),
        };
        let client = Client::start(settings, snapshot, geometry, following.routes.clone())?;
        tracing::info!("connecting");
        let reached = *client.connected().wait_for(|reached| *reached != Reached::NotYet).await.context("client")?;
        if let Reached::Refused(refusal) = reached {
            bail!("provider {:?}: refused: {refusal}", config.provider);
        }
        tracing::info!("connected");
        Ok(Self { client, address, _following: following })
    }

    /// Ends the client once nothing is left to be sent, acknowledgements included, and the provider knows what it may delete; earlier if that takes longer,
    /// or at a signal. Whether all of it was done.
    pub(super) async fn end(self, longest: Duration) -> anyhow::Result<bool> {
        let (now, handle) = (mimiq_daemon::stop_signal()?, self.client.handle());
        let settled = tokio::select! {
            settled = handle.settle() => settled.is_ok(),
            () = tokio::time::sleep(longest) => false,
            () = now => {
                tracing::info!("a signal: nothing is waited for");
                false
            }
        };
        self.client.stop().await;
        Ok(settled)
    }
}

//! What can be changed while the controller runs: switches, limits, and who is let in. The rest needs a restart, and is
//! refused with its name rather than left out in silence.

mod changes;

use std::{collections::HashSet, sync::Arc};

use mimiq_core::TopologyError;
use tokio::sync::Mutex;

use crate::{
    admin::Doors,
    allocator::Allocator,
    config::{Config, ConfigError},
    p4rt::{ElectionId, Target},
    relay::{RelaySocket, Tunnels},
    service::Service,
    tls::{CertificateId, Identity, TlsError},
};
use changes::Changes;

/// Why the configuration was not read again. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The configuration was no file.
    #[error("the configuration was not read from a file")]
    NoFile,
    /// The file is wrong.
    #[error("the configuration cannot be used")]
    Config(#[from] ConfigError),
    /// A file that it names is wrong.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Something was changed that cannot be changed now.
    #[error("cannot be changed while the controller runs: {}", .0.join(", "))]
    Restart(Vec<String>),
    /// A new switch has the name or the SID of one that is there.
    #[error(transparent)]
    Switches(#[from] TopologyError),
}

/// A running controller, as far as it can be changed.
pub struct Live {
    pub(crate) allocator: Arc<Allocator>,
    pub(crate) service: Arc<Service>,
    pub(crate) socket: Arc<RelaySocket>,
    pub(crate) tunnels: Tunnels,
    pub(crate) doors: Arc<Doors>,
    pub(crate) election_id: ElectionId,
    state: Mutex<State>,
}

struct State {
    config: Config,
    revoked: HashSet<CertificateId>,
}

/// The parts that [`Live`] is made of.
pub(crate) struct Parts {
    pub(crate) allocator: Arc<Allocator>,
    pub(crate) service: Arc<Service>,
    pub(crate) socket: Arc<RelaySocket>,
    pub(crate) tunnels: Tunnels,
    pub(crate) doors: Arc<Doors>,
    pub(crate) election_id: ElectionId,
}

impl Live {
    /// Takes up the configuration: its switches are added, and its identity counts.
    pub(crate) fn start(parts: Parts, config: &Config, identity: &Identity) -> Result<Self, ReloadError> {
        let Parts { allocator, service, socket, tunnels, doors, election_id } = parts;
        let state = Mutex::new(State { config: config.clone(), revoked: revoked(identity) });
        let live = Self { allocator, service, socket, tunnels, doors, election_id, state };
        for switch in &config.switches {
            live.allocator.add_switch(config.spec(switch), target(switch, election_id))?;
        }
        live.follow_tunnels();
        live.let_in(identity)?;
        Ok(live)
    }

    /// What the controller was last configured with.
    pub async fn config(&self) -> Config {
        self.state.lock().await.config.clone()
    }

    /// Reads the configuration file again and applies it, all or nothing. Says what was changed.
    ///
    /// # Errors
    /// If it is wrong, or changes what needs a restart.
    pub async fn reload(&self) -> Result<Vec<String>, ReloadError> {
        let mut state = self.state.lock().await;
        if state.config.file.as_os_str().is_empty() {
            return Err(ReloadError::NoFile);
        }
        let new = Config::load(&state.config.file)?;
        let identity = Identity::load(&new.pki)?;
        let changes = Changes::between(&state.config, &new)?;
        self.allocator.with(|core, _| changes.added.iter().try_for_each(|switch| core.check_new(&new.spec(switch))))?;
        let mut said = changes.said;
        let revoked = revoked(&identity);
        let closed = self.let_in(&identity)?;
        if revoked != state.revoked {
            said.push(format!("pki.crl: {} certificates are revoked, {closed} connections closed", revoked.len()));
        }
        self.allocator.with(|core, now| {
            core.set_limits(new.request_limits());
            core.set_quota(new.limits.addresses_per_client);
            core.set_mtu(new.client_mtu());
            changes.removed.iter().try_for_each(|name| core.remove_switch(now, name))
        })?;
        self.socket.set_rate(new.limits.datagrams_per_port);
        for switch in &changes.added {
            self.allocator.add_switch(new.spec(switch), target(switch, self.election_id))?;
        }
        // All of them: what a switch must have depends on the others as well.
        self.allocator
            .with(|core, _| new.switches.iter().try_for_each(|switch| core.update_switch(new.spec(switch))))?;
        self.follow_tunnels();
        for change in &said {
            tracing::info!(change, "configuration changed");
        }
        *state = State { config: new, revoked };
        Ok(said)
    }

    /// Those of removed switches stay until these are gone: their clients must still hear of it.
    fn follow_tunnels(&self) {
        let tunnels = self.allocator.with(|core, _| {
            core.switches().filter_map(|(_, switch)| Some((switch.sid()?, switch.tunnel_addr()))).collect()
        });
        self.tunnels.set(tunnels);
    }

    fn let_in(&self, identity: &Identity) -> Result<usize, TlsError> {
        let admin = identity.admin()?;
        let closed = self.service.set_identity(identity)?;
        self.doors.set(admin, revoked(identity));
        Ok(closed)
    }
}

fn revoked(identity: &Identity) -> HashSet<CertificateId> {
    identity.crl().map(|crl| crl.revoked().clone()).unwrap_or_default()
}

fn target(switch: &crate::config::Switch, election_id: ElectionId) -> Target {
    Target {
        name: switch.name.as_str().into(),
        uri: switch.p4runtime.clone(),
        device_id: switch.device_id,
        election_id,
        device_config: switch.device_config.as_ref().map(|program| program.bytes().clone()).unwrap_or_default(),
    }
}

//! Who may write (P4Runtime §5): one primary a role, chosen by election ID. Pure: streams are numbers, notices are
//! returned.

use std::collections::{BTreeMap, HashMap};

/// A live StreamChannel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// What the notice says of the stream that gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the primary: OK.
    Primary,
    /// Another stream is: ALREADY_EXISTS.
    Backup,
    /// There is no primary: NOT_FOUND.
    NoPrimary,
}

/// An arbitration notice for one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The stream to tell.
    pub to: StreamId,
    /// Its role; empty is the default role.
    pub role: String,
    /// The highest election ID of the role so far; `None` if there has been none.
    pub election_id: Option<u128>,
    /// Where the stream stands.
    pub standing: Standing,
}

/// Why an arbitration update closes its stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArbitrationError {
    /// Another live stream of the role has the ID.
    #[error("election_id: {0}: this election ID is used by another controller of this role")]
    Duplicate(u128),
    /// A stream keeps its role for life.
    #[error("role.name: {given:?} is not the role {current:?} of this stream")]
    RoleChanged {
        /// The stream's role.
        current: String,
        /// The role in the update.
        given: String,
    },
    /// The role's name is too long.
    #[error("role.name: {0} bytes, at most {MAX_ROLE_NAME}")]
    RoleName(usize),
    /// Too many roles.
    #[error("role.name: this switch remembers at most {MAX_ROLES} roles")]
    Roles,
    /// Too many streams of one role.
    #[error("StreamChannel: at most {MAX_STREAMS} controllers a role")]
    Streams,
}

/// Longest role name, bytes.
pub const MAX_ROLE_NAME: usize = 128;
/// Most roles: each is remembered until the switch restarts, because its highest election ID is the fence.
pub const MAX_ROLES: usize = 64;
/// Most live streams of one role.
pub const MAX_STREAMS: usize = 64;

#[derive(Debug, Default)]
struct Role {
    highest: Option<u128>,
    primary: Option<StreamId>,
    streams: BTreeMap<StreamId, Option<u128>>,
}

impl Role {
    fn notice(&self, to: StreamId, role: &str) -> Notice {
        let standing = match self.primary {
            Some(primary) if primary == to => Standing::Primary,
            Some(_) => Standing::Backup,
            None => Standing::NoPrimary,
        };
        Notice { to, role: role.to_owned(), election_id: self.highest, standing }
    }

    /// Notices to all streams, the primary last (§5.3: the old primary hears of the change before the new one).
    fn notify_all(&self, role: &str) -> Vec<Notice> {
        let others = self.streams.keys().copied().filter(|id| Some(*id) != self.primary);
        others.chain(self.primary).map(|id| self.notice(id, role)).collect()
    }
}

/// The arbitration of one device.
#[derive(Debug, Default)]
pub struct Arbitration {
    roles: HashMap<String, Role>,
    role_of: HashMap<StreamId, String>,
}

impl Arbitration {
    /// Handles a MasterArbitrationUpdate; the notices are to be sent in this order. An election ID of 0 counts as
    /// absent: such a stream never becomes primary.
    ///
    /// # Errors
    /// If the stream must be closed. The caller then calls [`Arbitration::disconnect`], as for any closed stream.
    pub fn update(
        &mut self,
        stream: StreamId,
        role_name: &str,
        election_id: Option<u128>,
    ) -> Result<Vec<Notice>, ArbitrationError> {
        let election_id = election_id.filter(|id| *id != 0);
        self.check(stream, role_name, election_id)?;
        self.role_of.insert(stream, role_name.to_owned());
        let role = self.roles.entry(role_name.to_owned()).or_default();
        let before = (role.primary, role.highest);
        role.streams.insert(stream, election_id);
        match election_id {
            Some(id) if role.highest.is_none_or(|highest| id >= highest) => {
                role.highest = Some(id);
                role.primary = Some(stream);
            }
            _ if role.primary == Some(stream) => role.primary = None,
            _ => {}
        }
        Ok(if before == (role.primary, role.highest) {
            vec![role.notice(stream, role_name)]
        } else {
            role.notify_all(role_name)
        })
    }

    fn check(&self, stream: StreamId, role_name: &str, election_id: Option<u128>) -> Result<(), ArbitrationError> {
        if role_name.len() > MAX_ROLE_NAME {
            return Err(ArbitrationError::RoleName(role_name.len()));
        }
        if let Some(current) = self.role_of.get(&stream).filter(|current| *current != role_name) {
            return Err(ArbitrationError::RoleChanged { current: current.clone(), given: role_name.to_owned() });
        }
        let Some(role) = self.roles.get(role_name) else {
            return if self.roles.len() < MAX_ROLES { Ok(()) } else { Err(ArbitrationError::Roles) };
        };
        if let Some(id) = election_id
            && role.streams.iter().any(|(other, used)| *other != stream && *used == election_id)
        {
            return Err(ArbitrationError::Duplicate(id));
        }
        if role.streams.len() >= MAX_STREAMS && !role.streams.contains_key(&stream) {
            return Err(ArbitrationError::Streams);
        }
        Ok(())
    }

    /// Forgets a closed stream. If it was the primary the role has none from now on: a backup is not promoted, it must
    /// ask with an ID that is at least the highest one seen.
    pub fn disconnect(&mut self, stream: StreamId) -> Vec<Notice> {
        let Some(name) = self.role_of.remove(&stream) else { return Vec::new() };
        let Some(role) = self.roles.get_mut(&name) else { return Vec::new() };
        role.streams.remove(&stream);
        if role.primary != Some(stream) {
            return Vec::new();
        }
        role.primary = None;
        role.notify_all(&name)
    }

    /// Whether `election_id` is that of the role's live primary.
    pub fn is_primary(&self, role: &str, election_id: u128) -> bool {
        self.roles.get(role).is_some_and(|role| role.primary.is_some() && role.highest == Some(election_id))
    }

    /// Whether any stream ever took this role. The default role always exists.
    pub fn knows_role(&self, role: &str) -> bool {
        role.is_empty() || self.roles.contains_key(role)
    }
}

use std::{net::IpAddr, sync::Arc, time::Duration};

use mimiq_addressing::{Refusal, RenewError};

use crate::{ClientId, Operation, Stored, SwitchId};

/// Names a request until its reply; the caller's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Numbers what is to be stored; later ones replace earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct StoreVersion(pub u64);

/// What the caller has to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Write to a switch on this connection, perhaps while it carries out the write before, and say what became of each, in
    /// order: [`switch_wrote`](crate::Core::switch_wrote) or [`switch_lost`](crate::Core::switch_lost).
    Write {
        /// The switch.
        switch: SwitchId,
        /// The connection, as [`switch_read`](crate::Core::switch_read) named it; if it is gone, so is the command.
        connection: u64,
        /// In order where they are about one entry, also if that is in the write before.
        operations: Vec<Operation>,
    },
    /// The switch did not do as it was told: end this connection, open another one, and read the switch.
    Reconnect {
        /// The switch.
        switch: SwitchId,
        /// The connection.
        connection: u64,
    },
    /// The switch was removed and is done with: end its session.
    Forget {
        /// The switch.
        switch: SwitchId,
    },
    /// The reply to a request.
    Reply {
        /// Whose.
        ticket: Ticket,
        /// What the client is told.
        result: Result<Granted, Denial>,
    },
    /// Tell the client, if it is connected, that the addresses are no longer its own.
    Revoke {
        /// The client.
        client: ClientId,
        /// The addresses; their grace has begun.
        addresses: Vec<IpAddr>,
    },
    /// Store this, instead of all before, then call [`stored`](crate::Core::stored).
    Store {
        /// Its number.
        version: StoreVersion,
        /// What must survive.
        state: Stored,
    },
}

/// Addresses that a client may use now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// How long the client may send from them.
    pub lifetime: Duration,
    /// How much longer packets to them are delivered.
    pub grace: Duration,
    /// The largest packet it may send, bytes.
    pub mtu: u16,
}

/// Why a client got nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// By the pools' rules.
    #[error(transparent)]
    Pool(#[from] Refusal),
    /// By the pools' rules for renewals.
    #[error(transparent)]
    Renew(#[from] RenewError),
    /// A switch could not be given the rules.
    #[error(transparent)]
    Switch(#[from] WriteError),
    /// The client's switch is being drained.
    #[error("switch {0} is drained: it gets no new addresses")]
    Drained(Arc<str>),
    /// The client, or its port, asks too often.
    #[error("too many requests of this {whose}: at most {per_second} a second")]
    TooMany {
        /// `client` or `port`.
        whose: &'static str,
        /// The limit.
        per_second: u32,
        /// When the next one is allowed.
        retry_after: Duration,
    },
    /// What must survive a restart is not stored yet.
    #[error("the server is starting")]
    Starting,
    /// The client was seen elsewhere before the rules were in place.
    #[error("the client moved, or the lease ended, before its rules were in place")]
    Ended,
}

/// Why a switch has not got its entries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The switch is not connected or not in sync.
    #[error("switch {0} is not available")]
    Unavailable(Arc<str>),
    /// The switch refused an entry.
    #[error("switch {switch} refused an entry: code {code}: {message}")]
    Refused {
        /// Its name.
        switch: Arc<str>,
        /// The code (google.rpc.Code).
        code: i32,
        /// What the switch says.
        message: String,
    },
}

/// An operation of a write that a switch refused. That an entry was there already, or gone already, is no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which of the write's operations.
    pub index: usize,
    /// The operation.
    pub operation: Operation,
    /// The code (google.rpc.Code).
    pub code: i32,
    /// What the switch says.
    pub message: String,
}

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    net::Ipv6Addr,
    sync::Arc,
};

use mimiq_addressing::{Epoch, Time};
use mimiq_contract::{Entry, EntryKey};

use crate::{Operation, diff::OPENING};

/// A switch, in this process' life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SwitchId(pub u32);

impl fmt::Display for SwitchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a switch is, and what it must always have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchSpec {
    /// Its name in logs, metrics and commands.
    pub name: Arc<str>,
    /// Its SID, if clients are connected to it.
    pub sid: Option<u16>,
    /// Whether it is an edge switch.
    pub edge: bool,
    /// Its internal address.
    pub tunnel_addr: Ipv6Addr,
    /// The entries that follow from the configuration.
    pub fixed: Vec<Entry>,
}

/// How far a switch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Not connected, or not read yet.
    Away,
    /// Read; what it lacks is being written.
    Syncing,
    /// It has all that it should.
    Synced,
}

/// A switch as the core sees it.
#[derive(Debug)]
pub struct Switch {
    pub(crate) name: Arc<str>,
    pub(crate) sid: Option<u16>,
    pub(crate) edge: bool,
    pub(crate) tunnel_addr: Ipv6Addr,
    pub(crate) fixed: BTreeMap<EntryKey, Entry>,
    pub(crate) status: Status,
    /// The connection on which it was read.
    pub(crate) connection: Option<u64>,
    /// Read at least once in this process' life.
    pub(crate) seen: bool,
    pub(crate) drained: bool,
    /// An edge switch that others do not wait for yet: it has to be put right first.
    pub(crate) joining: bool,
    /// Removed by the operator; goes when its last lease has gone.
    pub(crate) leaving: bool,
    pub(crate) queue: VecDeque<Job>,
    pub(crate) in_flight: VecDeque<Vec<Span>>,
    pub(crate) in_flight_rank: u8,
    /// Removals that are confirmed when it has been read and put right.
    pub(crate) owed: Vec<usize>,
    pub(crate) sync: Sync,
    /// Entries that it refused to take, and when to try again.
    pub(crate) refused: BTreeSet<EntryKey>,
    pub(crate) retry: Option<Time>,
    /// When to read it again, as it refused to delete what it should not have.
    pub(crate) reread: Option<Time>,
    /// Bindings found at an edge whose client-facing switch has not been read yet.
    pub(crate) unclaimed: Vec<Entry>,
}

/// The present synchronisation.
#[derive(Debug, Default)]
pub(crate) struct Sync {
    pub(crate) jobs: usize,
    pub(crate) undeleted: bool,
    /// No port was open when it was read.
    pub(crate) closed: bool,
    /// The epochs whose aliases it includes are those up to this one.
    pub(crate) epoch: Option<Epoch>,
}

/// Operations that succeed or fail together, for somebody.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) owner: Owner,
    /// Jobs of different ranks do not share a write, which a switch may carry out in any order (P4Runtime §12).
    pub(crate) rank: u8,
    pub(crate) operations: Vec<Operation>,
}

/// A job that is being written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) owner: Owner,
    pub(crate) operations: usize,
}

/// For whom a job is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A set waits for its rules.
    Grant(usize),
    /// Addresses or aliases wait until they can rest.
    Removal(usize),
    /// New aliases.
    Epoch(Epoch),
    /// What the reading of the switch showed.
    Sync,
    /// What it refused before; with it the switch has the aliases of this epoch and those before.
    Retry(Option<Epoch>),
    /// The operator changed the configuration.
    Fixed,
    /// Nobody waits, but it must be done.
    Cleanup,
    /// Nobody waits, and the next reading will do: a switch that is drained.
    Spare,
}

/// The rank of all that is not part of a synchronisation.
pub(crate) const NO_RANK: u8 = u8::MAX;
/// Operations of one write, about: what a switch needs some milliseconds for.
const WRITE: usize = 1024;
/// Writes given out at a time: one is carried out, one is on its way.
const IN_FLIGHT: usize = 2;

impl Switch {
    pub(crate) fn new(spec: SwitchSpec, drained: bool, joining: bool) -> Self {
        let SwitchSpec { name, sid, edge, tunnel_addr, fixed } = spec;
        Self {
            name,
            sid,
            edge,
            tunnel_addr,
            fixed: fixed.into_iter().map(|entry| (entry.key(), entry)).collect(),
            status: Status::Away,
            connection: None,
            seen: false,
            drained,
            joining,
            leaving: false,
            queue: VecDeque::new(),
            in_flight: VecDeque::new(),
            in_flight_rank: NO_RANK,
            owed: Vec::new(),
            sync: Sync::default(),
            refused: BTreeSet::new(),
            retry: None,
            reread: None,
            unclaimed: Vec::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its SID, if clients are connected to it.
    pub fn sid(&self) -> Option<u16> {
        self.sid
    }

    /// Whether it is an edge switch.
    pub fn is_edge(&self) -> bool {
        self.edge
    }

    /// Its internal address.
    pub fn tunnel_addr(&self) -> Ipv6Addr {
        self.tunnel_addr
    }

    /// How far it is.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Whether it has been read in this process' life, so that its leases are known.
    pub fn was_read(&self) -> bool {
        self.seen
    }

    /// Whether the operator has drained it.
    pub fn is_drained(&self) -> bool {
        self.drained
    }

    /// Whether it was removed and waits for its last leases to end.
    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Entries that it should have and refuses to take.
    pub fn refused(&self) -> usize {
        self.refused.len()
    }

    /// Updates that it has not confirmed.
    pub fn pending(&self) -> usize {
        let queued: usize = self.queue.iter().map(|job| job.operations.len()).sum();
        queued + self.in_flight.iter().flatten().map(|span| span.operations).sum::<usize>()
    }

    /// Others wait for it: new aliases and bindings are not used before it has them.
    pub fn counts_as_edge(&self) -> bool {
        self.edge && !self.drained && !self.leaving && !self.joining
    }

    /// Nothing is queued or under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.in_flight.is_empty()
    }

    /// Leases' rules are refused: no port is opened before the switch takes them. Ports that are open say that a switch has
    /// all leases, so that a next process would give a missing one's address to somebody else.
    pub(crate) fn hold_ports(&mut self) {
        let (held, rest): (VecDeque<_>, _) =
            std::mem::take(&mut self.queue).into_iter().partition(|job| job.rank == OPENING);
        self.queue = rest;
        self.sync.jobs -= held.len();
        self.refused.extend(held.iter().flat_map(|job| job.operations.iter().map(Operation::key)));
    }

    /// The next write, if one may be given out.
    pub(crate) fn next_write(&mut self) -> Option<Vec<Operation>> {
        if self.in_flight.len() == IN_FLIGHT {
            return None;
        }
        let rank = self.queue.front()?.rank;
        // They may be carried out at the same time; and whether ports may be opened is seen from the answers before.
        if !self.in_flight.is_empty() && (rank != self.in_flight_rank || rank == OPENING) {
            return None;
        }
        self.in_flight_rank = rank;
        let first = self.queue.pop_front()?;
        let mut spans = vec![Span { owner: first.owner, operations: first.operations.len() }];
        let mut operations = first.operations;
        while operations.len() < WRITE
            && self.queue.front().is_some_and(|job| job.rank == rank)
            && let Some(mut job) = self.queue.pop_front()
        {
            spans.push(Span { owner: job.owner, operations: job.operations.len() });
            operations.append(&mut job.operations);
        }
        self.in_flight.push_back(spans);
        Some(operations)
    }
}

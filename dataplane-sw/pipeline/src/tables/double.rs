use std::{
    fmt,
    ops::Deref,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::Tables;

/// Two copies of a value: readers use the active one, the writer edits the other, swaps them, waits until the last reader
/// has left the old one and repeats its edits there (the left-right scheme of Ramalhete and Correia, 2015).
///
/// The crate `left-right` does the same but gives the writer no safe view of the idle copy, whose counters it must read.
/// Here the locks are never contended by design: the writer write-locks the idle copy only, which no new reader enters.
pub(super) struct Double<T>(Arc<Shared<T>>);

struct Shared<T> {
    active: AtomicUsize,
    copies: [Side<T>; 2],
}

/// On its own cache lines: workers touch the lock once a batch.
#[repr(align(128))]
struct Side<T>(RwLock<T>);

impl<T> Clone for Double<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Double<T> {
    pub(super) fn new(active: T, idle: T) -> Self {
        let copies = [Side(RwLock::new(active)), Side(RwLock::new(idle))];
        Self(Arc::new(Shared { active: AtomicUsize::new(0), copies }))
    }

    fn copy(&self, index: usize) -> &RwLock<T> {
        let [first, second] = &self.0.copies;
        if index == 0 { &first.0 } else { &second.0 }
    }

    /// The active copy. Never waits: the lock is refused only if the writer has swapped the copies since the index was
    /// read, so that each retry needs another publication in the same few nanoseconds.
    fn enter(&self) -> RwLockReadGuard<'_, T> {
        loop {
            match self.copy(self.0.active.load(Ordering::Acquire)).try_read() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
            }
        }
    }

    /// Only the writer calls these four; it is the only one to change `active`.
    pub(super) fn active(&self) -> RwLockReadGuard<'_, T> {
        self.copy(self.0.active.load(Ordering::Relaxed)).read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn idle(&self) -> RwLockReadGuard<'_, T> {
        self.copy(1 - self.0.active.load(Ordering::Relaxed)).read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for readers that entered the copy while it was active.
    pub(super) fn idle_mut(&self) -> RwLockWriteGuard<'_, T> {
        self.copy(1 - self.0.active.load(Ordering::Relaxed)).write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn swap(&self) {
        self.0.active.fetch_xor(1, Ordering::AcqRel);
    }
}

/// A worker's view of the tables. Reads never wait for writes.
#[derive(Clone)]
pub struct TableReader(Double<Tables>);

impl TableReader {
    pub(super) fn new(double: Double<Tables>) -> Self {
        Self(double)
    }

    /// The tables as last published, for one batch. While the guard lives [`TableWriter::publish`] waits, so a worker
    /// drops it before it waits for packets.
    ///
    /// [`TableWriter::publish`]: super::TableWriter::publish
    #[inline]
    pub fn enter(&self) -> ReadGuard<'_> {
        ReadGuard(self.0.enter())
    }
}

impl fmt::Debug for TableReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableReader").finish_non_exhaustive()
    }
}

/// The published tables, unchanged while this lives.
#[derive(Debug)]
pub struct ReadGuard<'a>(RwLockReadGuard<'a, Tables>);

impl Deref for ReadGuard<'_> {
    type Target = Tables;

    #[inline]
    fn deref(&self) -> &Tables {
        &self.0
    }
}

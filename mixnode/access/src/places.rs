//! Who is connected: one connection for each account, and how fast it may go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quinn::Connection;

use crate::bucket::Bucket;
use crate::config::Limits;
use crate::{AccountId, codes};

/// Requests for the network's state: it changes once in an epoch.
const STATES_PER_SECOND: f64 = 0.1;
const STATE_BURST: u32 = 4;

/// How fast an account may go. Times are nanoseconds since the provider started.
#[derive(Debug)]
pub(crate) struct Pace {
    pub(crate) packets: Bucket,
    pub(crate) pulls: Bucket,
    pub(crate) states: Bucket,
}

impl Pace {
    fn new(limits: &Limits, pulls_per_second: f64, now: u64) -> Self {
        Self {
            packets: Bucket::new(limits.packets_per_second, limits.packet_burst, now),
            pulls: Bucket::new(pulls_per_second, limits.pull_burst, now),
            states: Bucket::new(STATES_PER_SECOND, STATE_BURST, now),
        }
    }

    fn is_full(&self, now: u64) -> bool {
        self.packets.is_full(now) && self.pulls.is_full(now) && self.states.is_full(now)
    }
}

/// An account's pace, whichever connection it has.
pub(crate) type SharedPace = Arc<Mutex<Pace>>;

#[derive(Debug)]
struct Place {
    connection: Option<Connection>,
    pace: SharedPace,
}

/// All accounts that are connected, or were not long ago: a new connection does not bring a new burst.
#[derive(Debug)]
pub(crate) struct Places {
    limits: Limits,
    places: Mutex<HashMap<AccountId, Place>>,
}

impl Places {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, places: Mutex::default() }
    }

    /// A connection of an account. The one before it is closed.
    pub(crate) fn enter(
        &self,
        account: AccountId,
        connection: &Connection,
        pulls_per_second: f64,
        now: u64,
    ) -> SharedPace {
        let mut places = lock(&self.places);
        if places.len() >= 2 * self.limits.connections {
            places.retain(|_, place| place.connection.is_some() || !lock(&place.pace).is_full(now));
        }
        let place = places.entry(account).or_insert_with(|| {
            let pace = Pace::new(&self.limits, pulls_per_second, now);
            Place { connection: None, pace: Arc::new(Mutex::new(pace)) }
        });
        if let Some(older) = place.connection.replace(connection.clone()) {
            older.close(codes::REPLACED.into(), b"");
            metrics::counter!("mimiq_provider_connections_replaced_total").increment(1);
        } else {
            metrics::gauge!("mimiq_provider_clients").increment(1);
        }
        place.pace.clone()
    }

    /// The end of a connection.
    pub(crate) fn leave(&self, account: AccountId, connection: &Connection) {
        let mut places = lock(&self.places);
        let Some(place) = places.get_mut(&account) else { return };
        // Another may have its place by now.
        if place.connection.as_ref().is_some_and(|own| own.stable_id() == connection.stable_id()) {
            place.connection = None;
            metrics::gauge!("mimiq_provider_clients").decrement(1);
        }
    }
}

/// Nothing in here can be half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

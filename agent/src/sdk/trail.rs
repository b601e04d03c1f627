//! The addresses of a session in the order that packets left from them.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use super::group::{Group, Place};
use super::socket::Progress;

/// Follows them.
pub(crate) struct Trail {
    group: Arc<Group>,
    opened: watch::Receiver<u64>,
    /// The current connection's.
    progress: Option<watch::Receiver<Progress>>,
    last: Option<Place>,
}

/// An address that is new.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) source: SocketAddr,
    /// The connection's number, from 1.
    pub(crate) connection: u64,
}

impl Trail {
    pub(super) fn new(group: Arc<Group>) -> Self {
        let (opened, progress) = (group.opened(), group.progress());
        Self { group, opened, progress, last: None }
    }

    /// Those that came since this was asked last, from the first one on.
    pub(crate) fn arrivals(&mut self) -> Vec<Arrival> {
        let places = self.group.places_after(self.last);
        self.last = places.last().map(|(place, _)| *place).or(self.last);
        places.into_iter().map(|((connection, _), source)| Arrival { source, connection }).collect()
    }

    /// Waits until there may be one.
    pub(crate) async fn changed(&mut self) {
        let hopped = async {
            let changed = match &mut self.progress {
                Some(progress) => progress.changed().await.is_ok(),
                None => false,
            };
            if !changed {
                std::future::pending().await
            }
        };
        tokio::select! {
            Ok(()) = self.opened.changed() => self.progress = self.group.progress(),
            () = hopped => {}
        }
    }
}

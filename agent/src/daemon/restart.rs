//! From one daemon to the next: applications go on with the addresses they hold.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use mimiq_api::local::{Reclaimed, agent_message};

use super::Daemon;
use super::messages::taken;
use crate::clock::Clock;
use crate::journal::Journal;
use crate::netlink::NetlinkError;
use crate::stock::{AppId, Kept};

/// How long applications have to reclaim what they hold after a restart. The SDK tries twice a second.
const RECLAIM_WINDOW: Duration = Duration::from_secs(5);

impl Daemon {
    /// Takes over from an earlier daemon: what applications may still hold stays, other leftovers are removed.
    pub(super) async fn succeed(&mut self, journal: Journal, clock: Clock) -> Result<(), NetlinkError> {
        let Some(netlink) = &self.netlink else { return Ok(()) };
        let now = clock.now();
        let known: HashMap<IpAddr, Kept> = journal.read(now).into_iter().map(|kept| (kept.address, kept)).collect();
        let (mut kept, mut leftovers) = (0, 0);
        for address in netlink.installed().await? {
            let stock = self.stocks.iter_mut().find(|(version, _)| *version == address.into());
            match (known.get(&address), stock) {
                (Some(lease), Some((_, stock))) => {
                    stock.adopt(*lease, now + RECLAIM_WINDOW);
                    kept += 1;
                }
                _ => {
                    netlink.remove(address).await?;
                    leftovers += 1;
                }
            }
        }
        if kept + leftovers > 0 {
            tracing::info!(
                kept,
                leftovers,
                "addresses of an earlier agent: leftovers are removed, the rest may be reclaimed"
            );
        }
        (self.clock, self.journal) = (clock, Some(journal));
        self.record();
        Ok(())
    }

    /// An application says what it holds since before the daemon started, and is told what of it is known.
    pub(super) async fn reclaim(&mut self, now: Instant, app: AppId, addresses: &[IpAddr]) {
        let reclaimed = addresses.iter().filter_map(|&address| {
            let (_, stock) = self.stocks.iter_mut().find(|(version, _)| *version == address.into())?;
            let (lifetime, mtu) = stock.reclaim(now, app, address)?;
            Some(taken(address, lifetime, mtu))
        });
        let reclaimed: Vec<_> = reclaimed.collect();
        metrics::counter!("mimiq_agent_reclaimed_total").increment(reclaimed.len() as u64);
        tracing::info!(asked = addresses.len(), reclaimed = reclaimed.len(), "an application is back");
        self.tell(app, agent_message::Message::Reclaimed(Reclaimed { addresses: reclaimed }));
        self.each(|stock, out| stock.poll(now, out)).await;
    }

    /// Writes down what the next daemon must know.
    pub(super) fn record(&self) {
        if let Some(journal) = &self.journal {
            journal.write(self.stocks.iter().flat_map(|(_, stock)| stock.leases()));
        }
    }
}

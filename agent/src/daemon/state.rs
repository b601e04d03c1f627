//! How things stand, for metrics, log and applications.

use mimiq_api::local::Reason;

use super::Daemon;
use super::messages::not_hopping;
use crate::outage;

impl Daemon {
    /// Tells metrics, log and applications how things stand.
    pub(super) fn report(&mut self) {
        let (mut free, mut held) = (0, 0);
        for (_, stock) in &self.stocks {
            (free, held) = (free + stock.free(), held + stock.held());
        }
        metrics::gauge!("mimiq_agent_stock_free").set(free as f64);
        metrics::gauge!("mimiq_agent_stock_held").set(held as f64);
        let stocked = self.stocks.iter().all(|(_, stock)| stock.free() > 0);
        if !self.ready && stocked {
            self.ready = true;
            tracing::info!("ready");
        }
        let Some(change) = self.outage.update(stocked) else { return };
        metrics::gauge!("mimiq_agent_not_hopping").set(if change.is_some() { 1.0 } else { 0.0 });
        match change {
            Some(reason) => {
                tracing::warn!("not hopping: {}; applications keep their addresses", outage::describe(reason))
            }
            None => tracing::info!("hopping again: {}", outage::describe(Reason::Unspecified)),
        }
        for app in self.apps.keys() {
            self.tell(*app, not_hopping(change));
        }
    }
}

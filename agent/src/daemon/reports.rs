//! What the daemon says about policies and about itself.

use std::net::SocketAddr;
use std::time::Instant;

use mimiq_api::local::{self, Choose, Chosen, Report, Reported, Status, agent_message::Message};

use crate::address::{self, IpVersion};
use crate::policy::{Opening, Rules};
use crate::stock::{AppId, Stock};
use crate::usage::{Usages, check_application};

/// The rules of the configuration, and what applications did by them.
#[derive(Default)]
pub(super) struct Reports {
    pub(super) rules: Rules,
    usages: Usages,
}

impl Reports {
    pub(super) fn choose(&self, choose: &Choose) -> Result<Message, String> {
        let application = &choose.application;
        check_application("choose.application", application)?;
        let address = address::from_bytes(&choose.address)
            .ok_or_else(|| format!("choose.address: {} bytes, not 4 or 16", choose.address.len()))?;
        let port = u16::try_from(choose.port).map_err(|_| format!("choose.port: {}: no port", choose.port))?;
        let server = SocketAddr::new(address, port);
        let policy = self.rules.choose(&Opening { application, server, server_name: &choose.server_name });
        Ok(Message::Chosen(Chosen { policy: policy.to_string() }))
    }

    pub(super) fn report(&mut self, now: Instant, app: AppId, report: Report) -> Result<Message, String> {
        self.usages.report(now, app, report)?;
        Ok(Message::Reported(Reported {}))
    }

    pub(super) fn gone(&mut self, now: Instant, app: AppId) {
        self.usages.gone(now, app);
    }

    pub(super) fn status(&self, now: Instant, stocks: &[(IpVersion, Stock)]) -> Message {
        let stocks = stocks.iter().map(|(version, stock)| stock_status(now, *version, stock)).collect();
        Message::Status(Status { stocks, usage: self.usages.rows(now) })
    }
}

fn stock_status(now: Instant, version: IpVersion, stock: &Stock) -> local::Stock {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let next_end = stock.next_end().map_or(0, |end| end.saturating_duration_since(now).as_millis());
    local::Stock {
        ip_version: match version {
            IpVersion::V4 => 4,
            IpVersion::V6 => 6,
        },
        free: count(stock.free()),
        held: count(stock.held()),
        ended: count(stock.ended()),
        low: stock.marks().low,
        high: stock.marks().high,
        next_end_ms: u64::try_from(next_end).unwrap_or(u64::MAX),
    }
}

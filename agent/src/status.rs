//! `mimiq-agent status`: what the running agent has, and what its applications' policies cost.

mod table;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use mimiq_api::framing;
use mimiq_api::local::{
    AgentMessage, AppRequest, Counts, GetStatus, Status, Usage, agent_message::Message, app_request::Request,
};
use serde_json::json;
use tokio::net::UnixStream;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The agent's Unix socket.
    #[arg(long, default_value = "/run/mimiq/agent.sock", value_name = "PATH")]
    socket: PathBuf,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Shows it.
///
/// # Errors
/// If the agent cannot be asked, or standard output is closed.
pub async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let status = get(&arguments.socket).await.with_context(|| format!("socket: {}", arguments.socket.display()))?;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{:#}", json(&status))?;
    } else {
        table::write(&mut out, &status)?;
    }
    Ok(())
}

/// Asks the agent at this socket.
///
/// # Errors
/// If it cannot be reached or gives no status.
pub async fn get(socket: &Path) -> anyhow::Result<Status> {
    let mut stream = UnixStream::connect(socket).await?;
    framing::write(&mut stream, &AppRequest { request: Some(Request::GetStatus(GetStatus {})) }).await?;
    loop {
        let answer = framing::read::<AgentMessage>(&mut stream).await?.and_then(|answer| answer.message);
        match answer {
            Some(Message::Status(status)) => return Ok(status),
            Some(Message::Refused(refused)) => bail!("{}", refused.message),
            // Events come in between.
            Some(Message::NotHopping(_) | Message::Expired(_)) => {}
            _ => bail!("the agent gave no status"),
        }
    }
}

/// The status as JSON.
#[must_use]
pub fn json(status: &Status) -> serde_json::Value {
    let stock = |stock: &mimiq_api::local::Stock| {
        json!({
            "ip_version": stock.ip_version, "free": stock.free, "held": stock.held, "ended": stock.ended,
            "low": stock.low, "high": stock.high, "next_end_ms": stock.next_end_ms,
        })
    };
    let usage = |usage: &Usage| {
        let (counts, costs) = (usage.counts.clone().unwrap_or_default(), Costs::of(usage));
        json!({
            "application": usage.application, "policy": usage.policy, "connections": usage.connections,
            "open": usage.open, "open_ms": usage.open_ms, "hops": counts.hops, "rollovers": counts.rollovers, "refusals": counts.refusals,
            "packets": counts.packets, "bytes": counts.bytes, "padding_bytes": counts.padding_bytes,
            "probe_bytes": counts.probe_bytes, "duplicate_bytes": counts.duplicate_bytes,
            "validations": counts.validations, "validation_us": counts.validation_us,
            "hops_per_second": costs.hops_per_second, "validation_ms": costs.validation_ms,
            "overhead": costs.overhead,
        })
    };
    let (stocks, usages): (Vec<_>, Vec<_>) =
        (status.stocks.iter().map(stock).collect(), status.usage.iter().map(usage).collect());
    let not_hopping = (!status.not_hopping.is_empty()).then_some(&status.not_hopping);
    json!({ "stocks": stocks, "usage": usages, "not_hopping": not_hopping })
}

/// What hopping costs; `None` where there was nothing to measure.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Costs {
    /// Of one connection, on average over the time that connections were open.
    hops_per_second: Option<f64>,
    /// The mean time from a hop until the server's PATH_CHALLENGE was there. For so long the server may send three times what it
    /// got at the new address, so a reply that needs more waits that long at most; one that does not is not delayed.
    validation_ms: Option<f64>,
    /// The share of all bytes that was sent and received for the sake of hops, at most.
    overhead: Option<f64>,
}

impl Costs {
    fn of(usage: &Usage) -> Self {
        let counts = usage.counts.clone().unwrap_or_default();
        let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        Self {
            hops_per_second: ratio(counts.hops, usage.open_ms).map(|per_ms| per_ms * 1000.0),
            validation_ms: ratio(counts.validation_us, counts.validations).map(|us| us / 1000.0),
            overhead: ratio(for_hops(&counts), counts.bytes).map(|share| share.min(1.0)),
        }
    }
}

fn for_hops(counts: &Counts) -> u64 {
    counts.padding_bytes.saturating_add(counts.probe_bytes).saturating_add(counts.duplicate_bytes)
}

#[cfg(test)]
mod tests {
    use mimiq_api::local::Stock;

    use super::*;

    pub(super) fn status() -> Status {
        let counts = Counts {
            hops: 30,
            rollovers: 7,
            refusals: [("no_address".to_owned(), 2), ("no_spare_server_id".to_owned(), 1)].into(),
            packets: 800,
            bytes: 1_000_000,
            padding_bytes: 60_000,
            probe_bytes: 30_000,
            duplicate_bytes: 10_000,
            validations: 20,
            validation_us: 210_000,
        };
        let usage = |application: &str, policy: &str, counts| Usage {
            application: application.into(),
            policy: policy.into(),
            connections: 3,
            open: 1,
            open_ms: 60_000,
            counts,
        };
        Status {
            stocks: vec![Stock { ip_version: 6, free: 40, held: 3, ended: 1, low: 16, high: 64, next_end_ms: 252_300 }],
            usage: vec![usage("backup", "never", None), usage("web", "every_packets: 25", Some(counts))],
            not_hopping: String::new(),
        }
    }

    #[test]
    fn costs_are_rates_and_shares() {
        let status = status();
        let costs = Costs::of(&status.usage[1]);
        assert_eq!(costs, Costs { hops_per_second: Some(0.5), validation_ms: Some(10.5), overhead: Some(0.1) });
        let nothing = Costs::of(&Usage::default());
        assert_eq!(nothing, Costs { hops_per_second: None, validation_ms: None, overhead: None });
        let json = json(&status);
        assert_eq!(json["usage"][1]["refusals"]["no_address"], 2);
        assert_eq!(json["usage"][0]["validation_ms"], serde_json::Value::Null);
        assert_eq!(json["stocks"][0]["held"], 3);
    }
}

//! Kea's load generator.

use anyhow::{Context as _, bail};

use super::Latency;
use crate::lab::Namespace;

/// The program.
pub(super) const PROGRAM: &str = "perfdhcp";
/// Behind the last request replies are still waited for; then it waits so much longer, microseconds.
const WAIT_US: &str = "1500000";
/// Replies that come later are none, seconds.
const PATIENCE: &str = "1";

/// How often clients ask.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// New clients in a second.
    pub rate: u32,
    /// For how long, seconds.
    pub seconds: u32,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    /// SOLICIT and ADVERTISE.
    pub first: Exchange,
    /// REQUEST and REPLY.
    pub second: Exchange,
}

/// One of the two exchanges.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    pub sent: u64,
    pub received: u64,
    /// Replies that refuse.
    pub rejected: u64,
    /// From request to reply, milliseconds, in order of length.
    pub latencies: Vec<f64>,
}

/// Runs it in a namespace, out of this interface: each client is a new one.
pub(super) fn run(namespace: &Namespace, interface: &str, load: Load) -> anyhow::Result<Outcome> {
    let Load { rate, seconds } = load;
    let clients = ["-6", "-g", "multi", "-l", interface, "-R", "100000000", "-b", "mac=00:0c:01:00:00:00"];
    let (rate, seconds) = (rate.to_string(), seconds.to_string());
    let pace = ["-d", PATIENCE, "-W", WAIT_US, "-r", &rate, "-p", &seconds, "-x", "t"];
    let arguments = [&[PROGRAM][..], &clients, &pace, &["all"]].concat();
    // It fails when a reply is missing, which is a result like any other.
    let text = namespace.output(&arguments)?;
    parse(&text).with_context(|| format!("{}: {text}", arguments.join(" ")))
}

fn parse(text: &str) -> anyhow::Result<Outcome> {
    let (mut first, mut second) = (Exchange::default(), Exchange::default());
    let mut current = None;
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("***") {
            current = match title {
                title if title.contains("SOLICIT-ADVERTISE") => Some(&mut first),
                title if title.contains("REQUEST-REPLY") => Some(&mut second),
                _ => None,
            };
        } else if let (Some(exchange), Some((name, value))) = (&mut current, line.split_once(": ")) {
            match name {
                "sent packets" => exchange.sent = value.trim().parse().context("sent packets")?,
                "received packets" => exchange.received = value.trim().parse().context("received packets")?,
                "rejected leases" => exchange.rejected = value.trim().parse().context("rejected leases")?,
                "sent / received" => exchange.latencies.push(latency(value)?),
                _ => {}
            }
        }
    }
    if first.sent == 0 {
        bail!("it sent nothing");
    }
    first.latencies.sort_by(f64::total_cmp);
    second.latencies.sort_by(f64::total_cmp);
    Ok(Outcome { first, second })
}

/// Of two times in seconds.
fn latency(times: &str) -> anyhow::Result<f64> {
    let (sent, received) = times.split_once(" / ").with_context(|| format!("two times: {times}"))?;
    Ok((received.trim().parse::<f64>()? - sent.trim().parse::<f64>()?) * 1e3)
}

impl Exchange {
    /// Of the replies that came.
    pub(super) fn latency(&self) -> anyhow::Result<Latency> {
        let at = |quantile: f64| {
            let index = (self.latencies.len() as f64 * quantile) as usize;
            self.latencies.get(index).copied().context("no replies")
        };
        Ok(Latency { p50: at(0.5)?, p99: at(0.99)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Running: perfdhcp\n***Rate statistics***\nRate: 498.5 4-way exchanges/second, expected rate: 500\n\n\
        ***Statistics for: SOLICIT-ADVERTISE***\nsent packets: 998\nreceived packets: 990\nrejected leases: 3\n\n\
        ***Statistics for: REQUEST-REPLY***\nsent packets: 990\nreceived packets: 989\ncollected packets: 0\n\n\
        ***Timestamps for packets: SOLICIT-ADVERTISE***\nsent / received: 000000.000076 / 000000.000576\n\
        sent / received: 000001.994344 / 000001.994444\n\n\
        ***Timestamps for packets: REQUEST-REPLY***\nsent / received: 000000.004093 / 000000.006093\n";

    #[test]
    fn its_output_is_read() {
        let Outcome { first, second } = parse(TEXT).unwrap();
        assert_eq!((first.sent, first.received, first.rejected), (998, 990, 3));
        assert_eq!((second.sent, second.received), (990, 989));
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(near(first.latencies[0], 0.1) && near(first.latencies[1], 0.5), "{:?}", first.latencies);
        assert!(near(second.latency().unwrap().p99, 2.0));
        assert!(parse("***Statistics for: SOLICIT-ADVERTISE***\nsent packets: 0\n").is_err());
        assert!(parse("").is_err());
    }
}

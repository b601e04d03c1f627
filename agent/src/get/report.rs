//! What `mimiq-get` saw, as JSON.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::sdk::SessionStats;

/// The whole report.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The client's label, as given.
    pub client: String,
    /// Each request, in order.
    pub requests: Vec<RequestReport>,
    /// Each hop within a connection, in order.
    pub hops: Vec<HopReport>,
    /// Each time that a new connection took over, in order.
    pub rollovers: Vec<HopReport>,
    /// Each address, in the order of first use.
    pub addresses: Vec<AddressReport>,
    /// How many hops did not happen, by reason.
    pub hop_refusals: BTreeMap<String, u64>,
    /// In short.
    pub summary: Summary,
}

/// One request.
#[derive(Debug, Default, Serialize)]
pub struct RequestReport {
    /// When it was sent, nanoseconds since the Unix epoch.
    pub started_unix_ns: u64,
    /// Until the last byte of the reply, microseconds.
    pub latency_us: u64,
    /// The address that it left from; none if it failed.
    pub address: Option<IpAddr>,
    /// The HTTP status; 0 if there was none.
    pub status: u16,
    /// The reply's body, bytes.
    pub bytes: u64,
    /// Whether the status was 2xx and the body complete.
    pub ok: bool,
    /// Why not.
    pub error: Option<String>,
}

/// One hop, or a new connection's beginning.
#[derive(Debug, Serialize)]
pub struct HopReport {
    /// When, nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// The request after or before which it happened, from 0.
    pub request: usize,
    /// The new address.
    pub address: IpAddr,
    /// The new port.
    pub port: u16,
}

/// One address.
#[derive(Debug, Serialize)]
pub struct AddressReport {
    /// The address.
    pub address: IpAddr,
    /// Its ports.
    pub ports: Vec<u16>,
    /// When the connection came to it, nanoseconds since the Unix epoch.
    pub first_unix_ns: u64,
    /// When it left it, or ended, nanoseconds since the Unix epoch.
    pub last_unix_ns: u64,
}

/// The figures of a run.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Requests sent.
    pub requests: usize,
    /// Of those, failed.
    pub failed: usize,
    /// How the client may change its address with the server, as far as it is known: `unknown(N)`, `full`, `forbidding`, or
    /// `capped(N)` after N hops in a connection.
    pub class: String,
    /// Hops made.
    pub hops: usize,
    /// Hops within connections, by the SDK's count.
    pub migrations: u64,
    /// Connections that took over from another, by the SDK's count.
    pub rollovers: u64,
    /// Median latency of those that did not fail, microseconds.
    pub median_us: u64,
    /// 99th percentile (nearest rank), microseconds.
    pub p99_us: u64,
    /// Replies that linked two addresses by the server's connection ID.
    pub links_seen: u64,
}

impl Report {
    /// The connection is at `source` from now on.
    pub fn moved(&mut self, source: SocketAddr) {
        let now = unix_ns();
        if let Some(last) = self.addresses.last_mut() {
            last.last_unix_ns = now;
        }
        let (address, ports) = (source.ip(), vec![source.port()]);
        self.addresses.push(AddressReport { address, ports, first_unix_ns: now, last_unix_ns: now });
    }

    /// Fills in the summary.
    pub fn finish(&mut self, stats: &SessionStats) {
        if let Some(last) = self.addresses.last_mut() {
            last.last_unix_ns = unix_ns();
        }
        let mut latencies: Vec<_> = self.requests.iter().filter(|r| r.ok).map(|r| r.latency_us).collect();
        latencies.sort_unstable();
        self.summary = Summary {
            requests: self.requests.len(),
            failed: self.requests.iter().filter(|request| !request.ok).count(),
            class: stats.class.to_string(),
            hops: self.hops.len(),
            migrations: stats.migrations,
            rollovers: stats.rollovers,
            median_us: percentile(&latencies, 50),
            p99_us: percentile(&latencies, 99),
            links_seen: stats.links_seen,
        };
    }
}

/// The nearest rank in sorted values; 0 if there are none.
#[must_use]
pub fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// Nanoseconds since the Unix epoch.
#[must_use]
pub fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_nearest_rank() {
        let values: Vec<u64> = (1..=200).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 99)), (100, 198));
        assert_eq!((percentile(&[7], 99), percentile(&[], 50)), (7, 0));
    }
}

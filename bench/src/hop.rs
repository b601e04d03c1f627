//! The SDK: how much later a reply comes when the connection hops with each request, beside quinn's own
//! `Endpoint::rebind` and beside no hop. Client and server are in namespaces with a delay line between them.

mod agent;
mod client;
mod server;

use std::{net::Ipv6Addr, time::Duration};

use anyhow::{Context as _, ensure};

use crate::{
    lab::{Namespace, Process},
    result::{Measurement, median},
};

/// Round-trip times, and the mark for the added latency per hop, milliseconds.
const ROUND_TRIPS: [(u64, Option<f64>); 2] = [(10, None), (50, Some(3.0))];
/// Requests of one round.
const REQUESTS: usize = 50;
/// Rounds for each way, in turns.
const ROUNDS: usize = 2;
/// How many of the requests must have hopped.
const HOPPED: f64 = 0.9;

/// All of the clients' addresses.
const CLIENTS: &str = "2001:db8:1::/64";
const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 1);
const PORT: u16 = 443;

const CLIENT_MAC: &str = "02:00:00:00:00:01";
const SERVER_MAC: &str = "02:00:00:00:00:02";

/// How a client hops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Never.
    None,
    /// `Endpoint::rebind` to a socket at the next address, before the request.
    Rebind,
    /// The SDK's hop, shortly after the request, as its documentation says.
    Sdk,
}

/// All measurements of hops.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let mut results = Vec::new();
    for (round_trip, mark) in ROUND_TRIPS {
        let lab = Lab::new(Duration::from_millis(round_trip))?;
        let ways = [Way::None, Way::Rebind, Way::Sdk];
        let mut latencies = ways.map(|_| Vec::new());
        for round in 0..ROUNDS {
            for (way, latencies) in ways.into_iter().zip(&mut latencies) {
                latencies.extend(lab.requests(way, round).with_context(|| format!("{way:?}, RTT {round_trip} ms"))?);
            }
        }
        let [none, rebind, sdk] = latencies.map(median);
        let (low, high) = (round_trip as f64, round_trip as f64 + 5.0);
        ensure!(
            (low..high).contains(&none),
            "a request without a hop takes {none} ms: the delay line is not at {round_trip} ms"
        );
        let name = format!("hop: added latency, RTT {round_trip} ms");
        let (ours, theirs) = (sdk - none, rebind - none);
        results.push(Measurement::new(&name, ours, "ms", "quinn Endpoint::rebind", theirs));
        results.extend(mark.map(|mark| Measurement::with_mark(&name, ours, "ms", mark)));
        let name = format!("hop: request with a hop, RTT {round_trip} ms");
        results.push(Measurement::new(&name, sdk, "ms", "no hop", none));
        results.push(Measurement::new(&name, sdk, "ms", "quinn Endpoint::rebind", rebind));
    }
    results.iter().for_each(Measurement::print);
    Ok(results)
}

/// Fields are dropped in this order: the delay line before its interfaces.
struct Lab {
    _line: Process,
    server: server::Server,
    client: Namespace,
    _middle: Namespace,
    _far: Namespace,
}

impl Lab {
    fn new(round_trip: Duration) -> anyhow::Result<Self> {
        let [client, middle, far] = [Namespace::new("client")?, Namespace::new("line")?, Namespace::new("server")?];
        client.connect("client", CLIENT_MAC, &middle, "side_a", "02:00:00:00:01:01")?;
        middle.connect("side_b", "02:00:00:00:01:02", &far, "server", SERVER_MAC)?;
        // AnyIP: every client address is local without being configured.
        client.ip(&format!("route add local {CLIENTS} dev lo"))?;
        client.ip(&format!("route add {SERVER} dev client"))?;
        client.ip(&format!("neigh add {SERVER} lladdr {SERVER_MAC} dev client nud permanent"))?;
        far.ip(&format!("address add {SERVER}/128 dev server nodad"))?;
        far.ip(&format!("neigh add fe80::1 lladdr {CLIENT_MAC} dev server nud permanent"))?;
        far.ip(&format!("route add {CLIENTS} via fe80::1 dev server"))?;
        let delay = (round_trip / 2).as_micros().to_string();
        let line =
            middle.start("mimiq-delay-line", &["--a", "side_a", "--b", "side_b", "--delay-us", &delay], "ready")?;
        let server = server::Server::start(&far)?;
        Ok(Self { _line: line, server, client, _middle: middle, _far: far })
    }

    /// Latencies of requests, milliseconds; of those that hopped, if the way hops.
    fn requests(&self, way: Way, round: usize) -> anyhow::Result<Vec<f64>> {
        let certificate = self.server.certificate.clone();
        let client = self.client.thread(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(client::requests(way, REQUESTS, round, certificate))
        })?;
        let latencies = client.join().map_err(|_| anyhow::anyhow!("the client's thread"))??;
        let least = if way == Way::None { 1.0 } else { HOPPED };
        ensure!(
            latencies.len() as f64 >= REQUESTS as f64 * least,
            "only {} of {REQUESTS} requests hopped",
            latencies.len()
        );
        Ok(latencies)
    }
}

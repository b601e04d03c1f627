//! What the demo has found out.

use anyhow::Context as _;
use mimiq_mix_testbed::{Metrics, Network};

use crate::attack::Attack;
use crate::conversation::Line;
use crate::erlang::{Erlang, critical};
use crate::histogram::Histogram;
use crate::load::Messages;
use crate::sampler::Series;
use crate::scale::Scale;

/// Everything that the report and the picture show.
pub(crate) struct Findings {
    pub(crate) scale: Scale,
    /// How busy the machine was when the demo began: the kernel's load average of a minute, and its processors.
    pub(crate) busy: (String, usize),
    /// Seconds until the network was ready, and from then until all clients were connected.
    pub(crate) ready: f64,
    pub(crate) connected: f64,
    /// From when to when was measured, seconds since the demo began.
    pub(crate) window: (f64, f64),
    pub(crate) lines: Vec<Line>,
    /// From Bob's start until he had read what he missed, seconds.
    pub(crate) caught_up: f64,
    pub(crate) traffic: Vec<Traffic>,
    /// How much later than they should packets left the mixes.
    pub(crate) late: Histogram,
    pub(crate) loops: Loops,
    pub(crate) messages: Messages,
    pub(crate) attack: Attack,
    pub(crate) series: Vec<Series>,
    /// What the load printed at its end.
    pub(crate) summary: String,
}

/// The load average, and how many processors there are.
pub(crate) fn busy() -> (String, usize) {
    let average = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let average = average.split(' ').next().unwrap_or_default().to_owned();
    (average, std::thread::available_parallelism().map_or(1, usize::from))
}

/// What passed a node, packets per second.
pub(crate) struct Traffic {
    pub(crate) node: String,
    pub(crate) received: f64,
    pub(crate) from_clients: f64,
    pub(crate) relayed: f64,
    pub(crate) dropped: f64,
}

/// Mixes' loops, next to the model.
pub(crate) struct Loops {
    pub(crate) took: Histogram,
    /// Those that did not come back in time.
    pub(crate) failed: f64,
    pub(crate) model: Erlang,
}

impl Loops {
    /// The Kolmogorov–Smirnov distance to the model.
    pub(crate) fn distance(&self) -> f64 {
        self.took.distance(|seconds| self.model.cdf(seconds))
    }

    /// What it exceeds once in a hundred times if the model is true.
    pub(crate) fn critical(&self) -> f64 {
        critical(self.took.count(), 0.01)
    }
}

/// All nodes' metrics at a moment, seconds since the demo began.
pub(crate) struct Moment {
    at: f64,
    nodes: Vec<(String, bool, Metrics)>,
}

impl Moment {
    /// Asks all of them.
    pub(crate) fn now(at: f64, network: &Network) -> anyhow::Result<Self> {
        let names = network.mixes().map(|name| (name, true)).chain(network.providers().map(|name| (name, false)));
        let ask = |(name, is_mix): (&str, bool)| {
            let metrics = network.metrics(name).with_context(|| format!("metrics of {name}"))?;
            Ok((name.to_owned(), is_mix, metrics))
        };
        Ok(Self { at, nodes: names.map(ask).collect::<anyhow::Result<_>>()? })
    }

    /// When it was.
    pub(crate) fn at(&self) -> f64 {
        self.at
    }

    /// What passed each node since an earlier moment.
    pub(crate) fn traffic(&self, earlier: &Self) -> Vec<Traffic> {
        let seconds = self.at - earlier.at;
        let pairs = self.nodes.iter().zip(&earlier.nodes);
        let of = |((node, _, now), (_, _, before)): (&(String, bool, Metrics), &(String, bool, Metrics))| {
            let rate = |event: &str| {
                let name = format!("mimiq_mix_packets_total{{event=\"{event}\"}}");
                (now.value(&name) - before.value(&name)) / seconds
            };
            let drops =
                |metrics: &Metrics| metrics.all("mimiq_mix_packets_dropped_total").map(|(_, of)| of).sum::<f64>();
            Traffic {
                node: node.clone(),
                received: rate("received"),
                from_clients: rate("from_client"),
                relayed: rate("relayed"),
                dropped: (drops(now) - drops(before)) / seconds,
            }
        };
        pairs.map(of).collect()
    }

    /// A histogram of all mixes together, since an earlier moment.
    pub(crate) fn histogram(&self, name: &str, earlier: &Self) -> Histogram {
        let of = |moment: &Self| Histogram::total(moment.mixes().map(|metrics| Histogram::of(metrics, name)));
        of(self).since(&of(earlier))
    }

    /// A gauge or counter of all mixes together, since an earlier moment.
    pub(crate) fn sum(&self, name: &str, earlier: &Self) -> f64 {
        let of = |moment: &Self| moment.mixes().map(|metrics| metrics.value(name)).sum::<f64>();
        of(self) - of(earlier)
    }

    fn mixes(&self) -> impl Iterator<Item = &Metrics> {
        self.nodes.iter().filter(|(_, is_mix, _)| *is_mix).map(|(_, _, metrics)| metrics)
    }
}

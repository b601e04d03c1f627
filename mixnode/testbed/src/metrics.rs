//! What a process says of itself.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context as _;

/// Metrics in Prometheus's text format, as they were at a moment.
#[derive(Clone, Debug, Default)]
pub struct Metrics(String);

impl Metrics {
    /// Asks a process.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn of(address: &str) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(address).with_context(|| address.to_owned())?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text).context("metrics")?;
        Ok(Self(text))
    }

    /// The value of a metric with exactly these labels, such as `mimiq_mix_packets_total{event="relayed"}`: 0 if it is not there.
    #[must_use]
    pub fn value(&self, name: &str) -> f64 {
        self.lines().find(|(left, _)| *left == name).map_or(0.0, |(_, value)| value)
    }

    /// Of all metrics whose names with labels begin so: what follows, and the value.
    pub fn all<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.lines().filter_map(move |(left, value)| Some((left.strip_prefix(prefix)?, value)))
    }

    fn lines(&self) -> impl Iterator<Item = (&str, f64)> {
        let lines = self.0.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.rsplit_once(' ')).filter_map(|(left, value)| Some((left, value.parse().ok()?)))
    }
}

impl From<String> for Metrics {
    /// What a process has answered.
    fn from(text: String) -> Self {
        Self(text)
    }
}

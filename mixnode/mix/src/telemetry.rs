//! Metrics for Prometheus.

use std::net::SocketAddr;
use std::thread;

use anyhow::anyhow;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

/// Upper bounds of what is counted of own loops: fine enough to compare their distribution with a model, seconds.
fn loop_buckets() -> Vec<f64> {
    (1..=160).map(|step| f64::from(step) * 0.05).collect()
}

/// Upper bounds of how late packets leave, seconds.
const LATE: [f64; 16] =
    [10e-6, 20e-6, 30e-6, 40e-6, 50e-6, 60e-6, 70e-6, 80e-6, 90e-6, 100e-6, 150e-6, 200e-6, 500e-6, 1e-3, 5e-3, 50e-3];

/// Serves all metrics at `http://ADDRESS/metrics`, from a thread of its own: a process that has too much to do still says so.
///
/// # Errors
/// If the address cannot be bound, or metrics are served already.
pub fn serve(address: SocketAddr) -> anyhow::Result<()> {
    let builder = PrometheusBuilder::new().with_http_listener(address);
    let builder =
        builder.set_buckets_for_metric(Matcher::Full("mimiq_mix_loop_seconds".to_owned()), &loop_buckets())?;
    let builder = builder.set_buckets_for_metric(Matcher::Full("mimiq_mix_late_seconds".to_owned()), &LATE)?;
    // The exporter makes its thread only where no runtime is.
    let installed = thread::scope(|scope| scope.spawn(|| builder.install()).join());
    installed.map_err(|_| anyhow!("the exporter panicked"))??;
    mimiq_node::describe();
    mimiq_access::telemetry::describe();
    Ok(())
}

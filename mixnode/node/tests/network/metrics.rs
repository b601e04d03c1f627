//! What the nodes of this process count, all together.

use std::sync::LazyLock;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// For what happens at once, but on a machine that has other things to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

static HANDLE: LazyLock<PrometheusHandle> = LazyLock::new(|| PrometheusBuilder::new().install_recorder().unwrap());

/// Must be called before the first node starts.
pub(crate) fn install() {
    LazyLock::force(&HANDLE);
}

/// The value of a metric with exactly these labels: 0 if nobody has counted yet.
pub(crate) fn value(name: &str) -> f64 {
    let text = HANDLE.render();
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(left, _)| left == name));
    line.and_then(|line| line.rsplit_once(' ')).map_or(0.0, |(_, value)| value.parse().unwrap())
}

pub(crate) fn dropped(reason: &str) -> f64 {
    value(&format!("mimiq_mix_packets_dropped_total{{reason=\"{reason}\"}}"))
}

/// Waits until a metric has at least that value.
pub(crate) async fn reaches(what: impl Fn() -> f64, least: f64) {
    let reached = async {
        while what() < least {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap();
}

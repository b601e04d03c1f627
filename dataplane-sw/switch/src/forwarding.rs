//! The forwarding thread.

use std::{
    io,
    sync::Arc,
    thread::{Builder, JoinHandle},
};

use mimiq_contract::PortId;
use mimiq_io::{Port, PortConfig, PortMonitor, Ports, Shutdown, packet, xdp};
use mimiq_pipeline::{DropCounters, Pipeline, TableReader};
use mimiq_switch::config::{Backend, Config};
use tokio::sync::oneshot;
use tracing::warn;

/// The running loop.
pub(crate) struct Forwarding {
    /// The ports, for metrics.
    pub(crate) monitors: Vec<PortMonitor>,
    /// Resolves when the loop ends.
    pub(crate) ended: oneshot::Receiver<io::Result<()>>,
    thread: JoinHandle<()>,
}

impl Forwarding {
    /// Waits for the loop, which has been told to stop; then the ports are closed.
    pub(crate) fn join(self) {
        if self.thread.join().is_err() {
            warn!("the forwarding thread panicked");
        }
    }
}

/// Opens the ports and forwards between them until `shutdown`. With no ports the thread just waits.
pub(crate) fn start(
    config: &Config,
    pipeline: Pipeline,
    reader: TableReader,
    drops: Arc<DropCounters>,
    shutdown: Shutdown,
) -> anyhow::Result<Forwarding> {
    let ports: Vec<_> =
        config.ports.iter().map(|p| PortConfig { id: PortId(p.id), interface: p.interface.clone() }).collect();
    if ports.is_empty() {
        warn!("ports: none, P4Runtime only");
        return spawn(mimiq_io::memory::open(&[], 1, 1)?.0, pipeline, reader, drops, shutdown);
    }
    match config.backend {
        Backend::AfXdp => spawn(xdp::open(&ports)?, pipeline, reader, drops, shutdown),
        Backend::AfPacket => spawn(packet::open(&ports)?, pipeline, reader, drops, shutdown),
    }
}

fn spawn<P: Port + 'static>(
    mut ports: Ports<P>,
    pipeline: Pipeline,
    reader: TableReader,
    drops: Arc<DropCounters>,
    shutdown: Shutdown,
) -> anyhow::Result<Forwarding> {
    let monitors = ports.monitors().to_vec();
    let (sender, ended) = oneshot::channel();
    let thread = Builder::new().name("forwarding".into()).spawn(move || {
        let result = mimiq_io::run(&mut ports, pipeline, &reader, &drops, &shutdown);
        drop(ports);
        // Nobody listens any more when the switch shuts down.
        let _ = sender.send(result);
    })?;
    Ok(Forwarding { monitors, ended, thread })
}

//! What can be between the generator and the sink.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::{
    lab::{Namespace, Process, in_path},
    p4rt::{Controller, DEVICE},
};

/// BMv2's program.
pub(crate) const BMV2: &str = "simple_switch_grpc";
/// What the controller loads into BMv2.
const PROGRAM: &[u8] = include_bytes!("../../../p4/mimiq.json");
/// Where switches serve P4Runtime.
const LISTEN: &str = "[::1]:9559";

/// What forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forwarder {
    /// The software switch on AF_XDP.
    Switch,
    /// The same program on BMv2.
    Bmv2,
    /// The software switch's rings without a pipeline.
    Bare,
    /// The kernel's IPv6 forwarding, which is set up separately.
    Kernel,
}

/// Where BMv2 is, if it is installed.
pub(crate) fn bmv2() -> Option<PathBuf> {
    in_path(BMV2)
}

impl Forwarder {
    /// Starts it in a namespace with the interfaces `near` and `far`; a switch has no program and no entries yet.
    pub(super) fn start(self, middle: &Namespace) -> anyhow::Result<Option<Process>> {
        match self {
            Self::Switch => switch(middle),
            Self::Bmv2 => simple_switch_grpc(middle),
            Self::Bare => middle.start("examples/bare_forwarder", &["near", "far"], "forwarding between"),
            Self::Kernel => return Ok(None),
        }
        .map(Some)
    }

    /// Runs a P4Runtime client of this switch, which gets its program before.
    pub(super) fn control<T: Send + 'static>(
        self,
        middle: &Namespace,
        work: impl AsyncFnOnce(Controller) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let program = if self == Self::Bmv2 { PROGRAM } else { &[] };
        let thread = middle.thread(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async { work(Controller::connect(LISTEN, program).await?).await })
        })?;
        super::join(thread)
    }
}

fn switch(middle: &Namespace) -> anyhow::Result<Process> {
    let config = format!(
        "device_id: {DEVICE}\nlisten: \"{LISTEN}\"\nports:\n  - {{ id: 1, interface: near }}\n  - {{ id: 2, interface: far }}\n"
    );
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), config)?;
    let path = file.path().to_str().context("path of the configuration")?;
    middle.start("mimiq-switch", &["run", "--config", path], "ready")
}

fn simple_switch_grpc(middle: &Namespace) -> anyhow::Result<Process> {
    let device = DEVICE.to_string();
    // What it prints into a pipe would wait until there is more of it.
    let program = ["-oL", BMV2, "--no-p4", "--device-id", &device];
    // Without a level it formats each step of each packet for a log that there is not.
    let arguments = ["--log-level", "off", "-i", "1@near", "-i", "2@far", "--", "--grpc-server-addr", LISTEN];
    middle.start_installed("stdbuf", &[&program[..], &arguments].concat(), "Server listening on")
}

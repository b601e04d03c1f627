//! `mimiq-delay-line`: joins two interfaces and holds every frame for a fixed time, in userspace, because many kernels lack
//! netem. It can write what passes its side A to a capture file.

mod capture;
mod line;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket, sockopt};
use pnet_datalink::{Channel, DataLinkReceiver, DataLinkSender};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

use crate::capture::Capture;
use crate::line::{Bottleneck, Counters, Tap, carry};

/// The largest frame that is carried, bytes; larger ones are cut, so segmentation offloads must be off.
const MAX_FRAME: u32 = 65_535;
/// Bursts must fit: each direction reads with one thread.
const RECEIVE_BUFFER: usize = 8 << 20;

static A_TO_B: Counters = Counters::new();
static B_TO_A: Counters = Counters::new();

/// Joins two interfaces with a fixed delay each way.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Interface of side A, where the observer is.
    #[arg(long)]
    a: String,
    /// Interface of side B.
    #[arg(long)]
    b: String,
    /// Delay each way, microseconds; the round trip takes twice as long.
    #[arg(long, value_name = "MICROSECONDS")]
    delay_us: u64,
    /// Let through so many bits a second, either way; as fast as they come if absent.
    #[arg(long, value_name = "BITS", requires = "buffer", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// How much waits in front of that, either way; more is dropped.
    #[arg(long, value_name = "BYTES", requires = "rate")]
    buffer: Option<u64>,
    /// Write the frames that pass side A to this pcap file.
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let delay = Duration::from_micros(arguments.delay_us);
    let capture = match &arguments.capture {
        None => None,
        Some(path) => {
            let capture = Capture::create(path).with_context(|| format!("capture: cannot write {}", path.display()))?;
            Some(Arc::new(capture))
        }
    };
    let tap = || -> Tap {
        match capture.clone() {
            None => Box::new(|_| ()),
            Some(capture) => Box::new(move |frame| {
                if let Err(error) = capture.record(frame) {
                    error!(%error, "capture: frame not recorded");
                }
            }),
        }
    };

    let bottleneck = arguments.rate.zip(arguments.buffer).map(|(rate, buffer)| Bottleneck { rate, buffer });
    let (send_a, receive_a) = open(&arguments.a)?;
    let (send_b, receive_b) = open(&arguments.b)?;
    let (failed, mut failure) = tokio::sync::mpsc::channel(2);
    let (to_b, to_a) = (tap(), tap());
    let other = failed.clone();
    thread::Builder::new().name("a-to-b".into()).spawn(move || {
        let end = carry(receive_a, send_b, delay, bottleneck, &A_TO_B, to_b, Box::new(|_| ()));
        failed.blocking_send(("a", end))
    })?;
    thread::Builder::new().name("b-to-a".into()).spawn(move || {
        let end = carry(receive_b, send_a, delay, bottleneck, &B_TO_A, Box::new(|_| ()), to_a);
        other.blocking_send(("b", end))
    })?;

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    info!(a = arguments.a, b = arguments.b, delay_us = arguments.delay_us, "ready");
    let end = tokio::select! {
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
        end = failure.recv() => end,
    };
    for (direction, counters) in [("a to b", &A_TO_B), ("b to a", &B_TO_A)] {
        let forwarded = counters.forwarded.load(Ordering::Relaxed);
        info!(direction, forwarded, dropped = counters.dropped.load(Ordering::Relaxed), "stopped");
    }
    match end {
        Some((side, Err(error))) => Err(error).with_context(|| format!("side {side}: the interface failed")),
        _ => Ok(()),
    }
}

fn open(name: &str) -> anyhow::Result<(Box<dyn DataLinkSender>, Box<dyn DataLinkReceiver>)> {
    let interface = pnet_datalink::interfaces().into_iter().find(|interface| interface.name == name);
    let interface = interface.with_context(|| format!("interface: {name} does not exist"))?;
    // Made here for the buffer's size: the default holds about 100 frames. Protocol 0 receives nothing before the bind.
    let fd = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)
        .context("packet socket: cannot open (CAP_NET_RAW is needed)")?;
    setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_BUFFER).context("packet socket: cannot set the buffer's size")?;
    let config = pnet_datalink::Config {
        read_buffer_size: MAX_FRAME as usize,
        write_buffer_size: 0,
        socket_fd: Some(std::os::fd::IntoRawFd::into_raw_fd(fd)),
        ..Default::default()
    };
    match pnet_datalink::channel(&interface, config).with_context(|| format!("interface: cannot open {name}"))? {
        Channel::Ethernet(sender, receiver) => Ok((sender, receiver)),
        _ => bail!("interface: {name} is not Ethernet"),
    }
}

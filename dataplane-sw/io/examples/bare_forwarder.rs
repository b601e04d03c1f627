//! Forwards every frame of one interface to the other, unchanged: the same rings and the same loop as the switch, but
//! without pipeline and tables. `make bench` compares the switch with it.
//!
//! Prints a line when it forwards and then runs until it is killed; the XDP programs go with the process.

use clap::Parser;
use mimiq_contract::PortId;
use mimiq_io::{PortConfig, Shutdown, forward, xdp};
use mimiq_pipeline::{DropCounters, Verdict};

/// A bare AF_XDP layer-2 forwarder between two interfaces.
#[derive(Parser)]
struct Arguments {
    /// The one interface.
    a: String,
    /// The other one.
    b: String,
}

fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let Arguments { a, b } = Arguments::parse();
    let port = |id, interface: &str| PortConfig { id: PortId(id), interface: interface.into() };
    let mut ports = xdp::open(&[port(0, &a), port(1, &b)])?;
    println!("forwarding between {a} and {b}");
    forward(&mut ports, &DropCounters::default(), &Shutdown::new()?, |packets, verdicts| {
        verdicts.extend(packets.iter().map(|packet| Verdict::Send(PortId(1 - packet.port.0))));
    })?;
    Ok(())
}

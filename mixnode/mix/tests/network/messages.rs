//! Messages from client to client.

use std::path::Path;

use mimiq_mix_testbed::{Network, Plan, output};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mimiq-mix"))
}

#[test]
fn a_message_waits_for_its_recipient_and_is_acknowledged() {
    let network = Network::start(binary(), Plan::default()).unwrap();
    network.wait_until_ready().unwrap();
    let (alice, bob) = (network.client("alice", "p1").unwrap(), network.client("bob", "p2").unwrap());
    let address = output(network.command().args(["client", "address", "--config"]).arg(&bob)).unwrap();
    println!("{address}");
    let sent = output(
        network
            .command()
            .args(["client", "send", "--to", &address, "--config"])
            .arg(&alice)
            .arg("--unreliable")
            .arg("hello"),
    );
    println!("{sent:?}");
    let got = output(network.command().args(["client", "receive", "--count", "1", "--json", "--config"]).arg(&bob));
    println!("{got:?} {}", network.logs());
    panic!();
}

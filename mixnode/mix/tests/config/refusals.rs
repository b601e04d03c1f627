//! What makes no sense is refused, with the field and the value.

use crate::{BINARY, CLIENT, NODE, PROVIDER, check, run};

/// Each of these changes of a file is refused with these words.
fn refused(kind: &str, example: &str, changes: &[(&str, &str, &str)]) {
    for (from, to, expected) in changes {
        assert!(example.contains(from), "{from}");
        let (valid, said) = check(kind, &example.replacen(from, to, 1));
        assert!(!valid && said.contains(expected), "{from} -> {to}: {said}");
    }
}

#[test]
fn of_a_mix() {
    let twice = format!("- identity: {}", "1".repeat(64));
    refused(
        "node",
        NODE,
        &[
            ("metrics:", "metrix:", "unknown field `metrix`"),
            ("  queue: 65536", "  queues: 65536", "unknown field `queues`"),
            ("grace_s: 3600", "", "missing field `grace_s`"),
            ("name: example", "name: \"\"", "network.name: \"\": not 1 to 64 characters"),
            ("threshold: 3 ", "threshold: 5 ", "network.threshold: 5: threshold: 5 of 4 authorities"),
            ("threshold: 3 ", "threshold: 0 ", "network.threshold: 0"),
            (&format!("- identity: {}", "2".repeat(64)), &twice, "network.threshold: 3: authorities: 1111"),
            ("identity: 1111", "identity: X111", "X1111"),
            (
                "url: http://192.0.2.1:9580",
                "url: https://192.0.2.1:9580",
                "\"https://192.0.2.1:9580\" is not http://HOST",
            ),
            ("refresh_s: 60", "refresh_s: 0", "network.refresh_s: 0: not from 1 to 86400"),
            ("address: 192.0.2.10:9581", "address: 192.0.2.10:0", "address: 192.0.2.10:0: others cannot send there"),
            ("address: 192.0.2.10:9581", "address: 0.0.0.0:9581", "address: 0.0.0.0:9581: others cannot send there"),
            (
                "address: 192.0.2.10:9581",
                "address: 224.0.0.1:9581",
                "address: 224.0.0.1:9581: others cannot send there",
            ),
            ("address: 192.0.2.10:9581", "address: mix.example:9581", "address: invalid socket address"),
            ("layer: 1", "layer: 0", "mix.layer: 0: not from 1 to 10"),
            ("mix:\n  layer: 1", "", "mix: absent: provider is as well"),
            ("grace_s: 3600", "grace_s: 86401", "grace_s: 86401: grace: 86401 seconds are more than an epoch of 86400"),
            ("length: 86400", "length: 0", "grace_s: 3600: epochs.length: 0 is not at least a second"),
            ("hops: 5", "hops: 0", "packet: 0 hops, 901 bytes"),
            ("payload: 901", "payload: 1", "packet: 5 hops, 1 bytes"),
            ("queue: 65536", "queue: 0", "limits.queue: 0: not from 1 to 16777216"),
            ("packets_per_epoch: 4194304", "packets_per_epoch: 0", "limits.packets_per_epoch: 0: not from 1 to 2^30"),
            ("longest_delay_s: 600", "longest_delay_s: 4001", "limits.longest_delay_s: 4001: not from 1 to 4000"),
            ("overload_wait_ms: 50", "overload_wait_ms: 0", "limits.overload_wait_ms: 0: not from 1 to 10000"),
            ("socket_buffer: 4194304", "socket_buffer: 4096", "limits.socket_buffer: 4096: not from 65536 to 2^30"),
        ],
    );
}

#[test]
fn of_a_provider() {
    refused(
        "node",
        PROVIDER,
        &[
            (
                "provider:",
                "mix: { layer: 1 }\nprovider:",
                "mix: present: provider is as well, and a node is one of the two",
            ),
            (
                "address: 192.0.2.20:9582",
                "address: 192.0.2.20:0",
                "provider.address: 192.0.2.20:0: others cannot send there",
            ),
            (
                "    - a964",
                "    - a96",
                "\"a96f3d42a8bf10e8f4e0c5fc0a076e01157620c83b5cc6820c7d450378396e5\" is not 64",
            ),
            ("blocked: []", "blocked: [12]", "blocked"),
            ("registration: tokens", "registration: closed", "unknown variant `closed`"),
            (
                "registration: tokens",
                "registration: open",
                "provider.access: access.tokens: 1: not 0, as they would have no use",
            ),
            ("connections: 10000", "connections: 0", "provider.access: access.limits.connections: 0: not 1 to 1000000"),
            ("messages: 1000", "messages: 0", "provider.access: access.inbox.messages: 0"),
        ],
    );
}

#[test]
fn of_a_client() {
    let token = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    refused(
        "client",
        CLIENT,
        &[
            ("folder:", "folders:", "unknown field `folders`"),
            ("provider: p1", "provider: P1", "provider: \"P1\": not 1 to 32 lower-case letters, digits, and hyphens"),
            ("threshold: 3 ", "threshold: 5 ", "network.threshold: 5"),
            ("timeout_s: 60", "timeout_s: 0", "timeout_s: 0: not from 1 to 86400"),
            ("attempts: 8", "attempts: 17", "attempts: 17: not from 1 to 16"),
            (token, &token[1..], "token: (secret): "),
        ],
    );
    let (_, said) = check("client", &CLIENT.replace(token, &token[1..]));
    assert!(!said.contains(&token[1..]), "a secret is shown: {said}");
}

#[test]
fn of_a_load() {
    for (argument, values, range) in [
        ("messages", &["-1", "NaN"][..], "0 to 1000"),
        ("clients", &["0", "100001"], "1 to 100000"),
        ("seconds", &["-1", "NaN", "inf", "31622401"], "0 to 31622400"),
    ] {
        for value in values {
            // Before it looks for the file.
            let (done, said) = run(&["load", "--config", "/nowhere/file.yaml", &format!("--{argument}={value}")]);
            assert!(!done && said.contains(&format!("--{argument}: {value} is not from {range}")), "{said}");
        }
    }
}

#[test]
fn of_an_address() {
    // One in 64 begins with a hyphen, and is no option. The key is X25519's base point.
    let address = format!("-AAAAAAAAAAAAAAAAAAAAAk{}@p2", "A".repeat(41));
    for (command, option) in [("send", "--to"), ("chat", "--with")] {
        let said = |address: &str| run(&["client", command, option, address, "--config", "/nowhere/file.yaml"]).1;
        assert!(said(&address).contains("/nowhere/file.yaml: No such file"), "{}", said(&address));
        let cut = address.trim_end_matches("@p2");
        assert!(said(cut).contains(cut) && !said(cut).contains("/nowhere"), "{}", said(cut));
    }
}

#[test]
fn of_no_file() {
    for kind in ["node", "client", "authority"] {
        let (valid, said) = run(&[kind, "config", "check", "/nowhere/file.yaml"]);
        assert!(!valid && said.contains("/nowhere/file.yaml: No such file"), "{said}");
        let (valid, said) = check(kind, "\u{1}");
        assert!(!valid && said.contains("file.yaml"), "{BINARY} {kind}: {said}");
    }
}

//! The configuration file: the example is in order, and what is wrong is named with its field and value.

use std::{error::Error, net::Ipv6Addr, path::Path};

use mimiq_contract::{Entry, EntryKey, P4INFO_TEXT, PortId, Role, tables::*, wellknown};
use mimiq_controller::{
    config::{Config, ConfigError},
    network::static_entries,
};
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../../mimiq-controller.example.yaml");

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/nowhere"))
}

fn chain(error: &ConfigError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

/// The message when `from`, which stands in the example, is replaced.
fn refusal(from: &str, to: &str) -> String {
    assert!(EXAMPLE.contains(from), "{from}");
    chain(&parse(&EXAMPLE.replacen(from, to, 1)).expect_err(to))
}

#[test]
fn the_example_is_in_order() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(config.client_mtu(), 1500);
}

#[test]
fn relative_paths_count_from_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.yaml");
    std::fs::write(&file, EXAMPLE).unwrap();
    let config = Config::load(&file).unwrap();
    assert_eq!(config.pki.key, dir.path().join("pki/controller.key"));
    let error = chain(&Config::load(&dir.path().join("none.yaml")).unwrap_err());
    assert!(error.contains("none.yaml") && error.contains("No such file"), "{error}");
}

#[test]
fn a_program_is_of_this_contract_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let text = EXAMPLE.replacen("    device_id: 1\n", "    device_id: 1\n    device_config: program.json\n", 1);
    let program = dir.path().join("program.json");
    let refusal = |bytes: &[u8]| {
        std::fs::write(&program, bytes).unwrap();
        chain(&Config::parse(&text, dir.path()).unwrap_err())
    };
    let field = format!("switches[0].device_config: {}: ", program.display());
    let error = chain(&Config::parse(&text, dir.path()).unwrap_err());
    assert!(error.starts_with(&field) && error.contains("No such file"), "{error}");
    assert_eq!(refusal(b""), format!("{field}is empty"));
    for bytes in [&b"7"[..], b"[]", b"{}", b"{\"pipelines\": [{}]}", P4INFO_TEXT.as_bytes()] {
        let error = refusal(bytes);
        assert!(error.starts_with(&format!("{field}is no program for BMv2: ")), "{error}");
    }
    let mut tables: Vec<String> =
        Entry::TABLES.iter().map(|(_, name)| format!("{{\"name\": \"ingress.{name}\", \"id\": 0}}")).collect();
    let json = |tables: &[String]| format!("{{\"pipelines\": [{{\"tables\": [{}]}}]}}", tables.join(", "));
    let right = json(&tables);
    tables.remove(7);
    let error = refusal(json(&tables).as_bytes());
    assert_eq!(error, format!("{field}is another program: it has no table ingress.alias"));
    // What is not text is for other targets.
    for right in [right.as_bytes(), b"\x1f\x8b\x08\0\xff"] {
        std::fs::write(&program, right).unwrap();
        let config = Config::parse(&text, dir.path()).unwrap();
        assert_eq!(&**config.switches[0].device_config.as_ref().unwrap().bytes(), right);
        assert!(config.switches[1].device_config.is_none());
    }
}

#[test]
fn refusals_name_field_and_value() {
    let cases = [
        ("    sid: 1 ", "    bogus: 1 ", "bogus"),
        ("fd00:6d::1]:54172", "fd00:6d::1]:54173", "relay: [fd00:6d::1]:54173: the port must be 54172"),
        ("[fd00:6d::1]:54172", "[::]:54172", "relay: [::]:54172: must be an address that switches reach"),
        ("[fd00:6d::1]:54172", "nowhere", "relay: \"nowhere\""),
        ("2001:db8:100::/48", "2001:db8:100::1/48", "pools[0]: 2001:db8:100::1/48"),
        ("alias_bits: 16", "alias_bits: 17", "pools[0].alias_bits: 17"),
        (
            "alias_bits: 16",
            "alias_bits: 8",
            "pools[0]: 2001:db8:100::/48: prefix = 2001:db8:100::/48 and alias_bits = 8 leave 72",
        ),
        ("aliases_per_sid: 16", "aliases_per_sid: 0", "aliases_per_sid: 0"),
        ("aliases_per_sid: 16", "aliases_per_sid: 5000", "pools[0].alias_bits: 16: gives fewer than"),
        ("198.18.0.0/15", "0.0.0.0/7", "pools[1]: 0.0.0.0/7"),
        ("198.18.0.0/15", "2001:db8:100:1::/96", "pools[1].prefix: 2001:db8:100:1::/96: overlaps with pools[0].prefix"),
        ("name: legacy", "name: home", "pools[1].name: home: is another pool's already"),
        ("codec: naive", "codec: alias", "pools[1]: 198.18.0.0/15: codec = alias: only IPv6"),
        ("codec: naive", "codec: secret", "codec"),
        ("requests_per_client: 100/s", "requests_per_client: 100", "limits.requests_per_client: \"100\" is no rate"),
        ("requests_per_port: 500/s", "requests_per_port: 0/s", "limits.requests_per_port: \"0/s\" is no rate"),
        ("min: 60s", "min: 200s", "timing.t_ip.min: 200s: exceeds t_ip.max = 120s"),
        ("min: 60s", "min: 60", "timing.t_ip.min"),
        ("t_remove: 30s", "t_remove: 30 s", "timing.t_remove: \"30 s\" is no duration"),
        ("t_remove: 30s", "t_remove: 800h", "timing.t_remove: 2880000s: must be at most 720h"),
        ("t_sid: 300s", "t_sid: 0s", "timing.t_sid: 0s"),
        ("k: 3 ", "k: 0 ", "timing.k: 0"),
        ("addresses_per_client: 256", "addresses_per_client: 0", "limits.addresses_per_client: 0"),
        ("name: access2", "name: access1", "switches[1].name: access1: is another switch's already"),
        ("sid: 2", "sid: 1", "switches[1].sid: 1"),
        ("http://[fd00:6d::11]:9559", "ftp://x", "switches[0].p4runtime: ftp://x: must start with http://"),
        (
            "name: access1\n    device_id: 1\n    p4runtime: http",
            "name: access.1\n    device_id: 1\n    p4runtime: https",
            "switches[0].name: access.1: with https:// must be 1 to 40 letters",
        ),
        ("02:00:00:00:01:01", "03:00:00:00:01:01", "switches[0].mac: 03:00:00:00:01:01: must be a unicast address"),
        ("02:00:00:00:01:01", "02:00:00:00:01", "\"02:00:00:00:01\" is no MAC address"),
        ("tunnel_addr: fd00:6d:1::1", "tunnel_addr: ff02::1", "switches[0].tunnel_addr: ff02::1"),
        ("tunnel_addr: fd00:6d:1::1", "tunnel_addr: 2001:db8:100::9", "is in the pool 2001:db8:100::/48"),
        ("tunnel_addr: fd00:6d:1::1", "tunnel_addr: fd00::z", "switches[0].tunnel_addr: \"fd00::z\""),
        ("fabric_mtu: 1540", "fabric_mtu: 1300", "switches[0].fabric_mtu: 1300: must be at least 1320"),
        ("{id: 2, role: client}", "{id: 1, role: client}", "switches[0].ports[2].id: 1: stands twice"),
        ("{id: 2, role: client}", "{id: 512, role: client}", "switches[0].ports[2].id: 512: the largest port is 511"),
        ("{id: 2, role: client}", "{id: 2, role: cleint}", "switches[0].ports[2].role: \"cleint\" is no role"),
        ("{id: 2, role: client}", "{id: 2, role: upstream}", "switches[0].ports[2].role: upstream"),
        (
            "{id: 2, role: upstream}",
            "{id: 2, role: client}",
            "switches[2].ports[2].role: client: the switch has no sid",
        ),
        ("\"::/0\", port: 0", "\"::/0\", port: 7", "switches[0].routes[0].port: 7: is none of the switch's ports"),
        ("0.0.0.0/0", "\"::/0\"", "switches[0].routes[1].prefix: ::/0: stands twice"),
        ("0.0.0.0/0", "10.0.0.1/8", "switches[0].routes[1].prefix: 10.0.0.1/8: has bits set behind /8"),
        ("edge: true", "edge: false", "switches[2].ports[2].role: upstream: the switch is not edge: true"),
    ];
    for (from, to, message) in cases {
        let refused = refusal(from, to);
        assert!(refused.contains(message), "{to}: {refused}");
    }
}

/// MIMIQ §3.3: x·y ≤ 2^l, and one switch may get all clients.
#[test]
fn a_pool_must_hold_what_it_is_meant_for() {
    let small = EXAMPLE.replacen("2001:db8:100::/48", "2001:db8:100::/96", 1);
    let with = |addresses: u64| parse(&small.replacen("addresses: 1000000", &format!("addresses: {addresses}"), 1));
    assert!(with(1 << 20).is_ok());
    let behind_one = chain(&with((1 << 20) + 1).unwrap_err());
    assert!(behind_one.starts_with("pools[0].addresses: 1048577: 1048577 clients behind one"), "{behind_one}");
    let over = chain(&with((1 << 31) + 1).unwrap_err());
    assert!(over.contains("2147483649 clients × 2 client-facing switches exceed the 2^32 addresses"), "{over}");
    let naive = EXAMPLE.replacen("codec: naive", "codec: naive\n    addresses: 131071", 1);
    let naive = chain(&parse(&naive).unwrap_err());
    assert!(naive.starts_with("pools[1].addresses: 131071: 198.18.0.0/15 has only 131070 addresses"), "{naive}");
}

#[test]
fn entries_follow_from_the_configuration() {
    let config = parse(EXAMPLE).unwrap();
    let [access, _, edge] = &config.switches[..] else { panic!("three switches") };
    let (at_access, at_edge) = (static_entries(&config, access), static_entries(&config, edge));
    let decaps = |entries: &[Entry]| -> Vec<EntryKey> {
        entries.iter().map(Entry::key).filter(|key| matches!(key, EntryKey::Decap(_))).collect()
    };
    let tunnel = DecapKey { outer_src: edge.tunnel_addr, outer_dst: access.tunnel_addr };
    assert_eq!(decaps(&at_access), [EntryKey::Decap(tunnel)]);
    assert!(decaps(&at_edge).is_empty());
    let gateway = GatewayV6Key { role: Role::Client, target_addr: wellknown::GATEWAY };
    let answer = GatewayV6Action::Answer { mac: wellknown::GATEWAY_MAC };
    assert!(at_access.contains(&Entry::GatewayV6(gateway, answer)));
    let denied: Vec<String> = at_edge
        .iter()
        .filter_map(|entry| match entry {
            Entry::DeniedSourceV6(key, _) => Some(key.src_addr.to_string()),
            Entry::DeniedSourceV4(key, _) => Some(key.src_addr.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(denied, ["fd00::/8", "10.0.0.0/8", "2001:db8:100::/48", "198.18.0.0/15"]);
    let mask: Ipv6Addr = "ffff:ffff:ffff:ffff::".parse().unwrap();
    let pools =
        at_edge.iter().filter(|e| matches!(e, Entry::PoolV6(_, PoolV6Action::AliasPool { mask: m }) if *m == mask));
    assert_eq!(pools.count(), 1);
    let legacy = |e: &&Entry| matches!(e, Entry::PoolV4(_, PoolV4Action::BindingPool {}));
    assert_eq!(at_edge.iter().filter(legacy).count(), 1);
    // A packet may leave by a port of the same role as it may enter.
    let roles = |entries: &[Entry]| -> Vec<(PortId, Role)> {
        let role = |entry: &Entry| match *entry {
            Entry::EgressRole(key, EgressRoleAction::SetEgressRole { role }) => Some((key.port, role)),
            _ => None,
        };
        entries.iter().filter_map(role).collect()
    };
    let configured: Vec<_> = access.ports.iter().map(|port| (PortId(port.id), port.role)).collect();
    assert_eq!(roles(&at_access), configured);
    // No key stands twice: one entry would silently replace the other.
    for entries in [at_access, at_edge] {
        let keys: std::collections::HashSet<EntryKey> = entries.iter().map(Entry::key).collect();
        assert_eq!(keys.len(), entries.len());
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let _ = parse(&text);
    }

    #[test]
    fn damaged_examples_are_read_or_refused(at in 0usize..EXAMPLE.len(), insert in "[ -~\\n]{0,4}", drop in 0usize..20) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        bytes.splice(at..(at + drop).min(EXAMPLE.len()), insert.bytes());
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }
}

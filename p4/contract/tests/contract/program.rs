//! The P4 program beside what is derived from it and what Rust says again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use mimiq_contract::{
    DropReason, Role,
    relay::{Direction, VERSION},
    wellknown,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("p4/{name}: {error}"))
}

fn sha256(name: &str) -> String {
    let bytes = fs::read(folder().join(name)).unwrap_or_else(|error| panic!("p4/{name}: {error}"));
    ring::digest::digest(&ring::digest::SHA256, &bytes).as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The p4info and the BMv2 JSON were written by `make p4` from the sources as they are now.
#[test]
fn artifacts_belong_to_the_sources() {
    let recorded: BTreeMap<String, String> = read("mimiq.sha256")
        .lines()
        .map(|line| line.split_once("  ").map(|(sum, name)| (name.to_owned(), sum.to_owned())).unwrap())
        .collect();
    let present: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".p4") || ["mimiq.json", "mimiq.p4info.txtpb"].contains(&name.as_str()))
        .collect();
    assert_eq!(recorded.keys().cloned().collect::<BTreeSet<_>>(), present, "run `make p4`");
    for (name, sum) in recorded {
        assert_eq!(sha256(&name), sum, "p4/{name} has changed since the program was compiled: run `make p4`");
    }
}

/// The value of `const TYPE NAME = VALUE;` in a source file.
fn constant(source: &str, name: &str) -> u64 {
    let line = source
        .lines()
        .find(|line| line.starts_with("const ") && line.split_whitespace().nth(2) == Some(name))
        .unwrap_or_else(|| panic!("no constant {name}"));
    let value = line.split('=').nth(1).unwrap().trim().trim_end_matches(';');
    value
        .strip_prefix("0x")
        .map_or_else(|| value.parse(), |hex| u64::from_str_radix(&hex.replace('_', ""), 16))
        .unwrap()
}

#[test]
fn drop_reasons_are_those_of_the_program() {
    let source = read("drop_reasons.p4");
    let ours: BTreeMap<String, u64> = DropReason::ALL
        .iter()
        // Counted behind the pipeline, by the software switch.
        .filter(|reason| **reason != DropReason::Egress)
        .map(|reason| (format!("REASON_{}", reason.label().to_uppercase()), *reason as u64))
        .collect();
    let theirs: BTreeMap<String, u64> = source
        .lines()
        .filter_map(|line| line.strip_prefix("const reason_t ")?.split_whitespace().next())
        .filter(|name| *name != "REASON_NONE")
        .map(|name| (name.to_owned(), constant(&source, name)))
        .collect();
    assert_eq!(ours, theirs);
}

#[test]
fn well_known_numbers_are_those_of_the_program() {
    let source = read("constants.p4");
    for (name, ours) in [
        ("RELAY_PORT", u64::from(wellknown::RELAY_PORT)),
        ("RELAY_VERSION", u64::from(VERSION)),
        ("RELAY_FROM_CLIENT", Direction::FromClient as u64),
        ("RELAY_TO_CLIENT", Direction::ToClient as u64),
        ("ROLE_CLIENT", Role::Client as u64),
        ("ROLE_FABRIC", Role::Fabric as u64),
        ("ROLE_UPSTREAM", Role::Upstream as u64),
    ] {
        assert_eq!(constant(&source, name), ours, "{name}");
    }
}

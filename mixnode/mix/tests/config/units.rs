//! The units are what systemd takes.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::BINARY;

const NODE: &str = include_str!("../../systemd/mimiq-mix-node.service");
const AUTHORITY: &str = include_str!("../../systemd/mimiq-mix-authority.service");

/// What systemd has to say about a unit.
fn verify(name: &str, unit: &str) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    // systemd-analyze wants the program to be there.
    fs::write(&path, unit.replace("/usr/bin/mimiq-mix", BINARY)).unwrap();
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output();
    let output =
        output.expect("systemd-analyze is missing: it is part of Debian's package systemd (scripts/setup.sh test)");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    told.lines().filter(|line| line.contains(name)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn systemd_takes_them() {
    for (name, unit, command) in [
        ("mimiq-mix-node.service", NODE, "mimiq-mix node run --config %t/mimiq-mix/node.yaml"),
        (
            "mimiq-mix-authority.service",
            AUTHORITY,
            "mimiq-mix authority run --config %t/mimiq-authority/authority.yaml",
        ),
    ] {
        assert!(unit.contains(&format!("ExecStart=/usr/bin/{command}\n")), "{unit}");
        assert_eq!(verify(name, unit), "");
        // It would have noticed.
        assert!(verify(name, &unit.replace("StateDirectory=", "StateDirectry=")).contains("StateDirectry"));
        let lines: Vec<&str> = unit.lines().collect();
        for expected in ["DynamicUser=yes", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "LimitCORE=0"] {
            assert!(lines.contains(&expected), "{name}: {expected}");
        }
    }
}

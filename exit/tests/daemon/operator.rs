//! Command line, metrics, logs.

use std::process::Command;

use crate::process::{BINARY, Files};

fn run(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(BINARY).args(arguments).output().unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn a_configuration_is_checked_with_its_files() {
    let files = Files::new();
    let path = files.configuration();
    let check = || run(&["config", "check", path.to_str().unwrap()]);
    let (valid, text) = check();
    assert!(valid && text.ends_with("valid: 1 users\n"), "{text}");
    std::fs::write(files.folder.path().join("exit.key"), "no key").unwrap();
    let (valid, text) = check();
    assert!(!valid && text.contains("tls.key: ") && text.contains("exit.key"), "{text}");
    std::fs::write(&path, "listen: nowhere\n").unwrap();
    let (valid, text) = check();
    assert!(!valid && text.contains("listen"), "{text}");
}

#[test]
fn a_new_token_comes_with_the_line_for_the_configuration() {
    let (fine, text) = run(&["token"]);
    let (token, line) = text.trim_end().split_once('\n').unwrap();
    assert!(fine && token.len() == 64);
    let hash = line.strip_prefix("token_sha256: ").unwrap();
    assert_eq!(hash, mimiq_exit::users::TokenHash::of(token).to_string());
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let unit = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/mimiq-exit.service")).unwrap();
    // systemd-analyze wants the program to be there.
    assert!(unit.contains("ExecStart=/usr/bin/mimiq-exit run"), "{unit}");
    let directory = tempfile::tempdir().unwrap();
    let verify = |unit: &str| {
        let path = directory.path().join("mimiq-exit.service");
        std::fs::write(&path, unit.replace("/usr/bin/mimiq-exit", BINARY)).unwrap();
        let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output();
        let output =
            output.expect("systemd-analyze is missing: it is part of Debian's package systemd (scripts/setup.sh test)");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        told.lines()
            .filter(|line| line.contains("mimiq-exit.service"))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    assert_eq!(verify(&unit), "");
    // It would have noticed.
    assert!(verify(&unit.replace("AmbientCapabilities=", "AmbientCapabilites=")).contains("AmbientCapabilites"));

    let unit: Vec<&str> = unit.lines().collect();
    for expected in ["NoNewPrivileges=yes", "DynamicUser=yes", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"] {
        assert!(unit.contains(&expected), "{expected}");
    }
}

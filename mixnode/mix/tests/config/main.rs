//! The example files and the units, through the binary and the code that reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod examples;
mod refusals;
mod units;

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_mimiq-mix");
const NODE: &str = include_str!("../../node.example.yaml");
const PROVIDER: &str = include_str!("../../provider.example.yaml");
const CLIENT: &str = include_str!("../../client.example.yaml");

/// Whether `mimiq-mix` succeeds, and all that it says.
fn run(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(BINARY).args(arguments).output().unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

/// What `mimiq-mix KIND config check` says to a file with that text.
fn check(kind: &str, text: &str) -> (bool, String) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file.yaml");
    fs::write(&file, text).unwrap();
    run(&[kind, "config", "check", path(&file)])
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

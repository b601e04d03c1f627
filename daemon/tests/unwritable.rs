//! Logs that cannot be written stop nobody.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use clap::Parser;
use mimiq_daemon::Logs;

const CHILD: &str = "MIMIQ_UNWRITABLE_CHILD";

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    logs: Logs,
}

fn child(format: &str) {
    Arguments::parse_from(["daemon", "--log-format", format]).logs.start().unwrap();
    for _ in 0..100 {
        tracing::error!("a line that nobody will read");
    }
    println!("still here");
}

#[test]
fn a_full_disk_and_a_closed_pipe_are_survived() {
    if let Some(format) = std::env::var_os(CHILD) {
        return child(format.to_str().unwrap());
    }
    for format in ["text", "json"] {
        let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
        let closed = || Stdio::from(std::io::pipe().unwrap().1);
        for (name, stderr) in [("full", full()), ("closed", closed())] {
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "a_full_disk_and_a_closed_pipe_are_survived", "--nocapture"])
                .env(CHILD, format)
                .env_remove("RUST_LOG")
                .stderr(stderr)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("still here"), "{format}, {name}: {said}");
        }
    }
}

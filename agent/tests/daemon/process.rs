//! The daemon.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::namespace::Namespace;

pub(crate) struct Process {
    child: tokio::process::Child,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStderr>>,
    log: String,
}

impl Process {
    pub(crate) fn start(namespace: &Namespace, configuration: &Path) -> Self {
        Self::start_by(namespace, &[], configuration)
    }

    /// Started by another program: its name and arguments.
    pub(crate) fn start_by(namespace: &Namespace, by: &[&str], configuration: &Path) -> Self {
        Self::start_program(namespace, by, env!("CARGO_BIN_EXE_mimiq-agent"), configuration)
    }

    /// The daemon's program may be a copy.
    pub(crate) fn start_program(namespace: &Namespace, by: &[&str], program: &str, configuration: &Path) -> Self {
        let mut child = tokio::process::Command::new("ip")
            .args(["netns", "exec", &namespace.name])
            .args(by)
            .args([program, "run", "--config"])
            .arg(configuration)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines, log: String::new() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub(crate) async fn says(&mut self, what: &str) {
        let found = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                println!("{line}");
                self.log += &format!("{line}\n");
                if line.contains(what) {
                    return true;
                }
            }
            false
        };
        assert!(tokio::time::timeout(Duration::from_secs(30), found).await.unwrap(), "never said {what:?}");
    }

    /// Ends it as a service manager does; returns all that it logged.
    pub(crate) async fn terminate(mut self) -> String {
        // `ip netns exec` becomes the daemon.
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        while let Some(line) = self.lines.next_line().await.unwrap() {
            self.log += &format!("{line}\n");
        }
        assert!(self.child.wait().await.unwrap().success());
        self.log
    }

    /// Ends it without a warning.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

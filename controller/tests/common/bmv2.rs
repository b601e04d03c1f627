use std::{
    env,
    io::{self, Write as _},
    net::SocketAddr,
    ops::Deref,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Child,
    time::timeout,
};

use super::{PATIENCE, loopback, p4::P4};

/// BMv2's `simple_switch_grpc`, without ports: for what its P4Runtime server does.
pub struct Bmv2 {
    p4: P4,
    running: Option<Child>,
}

impl Bmv2 {
    /// `None`, and a word to the terminal, if it is not installed.
    pub async fn start(device_id: u64) -> Option<Self> {
        let paths = env::var_os("PATH").unwrap_or_default();
        if !env::split_paths(&paths).any(|folder| folder.join("simple_switch_grpc").exists()) {
            // What a test that passes prints is not shown.
            io::stderr().write_all(b"skipped: simple_switch_grpc not found\n").unwrap();
            return None;
        }
        let mut switch = Self { p4: P4 { address: SocketAddr::from((loopback(), 9559)), device_id }, running: None };
        switch.revive().await;
        Some(switch)
    }

    /// Starts it again, empty, at the same address; returns when it listens.
    pub async fn revive(&mut self) {
        assert!(self.running.is_none(), "is running");
        let id = self.device_id.to_string();
        // Its output is a pipe, in which lines wait for others; and it must not outlive the test, however that ends.
        let mut command = tokio::process::Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "stdbuf", "-oL", "simple_switch_grpc", "--no-p4", "--device-id", &id]);
        command.args(["--log-console", "--log-level", "warn"]);
        if has_thrift() {
            command.args(["--thrift-port", "0"]);
        }
        command.args(["--", "--grpc-server-addr", &self.address.to_string()]);
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listens = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.starts_with("Server listening on ") {
                    return;
                }
            }
            panic!("simple_switch_grpc ended");
        };
        timeout(PATIENCE, listens).await.expect("simple_switch_grpc does not listen");
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                println!("{line}");
            }
        });
        self.running = Some(child);
    }

    /// Ends it at once.
    pub async fn kill(&mut self) {
        self.running.take().expect("is dead").kill().await.unwrap();
    }
}

impl Deref for Bmv2 {
    type Target = P4;

    fn deref(&self) -> &P4 {
        &self.p4
    }
}

/// Builds with Thrift have a second server, whose fixed port only one of them can have.
fn has_thrift() -> bool {
    let help = Command::new("simple_switch_grpc").arg("--help").output().unwrap().stdout;
    String::from_utf8_lossy(&help).contains("--thrift-port")
}

/// The compiled program.
pub fn program() -> Arc<[u8]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../p4/mimiq.json");
    std::fs::read(path).unwrap().into()
}

//! The daemon, its files, and targets for tunnels.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use mimiq_exit::users::{TokenHash, new_token};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_mimiq-exit");

/// Certificate, configuration, token.
pub(crate) struct Files {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) token: String,
    pub(crate) metrics: SocketAddr,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// With more in the configuration.
    pub(crate) fn with(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path().join("exit.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("exit.key"), made.signing_key.serialize_pem()).unwrap();
        // An address that nobody else uses, so that the port is free.
        let metrics = SocketAddr::from(([127, 2, rand::random(), rand::random()], 9681));
        let token = new_token();
        let text = format!(
            "listen: 127.0.0.1:0\ntls: {{certificate: exit.pem, key: exit.key}}\nmetrics: {metrics}\n\
             users: [{{name: alice, token_sha256: {}}}]\ndestinations: {{allow: [127.0.0.0/8]}}\n{more}",
            TokenHash::of(&token)
        );
        std::fs::write(folder.path().join("exit.yaml"), text).unwrap();
        Self { folder, token, metrics }
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder.path().join("exit.yaml")
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("exit.pem")
    }

    /// What Prometheus would get.
    pub(crate) async fn scrape(&self) -> String {
        let mut stream = TcpStream::connect(self.metrics).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }
}

pub(crate) struct Process {
    child: tokio::process::Child,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStderr>>,
    pub(crate) address: SocketAddr,
    log: String,
}

impl Process {
    pub(crate) async fn start(files: &Files) -> Self {
        let mut child = tokio::process::Command::new(BINARY)
            .args(["run", "--config"])
            .arg(files.configuration())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = String::new();
        let ready = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("it ended");
                log += &format!("{line}\n");
                if let Some((_, listen)) = line.split_once("ready listen=") {
                    return listen.split(' ').next().unwrap().parse().unwrap();
                }
            }
        };
        let address = tokio::time::timeout(Duration::from_secs(30), ready).await.unwrap();
        Self { child, lines, address, log }
    }

    /// Ends it as a service manager does; returns all that it logged.
    pub(crate) async fn terminate(mut self) -> String {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let ended = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                self.log += &format!("{line}\n");
            }
            self.child.wait().await.unwrap()
        };
        assert!(tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap().success());
        self.log
    }
}

/// Answers each connection with all that came on it, once it is complete.
pub(crate) async fn tcp_echo() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut all = Vec::new();
                if stream.read_to_end(&mut all).await.is_ok() {
                    let _ = stream.write_all(&all).await;
                }
            });
        }
    });
    port
}

/// Sends each packet back.
pub(crate) async fn udp_echo() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = vec![0; 65536];
        loop {
            let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
            let _ = socket.send_to(&buffer[..length], from).await;
        }
    });
    port
}

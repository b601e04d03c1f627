//! Caddy, as Debian has it, and a recent one: both unmodified, with very different versions of quic-go.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;

use super::server::Identity;

pub(crate) struct Caddy {
    pub(crate) address: SocketAddr,
    _child: tokio::process::Child,
    _directory: tempfile::TempDir,
}

impl Caddy {
    /// Debian's, which `scripts/setup.sh` fetched.
    pub(crate) fn debian(identity: &Identity) -> Self {
        Self::start("caddy/usr/bin/caddy", identity)
    }

    /// A recent one, which `scripts/setup.sh` fetched.
    pub(crate) fn recent(identity: &Identity) -> Self {
        Self::start("caddy-2.11.7/caddy", identity)
    }

    /// Serves a file `2700` of as many bytes.
    fn start(program: &str, identity: &Identity) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/testbed").join(program);
        assert!(program.exists(), "{}: not there; run scripts/setup.sh", program.display());
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path();
        std::fs::write(home.join("2700"), vec![b'Z'; 2700]).unwrap();
        // HTTP/3 has the port of HTTPS over TCP.
        let port = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let configuration = format!(
            "{{\n admin off\n auto_https disable_redirects\n}}\nhttps://localhost:{port} {{\n bind 127.0.0.1\n tls {} {}\n \
             root * {}\n file_server\n}}\n",
            identity.certificate().display(),
            identity.key().display(),
            home.display(),
        );
        std::fs::write(home.join("Caddyfile"), configuration).unwrap();
        // Also when this process is killed.
        let child = tokio::process::Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(program)
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(home.join("Caddyfile"))
            .env("HOME", home)
            .env("XDG_DATA_HOME", home)
            .env("XDG_CONFIG_HOME", home)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(home.join("log")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // A client's first flight is repeated until it is ready.
        Self { address: (Ipv4Addr::LOCALHOST, port).into(), _child: child, _directory: directory }
    }
}

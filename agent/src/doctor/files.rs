//! The Unix socket's place, and the metrics' port.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::fs::Access;

use super::Finding;

/// Whether an agent is at work behind this socket.
pub(super) fn agent_listens(socket: &Path) -> bool {
    UnixStream::connect(socket).is_ok()
}

pub(super) fn socket(path: &Path, agent: bool) -> Finding {
    const CHECK: &str = "socket";
    if agent {
        return Finding::ok(CHECK, format!("an agent listens at {}", path.display()));
    }
    if let Ok(metadata) = std::fs::symlink_metadata(path)
        && !metadata.file_type().is_socket()
    {
        let found = format!("{} is a file that is no socket", path.display());
        return Finding::problem(CHECK, found, "move it away, or name another path in `socket`");
    }
    let Some(directory) = path.ancestors().skip(1).find(|directory| directory.exists()) else {
        return Finding::problem(
            CHECK,
            format!("{}: no such directory", path.display()),
            "name another path in `socket`",
        );
    };
    let name = directory.display();
    if let Err(error) = rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK) {
        let advice = format!("RuntimeDirectory=mimiq in the unit makes it; or: install -d -o USER {name}");
        return Finding::problem(CHECK, format!("{name} is not writable: {error}"), advice);
    }
    match std::fs::metadata(directory) {
        // Sticky, as /tmp, keeps others from replacing the socket.
        Ok(metadata) if metadata.mode() & 0o1002 == 0o002 => {
            let found = format!("{name} is writable for everybody: anyone can put another socket there");
            Finding::problem(CHECK, found, format!("chmod o-w {name}"))
        }
        _ => Finding::ok(CHECK, format!("{name} is writable; applications need its group, or the socket's")),
    }
}

pub(super) fn metrics(address: SocketAddr, agent: bool) -> Finding {
    const CHECK: &str = "metrics";
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok(CHECK, format!("{address} is free")),
        Err(_) if agent => Finding::ok(CHECK, format!("{address} is taken, and an agent runs")),
        Err(error) => {
            Finding::problem(CHECK, format!("{address}: {error}"), "name an address and port of this host in `metrics`")
        }
    }
}

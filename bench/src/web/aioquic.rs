//! aioquic's own example server, as `scripts/setup.sh` fetched it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

use crate::lab::{Namespace, Process, release_build};

const EXAMPLES: &str = "testbed/aioquic-1.7.2/examples";
const PYTHON: &str = "venv/testbed/bin/python";

/// Starts it inside, with the certificate, the key and the files (`root`) in the directory. It does not say when it is ready: a
/// client's first flight is repeated until it is.
pub(super) fn start(namespace: &Namespace, directory: &Path, address: SocketAddr) -> anyhow::Result<Process> {
    // target/release/mimiq-delay-line
    let target = release_build("mimiq-delay-line")?.ancestors().nth(2).map(Path::to_owned).context("target")?;
    let (python, examples): (PathBuf, PathBuf) = (target.join(PYTHON), target.join(EXAMPLES));
    for path in [&python, &examples] {
        ensure!(path.exists(), "{}: missing, `scripts/setup.sh` fetches it", path.display());
    }
    let file = |name: &str| directory.join(name).display().to_string();
    let (host, port, certificate, key) =
        (address.ip().to_string(), address.port().to_string(), file("cert.pem"), file("key.pem"));
    let arguments = ["http3_server.py", "--host", &host, "--port", &port, "-c", &certificate, "-k", &key];
    namespace.spawn(&python, &arguments, &examples, &[("STATIC_ROOT", &directory.join("root"))])
}

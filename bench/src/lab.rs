//! Network namespaces, and processes in them. All is gone when the values are dropped.

use std::{
    env,
    fs::File,
    io::{BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use nix::{sched::CloneFlags, sys::signal::Signal, unistd::Pid};
use tokio::signal::unix::{SignalKind, signal};

/// How long a process may take to start: Kea reads a million leases.
const START: Duration = Duration::from_secs(60);

/// On SIGINT and SIGTERM: ends what runs in this process's namespaces, removes them, and exits.
pub(crate) fn clean_up_on_signals() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().spawn(move || {
        runtime.block_on(async {
            let terminate = signal(SignalKind::terminate()).map(|mut s| async move { s.recv().await });
            let interrupt = signal(SignalKind::interrupt()).map(|mut s| async move { s.recv().await });
            if let (Ok(terminate), Ok(interrupt)) = (terminate, interrupt) {
                tokio::select! { _ = terminate => {}, _ = interrupt => {} }
                let removed = remove_namespaces();
                eprintln!("interrupted: {removed:?}");
                std::process::exit(130);
            }
        });
    })?;
    Ok(())
}

fn remove_namespaces() -> anyhow::Result<()> {
    let prefix = prefix();
    for line in run("ip", &["netns", "list"])?.lines() {
        let name = line.split(' ').next().unwrap_or(line);
        if name.starts_with(&prefix) {
            for process in run("ip", &["netns", "pids", name])?.lines().filter_map(|id| id.trim().parse().ok()) {
                nix::sys::signal::kill(Pid::from_raw(process), Signal::SIGKILL)?;
            }
            run("ip", &["netns", "del", name])?;
        }
    }
    Ok(())
}

/// All namespaces of this process begin with it.
fn prefix() -> String {
    format!("mimiq-bench-{}-", std::process::id())
}

/// A network namespace of this process.
pub(crate) struct Namespace(String);

impl Namespace {
    /// Makes one, with its loopback interface up.
    pub(crate) fn new(role: &str) -> anyhow::Result<Self> {
        let namespace = Self(prefix() + role);
        run("ip", &["netns", "add", &namespace.0]).context("a network namespace (are you root?)")?;
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// Runs `ip` with these arguments inside.
    pub(crate) fn ip(&self, arguments: &str) -> anyhow::Result<String> {
        let own = ["-n", &self.0];
        run("ip", &own.into_iter().chain(arguments.split(' ')).collect::<Vec<_>>())
    }

    /// Runs a program inside and returns what it printed.
    pub(crate) fn run(&self, command: &str) -> anyhow::Result<String> {
        let own = ["netns", "exec", &self.0];
        run("ip", &own.into_iter().chain(command.split(' ')).collect::<Vec<_>>())
    }

    /// Runs one of this project's release builds inside.
    pub(crate) fn run_built(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let program = release_build(program)?;
        let own = ["netns", "exec", &self.0, program.to_str().context("path")?];
        run("ip", &[&own, arguments].concat())
    }

    /// Runs a program inside and returns what it printed, even if it fails.
    pub(crate) fn output(&self, command: &[&str]) -> anyhow::Result<String> {
        let output = Command::new("ip").args(["netns", "exec", &self.0]).args(command).output().context("ip")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    }

    /// Writes a file under `/proc/sys/net`, which is another one in each namespace.
    pub(crate) fn sysctl(&self, key: &str, value: &str) -> anyhow::Result<()> {
        let (path, value) = (format!("/proc/sys/net/{key}"), value.to_owned());
        self.thread(move || std::fs::write(&path, value).with_context(|| path))?
            .join()
            .map_err(|_| anyhow::anyhow!("sysctl: thread"))?
    }

    /// Connects two namespaces by a veth, with these interface names and addresses, both ends up. Neither end leaves
    /// checksums or segmentation to hardware, of which there is none.
    pub(crate) fn connect(
        &self,
        name: &str,
        mac: &str,
        other: &Self,
        other_name: &str,
        other_mac: &str,
    ) -> anyhow::Result<()> {
        let peer = format!("peer name {other_name} netns {} address {other_mac}", other.0);
        self.ip(&format!("link add name {name} address {mac} type veth {peer}"))?;
        for (namespace, name) in [(self, name), (other, other_name)] {
            namespace.sysctl(&format!("ipv6/conf/{name}/accept_dad"), "0")?;
            namespace.run(&format!("ethtool -K {name} tx off gso off tso off gro off"))?;
            namespace.ip(&format!("link set dev {name} mtu 1600 up"))?;
        }
        Ok(())
    }

    /// Waits until an interface has its link-local address, which the kernel makes a while after the link is up.
    pub(crate) fn wait_for_link_local(&self, name: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        while self.ip(&format!("-6 address show dev {name} scope link -tentative"))?.is_empty() {
            ensure!(Instant::now() < deadline, "{name}: no link-local address after {START:?}");
            thread::park_timeout(Duration::from_millis(10));
        }
        Ok(())
    }

    /// A thread inside.
    pub(crate) fn thread<T: Send + 'static>(
        &self,
        body: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<thread::JoinHandle<anyhow::Result<T>>> {
        let path = format!("/run/netns/{}", self.0);
        let file = File::open(&path).with_context(|| path.clone())?;
        let inside = move || {
            nix::sched::setns(file, CloneFlags::CLONE_NEWNET).with_context(|| path)?;
            body()
        };
        Ok(thread::Builder::new().spawn(inside)?)
    }

    /// Starts one of this project's release builds inside and waits until it says `ready`.
    pub(crate) fn start(&self, program: &str, arguments: &[&str], ready: &str) -> anyhow::Result<Process> {
        self.start_at(&release_build(program)?, arguments, ready)
    }

    /// The same of a program that is installed.
    pub(crate) fn start_installed(&self, program: &str, arguments: &[&str], ready: &str) -> anyhow::Result<Process> {
        self.start_at(Path::new(program), arguments, ready)
    }

    /// Starts a program inside that does not say when it is ready, in this directory and with these variables.
    pub(crate) fn spawn(
        &self,
        program: &Path,
        arguments: &[&str],
        directory: &Path,
        variables: &[(&str, &Path)],
    ) -> anyhow::Result<Process> {
        let name = program.display().to_string();
        let child = Command::new("ip")
            .args(["netns", "exec", &self.0])
            .arg(program)
            .args(arguments)
            .current_dir(directory)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| name.clone())?;
        Ok(Process { child, name })
    }

    fn start_at(&self, program: &Path, arguments: &[&str], ready: &str) -> anyhow::Result<Process> {
        let name = program.display().to_string();
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.0])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| name.clone())?;
        let (sender, lines) = channel();
        read_lines(child.stdout.take(), sender.clone())?;
        read_lines(child.stderr.take(), sender)?;
        let process = Process { child, name };
        process.wait_for(&lines, ready)?;
        Ok(process)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = run("ip", &["netns", "del", &self.0]) {
            eprintln!("{}: {error:#}", self.0);
        }
    }
}

/// A running program; killed when dropped.
pub(crate) struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// The process ID.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its resident memory, MB.
    pub(crate) fn resident_mb(&self) -> anyhow::Result<f64> {
        resident_mb(self.id())
    }

    fn wait_for(&self, lines: &Receiver<String>, ready: &str) -> anyhow::Result<()> {
        let (deadline, mut seen) = (Instant::now() + START, String::new());
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(ready) => return Ok(()),
                Ok(line) => seen = seen + &line + "\n",
                Err(RecvTimeoutError::Timeout) => bail!("{}: not ready after {START:?}: {seen}", self.name),
                Err(RecvTimeoutError::Disconnected) => bail!("{}: ended: {seen}", self.name),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A clean shutdown where there is one; the bare forwarder just ends.
        let pid = Pid::from_raw(self.child.id() as i32);
        if let Err(error) = nix::sys::signal::kill(pid, Signal::SIGTERM) {
            eprintln!("{}: {error}", self.name);
        }
        if let Err(error) = self.child.wait() {
            eprintln!("{}: {error}", self.name);
        }
    }
}

/// Sends lines until the stream ends; reads on when nobody listens any more, so that the writer never blocks.
fn read_lines(stream: Option<impl Read + Send + 'static>, lines: Sender<String>) -> anyhow::Result<()> {
    let stream = BufReader::new(stream.context("a pipe")?);
    thread::Builder::new().spawn(move || {
        for line in stream.lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    })?;
    Ok(())
}

/// The resident memory of a process, MB.
pub(crate) fn resident_mb(id: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{id}/status");
    let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    let kilobytes: f64 = line.and_then(|text| text.parse().ok()).with_context(|| format!("{path}: no VmRSS"))?;
    Ok(kilobytes * 1024.0 / 1e6)
}

/// Where an installed program is, if it is.
pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// The program beside this one.
pub(crate) fn release_build(program: &str) -> anyhow::Result<PathBuf> {
    let this = env::current_exe()?;
    let path = this.parent().unwrap_or(Path::new(".")).join(program);
    ensure!(path.exists(), "{}: missing, `make release` makes it", path.display());
    Ok(path)
}

fn run(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).output().with_context(|| program.to_owned())?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {}: {}", arguments.join(" "), error.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

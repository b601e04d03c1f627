//! Processes that die with the test, and can be killed before.

use std::{
    ffi::{OsStr, OsString},
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::Context as _;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStderr, Command},
    sync::watch,
    time::{Instant, timeout},
};

use super::PATIENCE;

/// What a daemon says in its log when it serves.
const READY: &str = ": ready";

/// How a program is started.
#[derive(Debug, Clone)]
pub struct Program {
    /// The file.
    pub file: OsString,
    /// Its configuration.
    pub config: PathBuf,
    /// Where its log goes; appended.
    pub log: PathBuf,
    /// What its environment has besides.
    pub environment: Vec<(String, OsString)>,
}

/// A running daemon.
#[derive(Debug)]
pub struct Process {
    child: Child,
    litter: Vec<PathBuf>,
    ready: watch::Receiver<Option<Instant>>,
    /// When it was started.
    pub started: Instant,
}

impl Program {
    /// Starts it.
    ///
    /// # Errors
    /// If the system does not.
    pub fn start(&self) -> anyhow::Result<Process> {
        self.start_heard(|_| {})
    }

    /// Starts it; each line of its log is heard.
    ///
    /// # Errors
    /// If the system does not.
    pub fn start_heard(&self, hear: impl Fn(&str) + Send + 'static) -> anyhow::Result<Process> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log).context("a log file")?;
        let started = Instant::now();
        // It must not outlive the test, however that ends.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"].map(OsStr::new))
            .arg(&self.file)
            .args(["run", "--log", "info", "--config"].map(OsStr::new))
            .arg(&self.config)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("setpriv (util-linux) {}", Path::new(&self.file).display()))?;
        let stderr = child.stderr.take().context("its standard error")?;
        let (sender, ready) = watch::channel(None);
        tokio::spawn(follow(stderr, log, sender, hear));
        // The same number as setpriv's.
        let litter = child.id().map(|id| self.litter(id)).unwrap_or_default();
        Ok(Process { child, litter, ready, started })
    }
}

impl Program {
    /// What libfaketime leaves behind.
    fn litter(&self, process: u32) -> Vec<PathBuf> {
        let faketime = self.environment.iter().any(|(name, _)| name.starts_with("FAKETIME"));
        let names = ["faketime_shm_", "sem.faketime_sem_"].into_iter().filter(|_| faketime);
        names.map(|name| format!("/dev/shm/{name}{process}").into()).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        for file in &self.litter {
            // It may not be there yet.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Copies the log, and says when the process is ready.
async fn follow(
    stderr: ChildStderr,
    mut log: File,
    ready: watch::Sender<Option<Instant>>,
    hear: impl Fn(&str) + Send + 'static,
) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        hear(&line);
        if line.contains(READY) {
            ready.send_replace(Some(Instant::now()));
        }
        // A full disk must not end what is observed.
        let _ = writeln!(log, "{line}");
    }
}

impl Process {
    /// Waits until it says that it is ready, and returns when it did.
    ///
    /// # Errors
    /// If it ends before, or takes longer than [`PATIENCE`].
    pub async fn ready(&mut self) -> anyhow::Result<Instant> {
        let ready = timeout(PATIENCE, self.ready.wait_for(Option::is_some)).await.context("not ready in time")?;
        ready.context("ended before it was ready")?.context("not ready")
    }

    /// Follows whether it is ready; the channel closes when the process ends.
    pub fn readiness(&self) -> watch::Receiver<Option<Instant>> {
        self.ready.clone()
    }

    /// Whether it is ready.
    pub fn is_ready(&self) -> bool {
        self.ready.borrow().is_some()
    }

    /// Whether it ended by itself, and how.
    pub fn ended(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// Ends it with SIGKILL; returns when it is gone.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("kill")
    }
}

//! A process that ends with its owner.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// How long a process may take to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it looks whether it has.
const LOOK: Duration = Duration::from_millis(20);

/// A running process, whose standard error goes to a file. It is killed when this is dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts one; standard input and output are as the command says.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let file = File::options().create(true).append(true).open(log).with_context(|| log.display().to_string())?;
        let child = command.stderr(file).spawn().with_context(|| format!("{command:?}"))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().and_then(|()| self.child.wait()).map(drop).context("kill")
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// If the system refuses, or the process has not ended within a minute: then it is killed.
    pub fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        self.terminate_within(PATIENCE)
    }

    fn terminate_within(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let pid = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &pid]).status()?.success(), "kill -TERM {pid}");
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().context("wait")? {
                return Ok(status);
            }
            if Instant::now() > end {
                self.kill()?;
                bail!("process {pid}: not ended {patience:?} after SIGTERM, and killed");
            }
            std::thread::park_timeout(LOOK);
        }
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// What it has written to standard error.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end, and gives what it prints.
///
/// # Errors
/// If it fails; with what it wrote to standard error.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}: {error}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};

    use super::*;

    /// A shell that says when it is ready.
    fn shell(folder: &Path, text: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", text]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process::start(&mut command, &folder.join("log")).unwrap();
        let mut line = String::new();
        BufReader::new(process.child().stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        process
    }

    #[test]
    fn who_does_not_end_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        // Without children, which would outlive them.
        let mut deaf = shell(folder.path(), "trap '' TERM; echo ready; while :; do :; done");
        let error = deaf.terminate_within(Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().contains("after SIGTERM"), "{error}");
        assert!(deaf.child().try_wait().unwrap().is_some());
        let mut polite = shell(folder.path(), "trap 'exit 7' TERM; echo ready; while :; do :; done");
        assert_eq!(polite.terminate().unwrap().code(), Some(7));
    }
}

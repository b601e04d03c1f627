//! A process that ends with its owner.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, ensure};

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
    /// If the system refuses.
    pub fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        let pid = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &pid]).status()?.success(), "kill -TERM {pid}");
        self.child.wait().context("wait")
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

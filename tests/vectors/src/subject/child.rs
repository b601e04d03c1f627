use std::{
    collections::VecDeque,
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read},
    process::{Child as Process, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

/// How long a program may take to be ready.
const START: Duration = Duration::from_secs(20);
/// How many of its last lines an error shows.
const SHOWN: usize = 20;

/// A program under test. It dies with this value, or with the thread that started it.
pub(super) struct Child {
    process: Process,
    lines: Receiver<String>,
    last: Arc<Mutex<VecDeque<String>>>,
}

impl Child {
    /// Starts a program in this thread's network namespace.
    pub(super) fn start(program: &OsStr, arguments: &[&OsStr]) -> Result<Self> {
        let mut process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("setpriv (util-linux)")?;
        let (sender, lines) = channel();
        let last = Arc::default();
        // Both are read to their ends, or the program would block.
        if let Some(stdout) = process.stdout.take() {
            collect(stdout, sender.clone(), Arc::clone(&last));
        }
        if let Some(stderr) = process.stderr.take() {
            collect(stderr, sender, Arc::clone(&last));
        }
        Ok(Self { process, lines, last })
    }

    /// Waits until the program prints a line with this in it, and returns the line.
    pub(super) fn await_line(&mut self, what: &str) -> Result<String> {
        let deadline = Instant::now() + START;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(what) => return Ok(line),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => bail!("never said {what:?}\n{}", self.last()),
                Err(RecvTimeoutError::Disconnected) => bail!("ended without {what:?}\n{}", self.last()),
            }
        }
    }

    /// The last lines it printed.
    pub(super) fn last(&self) -> String {
        let lines = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect::<Vec<_>>().join("\n")
    }
}

fn collect(output: impl Read + Send + 'static, sender: Sender<String>, last: Arc<Mutex<VecDeque<String>>>) {
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.len() == SHOWN {
                last.pop_front();
            }
            last.push_back(line.clone());
            drop(last);
            // Nobody waits for lines any more when the program is ready.
            let _ = sender.send(line);
        }
    });
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

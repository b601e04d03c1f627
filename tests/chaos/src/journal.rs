//! One line for each decision, so that a run can be followed.

use std::{
    fmt::Arguments,
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// Where decisions are written; clones write to the same place.
#[derive(Clone)]
pub struct Journal {
    out: Arc<Mutex<dyn Write + Send>>,
    start: Instant,
}

impl Journal {
    /// Writes to a new file.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn to_file(path: &Path) -> io::Result<Self> {
        Ok(Self::to(File::create(path)?))
    }

    /// Writes to standard error.
    pub fn to_stderr() -> Self {
        Self::to(io::stderr())
    }

    fn to(out: impl Write + Send + 'static) -> Self {
        Self { out: Arc::new(Mutex::new(out)), start: Instant::now() }
    }

    /// Writes a line: seconds since the journal began, who, what.
    pub fn note(&self, who: &str, what: Arguments<'_>) {
        let seconds = self.start.elapsed().as_secs_f64();
        let line = format!("{seconds:10.4} {who}: {what}\n");
        // A full disk must not end what is observed.
        let _ = self.out.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}

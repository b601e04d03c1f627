//! Vector files: see `README.md` for their language.

mod lines;
mod read;
mod variables;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use mimiq_contract::{DropReason, EntryKey, PortId};

use crate::entry::State;

/// A vector: what a switch in this state makes of these frames.
#[derive(Debug, Clone)]
pub struct Vector {
    /// The file, and the line it begins at.
    pub place: String,
    /// Its name, unique in its file.
    pub name: String,
    /// The switch's entries.
    pub state: State,
    /// The configuration of `icmp_error_meter`; none limits nothing.
    pub meter: Option<Meter>,
    /// The frames, in order.
    pub inputs: Vec<Input>,
    /// How many frames hit an entry.
    pub hits: Vec<(EntryKey, u64)>,
}

/// A frame that arrives, and what becomes of it.
#[derive(Debug, Clone)]
pub struct Input {
    /// The port it arrives at.
    pub port: PortId,
    /// The frame.
    pub frame: Vec<u8>,
    /// The frame that leaves because of it, and its port.
    pub out: Option<(PortId, Vec<u8>)>,
    /// The reason it is counted as dropped for; an ICMP error may answer it nevertheless.
    pub drop: Option<DropReason>,
}

/// A configuration of `icmp_error_meter`: committed and peak rate are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meter {
    /// Packets a second.
    pub rate: u32,
    /// Packets at once.
    pub burst: u32,
}

/// The project's own vector files.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

/// Reads all vector files (`*.vec`) of a directory, by name.
///
/// # Errors
/// If a file cannot be read; the message names file, line and what is wrong.
pub fn read_all(directory: &Path) -> Result<Vec<Vector>> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    let paths: std::io::Result<Vec<_>> = entries.map(|entry| entry.map(|e| e.path())).collect();
    let mut paths = paths.with_context(|| directory.display().to_string())?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "vec"));
    paths.sort();
    ensure!(!paths.is_empty(), "{}: no vector files", directory.display());
    let mut vectors = Vec::new();
    for path in paths {
        vectors.extend(read(&path)?);
    }
    Ok(vectors)
}

/// Reads a vector file.
///
/// # Errors
/// As [`read_all`].
pub fn read(path: &Path) -> Result<Vec<Vector>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    parse(&name, &text, &|included| {
        let path = directory.join(included);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    })
}

/// Reads a vector file from its text. `include` gives the text of the files that it includes.
///
/// # Errors
/// As [`read_all`].
pub fn parse(name: &str, text: &str, include: &dyn Fn(&str) -> Result<String>) -> Result<Vec<Vector>> {
    read::File::default().read(name, text, include)
}

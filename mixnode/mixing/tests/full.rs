//! A disk without room. Alone in its program: a process that is being started holds copies of all open files, and so of their locks, for a moment.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use mimiq_mixing::{Found, ReplayGuard, Verdict};

const CHILD: &str = "MIMIQ_FULL_CHILD";
const BATCH: usize = 64;

fn open(file: &Path) -> (ReplayGuard, Found) {
    ReplayGuard::open(file, 3, [7; 16], 1_000_000).unwrap()
}

fn tags(batch: usize) -> Vec<[u8; 16]> {
    (batch * BATCH..(batch + 1) * BATCH).map(|tag| (tag as u128).to_le_bytes()).collect()
}

/// A child whose files may have a few KB. The batch that does not fit any more is written in part: nothing of it stays, on disk or in memory.
#[test]
fn a_batch_that_cannot_be_written_is_not_remembered() {
    if let Some(file) = std::env::var_os(CHILD) {
        let file = Path::new(&file);
        let (mut guard, _) = open(file);
        let mut verdicts = Vec::new();
        let written = (0..1000).take_while(|batch| guard.admit(&tags(*batch), &mut verdicts).is_ok()).count();
        assert!((1..1000).contains(&written), "{written}");
        assert_eq!(verdicts, vec![Verdict::Fresh; written * BATCH]);
        assert_eq!(guard.len(), written * BATCH);
        // A part of it has room.
        verdicts.clear();
        guard.admit(&tags(written)[..1], &mut verdicts).unwrap();
        assert_eq!(verdicts, [Verdict::Fresh]);
        drop(guard);
        assert_eq!(open(file).1, Found::Whole { tags: written * BATCH + 1 });
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // Without the signal, a write beyond the limit fails.
    let limited = "ulimit -f 8 && trap '' XFSZ && exec \"$0\" --exact a_batch_that_cannot_be_written_is_not_remembered";
    let output = Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, dir.path().join("3.replay"))
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && shown.contains("1 passed"),
        "{shown}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

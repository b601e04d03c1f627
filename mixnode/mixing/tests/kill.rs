//! Tags outlive SIGKILL. Alone in its program: a process that is being started holds copies of all open files, and so of their locks, for a moment.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mimiq_mixing::{Found, ReplayGuard, Verdict};
use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const BOOT: [u8; 16] = [7; 16];
const MOST: usize = 1_000_000;

fn open(file: &Path) -> (ReplayGuard, Found) {
    ReplayGuard::open(file, 3, BOOT, MOST).unwrap()
}

fn admit(guard: &mut ReplayGuard, tags: &[[u8; 16]]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    guard.admit(tags, &mut verdicts).unwrap();
    verdicts
}

fn tags(seed: u64, count: usize) -> Vec<[u8; 16]> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut tag = || {
        let mut tag = [0; 16];
        rng.fill_bytes(&mut tag);
        tag
    };
    (0..count).map(|_| tag()).collect()
}

fn log(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("3.replay")
}

const CHILD: &str = "MIMIQ_REPLAY_CHILD";

/// A child that lets tags through until it is killed: none of those that it spoke of is fresh afterwards.
#[test]
fn no_tag_is_forgotten_when_the_process_is_killed() {
    if let Some(file) = std::env::var_os(CHILD) {
        let (mut guard, _) = open(Path::new(&file));
        for (number, batch) in tags(5, 2_000_000).chunks(8).enumerate() {
            admit(&mut guard, batch);
            println!("admitted {}", (number + 1) * 8);
        }
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for kill in 1..=5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "no_tag_is_forgotten_when_the_process_is_killed", "--nocapture"])
            .env(CHILD, log(&dir))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut admitted = 0;
        for line in lines {
            if let Some(count) = line.strip_prefix("admitted ") {
                admitted = count.parse().unwrap();
                if admitted == kill * 1000 {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
        assert!(admitted >= kill * 1000);
        let (mut guard, found) = open(&log(&dir));
        assert!(matches!(found, Found::Whole { tags } if tags >= admitted), "{found:?}, {admitted}");
        let verdicts = admit(&mut guard, &tags(5, admitted));
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Replayed), "a tag of {admitted} was forgotten");
    }
}

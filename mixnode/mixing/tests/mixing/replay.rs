//! Tags outlive the process.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use mimiq_mixing::{Found, ReplayGuard, Verdict};
use proptest::prelude::*;
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Batches with repetitions, and restarts between them, against a plain set.
    #[test]
    fn a_tag_is_fresh_once(batches in proptest::collection::vec((proptest::collection::vec(0..60u8, 0..20), any::<bool>()), 1..12)) {
        let dir = tempfile::tempdir().unwrap();
        let mut seen = std::collections::HashSet::new();
        let mut guard = Some(open(&log(&dir)).0);
        for (batch, restart) in batches {
            if restart {
                drop(guard.take());
                let (opened, found) = open(&log(&dir));
                prop_assert_eq!(found, Found::Whole { tags: seen.len() });
                guard = Some(opened);
            }
            // Alike in most bits.
            let tags: Vec<[u8; 16]> = batch.iter().map(|tag| { let mut t = [0; 16]; t[usize::from(*tag) % 8] = tag + 1; t }).collect();
            let expected: Vec<Verdict> =
                tags.iter().map(|tag| if seen.insert(*tag) { Verdict::Fresh } else { Verdict::Replayed }).collect();
            prop_assert_eq!(admit(guard.as_mut().unwrap(), &tags), expected);
        }
    }
}

#[test]
fn a_full_filter_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let (mut guard, found) = ReplayGuard::open(&log(&dir), 3, BOOT, 5).unwrap();
    assert_eq!(found, Found::Nothing);
    let tags = tags(1, 7);
    let verdicts = admit(&mut guard, &tags);
    assert_eq!(verdicts, [&[Verdict::Fresh; 5][..], &[Verdict::NoRoom; 2]].concat());
    assert_eq!(admit(&mut guard, &tags[..1]), [Verdict::Replayed]);
    assert_eq!(guard.len(), 5);
    drop(guard);
    let error = ReplayGuard::open(&log(&dir), 3, BOOT, 4).err().unwrap();
    assert!(error.to_string().contains("more than 4 tags"), "{error}");
}

/// After the machine went down only a log that was closed is known to be whole.
#[test]
fn a_closed_log_is_whole_after_another_boot() {
    let dir = tempfile::tempdir().unwrap();
    let (mut guard, _) = open(&log(&dir));
    admit(&mut guard, &tags(1, 3));
    guard.close().unwrap();
    let (_, found) = ReplayGuard::open(&log(&dir), 3, [8; 16], MOST).unwrap();
    assert_eq!(found, Found::Whole { tags: 3 });
}

/// And whoever has seen that tags may be missing may die before the key is given up: so it is never forgotten.
#[test]
fn an_open_log_is_incomplete_for_good_after_another_boot() {
    let dir = tempfile::tempdir().unwrap();
    let (mut guard, _) = open(&log(&dir));
    admit(&mut guard, &tags(1, 3));
    drop(guard);
    for boot in [8, 8, 9] {
        let (guard, found) = ReplayGuard::open(&log(&dir), 3, [boot; 16], MOST).unwrap();
        assert_eq!(found, Found::Incomplete);
        if boot == 8 {
            guard.close().unwrap();
        }
    }
}

#[test]
fn a_torn_record_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let (mut guard, _) = open(&log(&dir));
    admit(&mut guard, &tags(1, 3));
    drop(guard);
    for torn in 1..8 {
        OpenOptions::new().append(true).open(log(&dir)).unwrap().write_all(&vec![0xee; torn]).unwrap();
        assert_eq!(open(&log(&dir)).1, Found::Whole { tags: 3 }, "{torn} bytes of a record");
    }
    // The header was not whole: nothing was let through.
    fs::write(log(&dir), [1; 63]).unwrap();
    assert_eq!(open(&log(&dir)).1, Found::Nothing);
}

#[test]
fn what_is_another_s_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (guard, _) = open(&log(&dir));
    assert!(ReplayGuard::open(&log(&dir), 3, BOOT, MOST).is_err(), "another process has it");
    drop(guard);
    let error = ReplayGuard::open(&log(&dir), 4, BOOT, MOST).err().unwrap();
    assert!(error.to_string().contains("not the replay log of epoch 4"), "{error}");
    fs::write(log(&dir), [1; 640]).unwrap();
    assert!(ReplayGuard::open(&log(&dir), 3, BOOT, MOST).is_err());
}

#[test]
fn a_log_that_cannot_be_made_is_refused() {
    // /dev/full refuses every write, also that of a header.
    let error = ReplayGuard::open(Path::new("/dev/full"), 3, BOOT, MOST).err().unwrap();
    assert!(error.to_string().starts_with("replay log: "), "{error}");
}

#[test]
fn a_million_tags_take_little() {
    let dir = tempfile::tempdir().unwrap();
    let (mut guard, _) = open(&log(&dir));
    let tags = tags(2, 1_000_000);
    for batch in tags.chunks(64) {
        assert!(admit(&mut guard, batch).iter().all(|verdict| *verdict == Verdict::Fresh));
    }
    println!("{} bytes for a million tags", guard.memory());
    assert!(guard.memory() < 24_000_000);
    drop(guard);
    let (mut guard, found) = open(&log(&dir));
    assert_eq!(found, Found::Whole { tags: 1_000_000 });
    assert!(admit(&mut guard, &tags[..100]).iter().all(|verdict| *verdict == Verdict::Replayed));
}

//! Keys over restarts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use mimiq_directory::{KeyFileError, KeyFiles, Schedule};

use crate::setup::{EPOCHS, rng};

fn schedule() -> Schedule {
    Schedule::new(EPOCHS, 600).unwrap()
}

fn start(epoch: u64) -> u64 {
    EPOCHS.start(epoch).unwrap()
}

fn open(folder: &Path, now: u64, seed: u64) -> Result<KeyFiles, KeyFileError> {
    KeyFiles::open(folder, schedule(), now, &mut rng(seed))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_restart_keeps_the_keys_and_forgets_those_past_their_grace() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("keys");
    let mut first = open(&folder, start(10), 1).unwrap();
    let tenth = first.ring().published(&schedule(), start(10));
    first.advance(start(11), &mut rng(2)).unwrap();
    let eleventh = first.ring().published(&schedule(), start(11));
    assert_eq!(tenth[1], eleventh[0]);
    drop(first);
    let second = open(&folder, start(11) + 599, 3).unwrap();
    assert_eq!(second.ring().published(&schedule(), start(11)), eleventh);
    assert_eq!(second.ring().epochs().collect::<Vec<_>>(), [10, 11, 12]);
    drop(second);
    let third = open(&folder, start(11) + 600, 4).unwrap();
    assert_eq!(third.ring().epochs().collect::<Vec<_>>(), [11, 12]);
    assert_eq!(names(&folder), ["epoch-11.key", "epoch-12.key"]);
    drop(third);
    // After a long sleep nothing of before is left.
    let last = open(&folder, start(40), 5).unwrap();
    assert_eq!(last.ring().epochs().collect::<Vec<_>>(), [40, 41]);
    assert_eq!(names(&folder), ["epoch-40.key", "epoch-41.key"]);
}

#[test]
fn a_running_node_removes_files_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), start(10), 1).unwrap();
    for epoch in 11..15 {
        files.advance(start(epoch), &mut rng(epoch)).unwrap();
        assert_eq!(names(folder.path()), [epoch - 1, epoch, epoch + 1].map(|epoch| format!("epoch-{epoch}.key")));
        files.advance(start(epoch) + 600, &mut rng(epoch)).unwrap();
        assert_eq!(names(folder.path()), [epoch, epoch + 1].map(|epoch| format!("epoch-{epoch}.key")));
    }
}

#[test]
fn files_are_the_owners_alone() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("keys");
    open(&folder, start(10), 1).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("epoch-10.key"))), (0o700, 0o600));
}

#[test]
fn unfinished_keys_go_damaged_ones_are_named_and_others_files_stay() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["epoch-10.new", "epoch-010.key", "notes.new"] {
        fs::write(folder.path().join(name), b"half a key").unwrap();
    }
    open(folder.path(), start(10), 1).unwrap();
    assert_eq!(names(folder.path()), ["epoch-010.key", "epoch-10.key", "epoch-11.key", "notes.new"]);
    let path = folder.path().join("epoch-11.key");
    for length in [0, 31, 33] {
        fs::write(&path, vec![1; length]).unwrap();
        let refused = open(folder.path(), start(10), 2).unwrap_err();
        assert_eq!(refused.to_string(), format!("{}: not 32 bytes", path.display()));
    }
    // It is not looked at once its time is over.
    open(folder.path(), start(20), 2).unwrap();
    assert_eq!(names(folder.path()), ["epoch-010.key", "epoch-20.key", "epoch-21.key", "notes.new"]);
}

/// A folder in a key's place cannot be removed as a file can, not even by root.
#[test]
fn what_cannot_be_removed_does_not_count_and_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), start(10), 1).unwrap();
    let path = folder.path().join("epoch-10.key");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let late = start(11) + 600;
    assert!(matches!(files.advance(late, &mut rng(2)), Err(KeyFileError::Io { path: named, .. }) if named == path));
    assert_eq!(files.ring().accepted(&schedule(), late).map(|(epoch, _)| epoch).collect::<Vec<_>>(), [11, 12]);
    assert!(matches!(files.advance(late, &mut rng(2)), Err(KeyFileError::Io { .. })), "again");
    fs::remove_dir(&path).unwrap();
    files.advance(late, &mut rng(2)).unwrap();
    assert_eq!(files.ring().epochs().collect::<Vec<_>>(), [11, 12]);
}

#[test]
fn a_key_that_must_not_be_used_again_is_replaced_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), start(10), 1).unwrap();
    let before = files.ring().published(&schedule(), start(10));
    files.renew(10, &mut rng(2)).unwrap();
    let after = files.ring().published(&schedule(), start(10));
    assert_eq!(after[1], before[1]);
    assert!(!files.was_found(10) && !files.was_found(11));
    assert_ne!(after[0].key, before[0].key);
    drop(files);
    let again = open(folder.path(), start(10), 3).unwrap();
    assert_eq!(again.ring().published(&schedule(), start(10)), after);
    assert!(again.was_found(10) && again.was_found(11));
}

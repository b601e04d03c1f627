//! What is on disk when a provider starts.

use std::fs;

use mimiq_access::Store;

use crate::setup::{account, config, open, payload, public};

/// As if the machine had crashed while the file was made for the first time.
#[tokio::test]
async fn a_file_is_there_completely_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let (path, unfinished) = (dir.path().join("inboxes"), dir.path().join("inboxes.new"));
    // It cannot be written.
    fs::create_dir(&unfinished).unwrap();
    assert!(Store::open(&path, config().inbox, payload(0).len()).is_err());
    assert!(!path.exists());
    fs::remove_dir(&unfinished).unwrap();
    fs::write(&unfinished, b"half a file").unwrap();
    let store = open(dir.path());
    store.register(&public(1), None).await.unwrap();
    drop(store);
    assert!(!unfinished.exists());
    // It is there, and not made anew.
    assert!(open(dir.path()).is_registered(account(1)).unwrap());
}

//! What is on disk when a provider starts.

use std::fs;

use mimiq_access::{InboxLimits, Pull, Store};

use crate::setup::{account, config, eventually, open, payload, public};

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

/// The provider has moved to a network with other packets.
#[tokio::test]
async fn what_nobody_can_read_keeps_no_place() {
    let dir = tempfile::tempdir().unwrap();
    let limits = InboxLimits { messages: 3, ..config().inbox };
    let open = |length| Store::open(&dir.path().join("inboxes"), limits, length).unwrap();
    let (count, id) = (2, [1; 16]);
    let store = open(8);
    store.register(&public(1), None).await.unwrap();
    (0..3).for_each(|_| store.deliver(account(1), id, &[1; 8]).unwrap());
    // What was handed in is written before the store is gone.
    drop(store);

    let store = open(9);
    assert_eq!(store.pull(account(1), Pull::after(0), count).unwrap(), []);
    // There is room once they are deleted.
    eventually("a message is stored", || {
        store.deliver(account(1), id, &[2; 9]).unwrap();
        !store.pull(account(1), Pull::after(0), count).unwrap().is_empty()
    })
    .await;
    let messages = store.pull(account(1), Pull::after(0), count).unwrap();
    assert!(messages[0].seq > 3 && messages[0].payload == [2; 9]);
}

//! A provider whose disk was full goes on when there is room again. Alone in its program, as a limit of the process plays the disk.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mimiq_access::{AccountId, InboxLimits, Message, Pull, Registered, Store, Unavailable};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const CHILD: &str = "MIMIQ_FULL_DISK_CHILD";
const PAYLOAD: usize = 1024;
const LIMITS: InboxLimits = InboxLimits { messages: 1_000_000, age_s: 86_400 };
const PATIENCE: Duration = Duration::from_secs(60);

/// Files may grow to so many bytes.
fn limit(most: u64) {
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, most.min(hard), hard).unwrap();
}

fn key(number: u64) -> [u8; 32] {
    let mut key = [3; 32];
    key[..8].copy_from_slice(&number.to_le_bytes());
    key
}

fn messages(store: &Store, account: AccountId) -> Vec<Message> {
    store.pull(account, Pull::after(0), 1_000).unwrap()
}

async fn child(file: &Path) {
    let end = Instant::now() + PATIENCE;
    let store = Store::open(file, LIMITS, PAYLOAD).unwrap();
    let account = AccountId::of(&[1; 32]);
    assert_eq!(store.register(&[1; 32], None).await, Ok(Registered::New));
    for number in 0..10 {
        store.deliver(account, [number; 16], &[number; PAYLOAD]).unwrap();
    }
    // What is registered is on disk, and so is what was handed in before.
    assert_eq!(store.register(&[2; 32], None).await, Ok(Registered::New));
    let before = messages(&store, account);
    assert_eq!(before.len(), 10);

    let full = std::fs::metadata(file).unwrap().len();
    limit(full);
    let mut number = 0_u64;
    let refused = loop {
        assert!(Instant::now() < end, "the disk is never full");
        for _ in 0..100 {
            // Too many for the queue are dropped.
            let _ = store.deliver(account, [99; 16], &[99; PAYLOAD]);
        }
        number += 1;
        if let Err(refused) = store.register(&key(number), None).await {
            break refused;
        }
    };
    assert_eq!(refused, Unavailable);
    limit(u64::MAX);
    while store.register(&[4; 32], None).await.is_err() {
        assert!(Instant::now() < end, "it does not go on");
        tokio::task::yield_now().await;
    }
    let after = messages(&store, account);
    assert!(after.starts_with(&before), "a message that was stored is lost");
    assert_eq!(store.register(&[1; 32], None).await, Ok(Registered::Already));
    let numbers: Vec<u64> = after.iter().map(|message| message.seq).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    let last = store.pull(account, Pull::after(0), 1_000_000).unwrap().last().unwrap().seq;
    store.deliver(account, [5; 16], &[5; PAYLOAD]).unwrap();
    assert_eq!(store.register(&[5; 32], None).await, Ok(Registered::New));
    let new = store.pull(account, Pull::after(last), 10).unwrap();
    assert_eq!(new.last().map(|message| message.id), Some([5; 16]));
    println!("full at {full} bytes, {last} messages");
}

#[test]
fn a_full_disk_ends_when_there_is_room_again() {
    if let Some(file) = std::env::var_os(CHILD) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(child(Path::new(&file)));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // Without the trap the first byte too much would end the process instead of being refused.
    let status = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; exec "$0" --exact a_full_disk_ends_when_there_is_room_again --nocapture"#])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, dir.path().join("inboxes"))
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

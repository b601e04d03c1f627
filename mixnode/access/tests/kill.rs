//! Inboxes outlive SIGKILL. Alone in its program: a process that is being started holds copies of all open files, and so of their locks, for a moment.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use mimiq_access::{AccountId, InboxLimits, Message, Pull, Store};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const CHILD: &str = "MIMIQ_INBOX_CHILD";
const KEY: [u8; 32] = [3; 32];
const PAYLOAD: usize = 64;
const LIMITS: InboxLimits = InboxLimits { messages: 1_000, age_s: 86_400 };
/// How many messages a child leaves before it acknowledges some.
const KEPT: usize = 40;

fn open(file: &Path) -> Store {
    Store::open(file, LIMITS, PAYLOAD).unwrap()
}

fn all(store: &Store, account: AccountId) -> Vec<Message> {
    store.pull(account, Pull::after(0), 2_000).unwrap()
}

/// Its payload and name follow from its number.
fn is_whole(message: &Message) -> bool {
    message.payload == [message.id[0]; PAYLOAD] && message.id == [message.id[0]; 16]
}

/// Stores and acknowledges, and says what it has seen on disk.
fn child(file: &Path) {
    let (store, account) = (open(file), AccountId::of(&KEY));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.register(&KEY, None)).unwrap();
    let (mut stored, mut gone) = (0, 0);
    loop {
        for number in 0..3 {
            // Dropped if the disk does not keep up.
            let _ = store.deliver(account, [number; 16], &[number; PAYLOAD]);
        }
        let waiting = all(&store, account);
        if let Some(last) = waiting.last().filter(|last| last.seq > stored) {
            stored = last.seq;
            println!("stored {stored}");
        }
        match waiting.first() {
            Some(first) if first.seq > gone + 1 => {
                gone = first.seq - 1;
                println!("gone {gone}");
            }
            Some(first) if waiting.len() > KEPT => {
                // From now on they may be gone, and once they are not seen any more they are.
                let acknowledged = first.seq + 20;
                println!("acknowledged {acknowledged}");
                store.pull(account, Pull::after(acknowledged), 0).unwrap();
            }
            _ => {}
        }
        std::thread::yield_now();
    }
}

#[test]
fn no_message_is_lost_and_none_comes_back_when_the_process_is_killed() {
    if let Some(file) = std::env::var_os(CHILD) {
        child(Path::new(&file));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("inboxes");
    let mut rng = ChaCha8Rng::seed_from_u64(rand::random());
    let (mut stored, mut acknowledged, mut gone) = (0, 0, 0);
    for _ in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "no_message_is_lost_and_none_comes_back_when_the_process_is_killed", "--nocapture"])
            .env(CHILD, &file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut left: u32 = rng.random_range(5..60);
        for line in lines {
            match line.split_once(' ') {
                Some(("stored", number)) => stored = number.parse().unwrap(),
                Some(("acknowledged", number)) => acknowledged = number.parse().unwrap(),
                Some(("gone", number)) => gone = number.parse().unwrap(),
                // Of the test harness.
                _ => continue,
            }
            left = left.saturating_sub(1);
            if left == 0 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let store = open(&file);
        let messages = all(&store, AccountId::of(&KEY));
        let numbers: Vec<u64> = messages.iter().map(|message| message.seq).collect();
        let context = format!("stored {stored}, acknowledged {acknowledged}, gone {gone}: {numbers:?}");
        assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "a gap or a duplicate: {context}");
        assert!(messages.iter().all(is_whole), "{context}");
        let (first, last) = (numbers.first().copied(), numbers.last().copied());
        assert!(last.is_some_and(|last| last >= stored), "lost: {context}");
        assert!(first.is_some_and(|first| first > gone && first <= acknowledged + 1), "back or lost: {context}");
    }
    assert!(gone > 0 && stored > gone, "the children did too little: {stored}, {gone}");
}

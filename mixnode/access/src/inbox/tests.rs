use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::writer::{Command, Counts, Writer};
use super::*;

const LIMITS: InboxLimits = InboxLimits { messages: 3, age_s: 100 };
const ALICE: AccountId = AccountId([1; 16]);
const BOB: AccountId = AccountId([2; 16]);

fn writer(path: &Path) -> (Writer, Arc<File>) {
    let file = Arc::new(File::open(path).unwrap());
    (Writer::new(file.clone(), LIMITS).unwrap(), file)
}

fn register(account: AccountId, token: Option<[u8; 32]>) -> (Command, oneshot::Receiver<Registered>) {
    let (reply, answer) = oneshot::channel();
    (Command::Register { account, token, reply }, answer)
}

fn message(recipient: AccountId, number: u8) -> Command {
    Command::Deliver { recipient, id: [number; 16], payload: Box::new([number; 4]) }
}

fn numbers(file: &File, account: AccountId) -> Vec<(u64, u8)> {
    let (messages, _) = pull(file, account, Pull::after(0), 100);
    messages.iter().map(|message| (message.seq, message.payload[0])).collect()
}

fn pull(file: &File, account: AccountId, pull: Pull, count: usize) -> (Vec<Message>, Option<u64>) {
    file.with(|database| tables::pull(database, account, pull, count, 4)).unwrap()
}

#[test]
fn limits_hold_and_numbers_grow() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, file) = writer(&dir.path().join("inboxes"));
    let mut write = |commands, now| writer.write(commands, false, now).unwrap();
    let mut batch = vec![message(ALICE, 0), register(ALICE, None).0];
    batch.extend((1..=4).map(|number| message(ALICE, number)));
    let counts = Counts { no_account: 1, registered: 1, stored: 3, inbox_full: 1, ..Counts::default() };
    assert_eq!(write(batch, 1000), counts);
    assert_eq!(numbers(&file, ALICE), [(1, 1), (2, 2), (3, 3)]);
    // What is acknowledged makes room, and its numbers are not given again.
    let acknowledge = Command::Acknowledge { account: ALICE, after: 2 };
    let counts = Counts { acknowledged: 2, stored: 2, inbox_full: 1, ..Counts::default() };
    assert_eq!(write(vec![acknowledge, message(ALICE, 5), message(ALICE, 6), message(ALICE, 7)], 1000), counts);
    assert_eq!(numbers(&file, ALICE), [(3, 3), (4, 5), (5, 6)]);
    let acknowledge = Command::Acknowledge { account: ALICE, after: 5 };
    assert_eq!(write(vec![acknowledge, message(ALICE, 8)], 1000).acknowledged, 3);
    assert_eq!(numbers(&file, ALICE), [(6, 8)]);
}

/// Messages of another network's size are deleted, but not those before them that the client may still ask for.
#[test]
fn what_may_be_wanted_again_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, file) = writer(&dir.path().join("inboxes"));
    let strange = Command::Deliver { recipient: ALICE, id: [3; 16], payload: Box::new([3; 5]) };
    let batch = vec![register(ALICE, None).0, message(ALICE, 1), message(ALICE, 2), strange];
    writer.write(batch, false, 1000).unwrap();
    let pull = |done, seen| pull(&file, ALICE, Pull { done, seen }, 10);
    assert_eq!(pull(0, 2), (vec![], None));
    assert_eq!(pull(1, 2), (vec![], Some(1)));
    assert_eq!(pull(2, 2), (vec![], Some(3)));
    assert_eq!(pull(0, 1).0.len(), 1);
}

#[test]
fn old_messages_go_and_accounts_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, file) = writer(&dir.path().join("inboxes"));
    let accounts = [ALICE, BOB].map(|account| register(account, None).0);
    writer.write(accounts.into(), false, 1000).unwrap();
    writer.write(vec![message(ALICE, 1), message(BOB, 2)], false, 1000).unwrap();
    writer.write(vec![message(BOB, 3)], false, 1050).unwrap();
    assert_eq!(writer.write(vec![], true, 1100).unwrap(), Counts::default());
    // It goes around: the second sweep found nobody behind Bob.
    assert_eq!(writer.write(vec![], true, 1101).unwrap().expired, 0);
    assert_eq!(writer.write(vec![], true, 1101).unwrap().expired, 2);
    assert_eq!((numbers(&file, ALICE), numbers(&file, BOB)), (vec![], vec![(2, 3)]));
    assert!(file.with(|database| tables::is_registered(database, ALICE)).unwrap());
    // Room again, for as many as before.
    let batch = (4..=7).map(|number| message(BOB, number)).collect();
    assert_eq!(writer.write(batch, false, 1101).unwrap().stored, 2);
}

#[test]
fn a_token_is_used_once_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("inboxes");
    let registered = |writer: &mut Writer, account, token| {
        let (command, mut answer) = register(account, Some([token; 32]));
        writer.write(vec![command], false, 0).unwrap();
        answer.try_recv().unwrap()
    };
    let (mut first, file) = writer(&path);
    assert_eq!(registered(&mut first, ALICE, 7), Registered::New);
    assert_eq!(registered(&mut first, ALICE, 8), Registered::Already);
    drop((first, file));
    let (mut second, _file) = writer(&path);
    assert_eq!(registered(&mut second, BOB, 7), Registered::TokenUsed);
    assert_eq!(registered(&mut second, ALICE, 7), Registered::Already);
    assert_eq!(registered(&mut second, BOB, 8), Registered::New);
}

#[tokio::test]
async fn readers_do_not_wait_and_nobody_waits_for_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("inboxes");
    let store = Store::open(&path, LIMITS, 4).unwrap();
    let wrong = store.deliver(ALICE, [0; 16], &[0; 5]);
    assert_eq!(wrong, Err(DeliverError::Length { length: 5, wanted: 4 }));
    let key = [9; 32];
    let account = AccountId::of(&key);
    assert_eq!(store.register(&key, None).await, Ok(Registered::New));
    // The writer is kept from writing: by another transaction, as the disk might.
    let other = store.file.with(|database| Ok(database.begin_write()?)).unwrap();
    // While it still takes from the queue there is room again after a refusal: then who registers waits for it, but nobody waits here.
    let mut taken = 0;
    let refused = loop {
        taken += (0..3 * QUEUE).take_while(|_| store.deliver(account, [1; 16], &[1; 4]).is_ok()).count();
        assert!((QUEUE..=2 * QUEUE).contains(&taken), "{taken}");
        match pin!(store.register(&[8; 32], None)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => break result,
            Poll::Pending => taken += 1,
        }
    };
    assert_eq!(refused, Err(Unavailable));
    assert!(store.is_registered(account).unwrap());
    assert_eq!(store.pull(account, Pull::after(0), 10).unwrap(), []);
    other.abort().unwrap();
    // What was handed in is written before the store is gone.
    drop(store);
    let store = Store::open(&path, LIMITS, 4).unwrap();
    assert_eq!(store.pull(account, Pull::after(0), 10).unwrap().len(), 3);
}

#[test]
fn a_thread_that_has_ended_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("inboxes"), LIMITS, 4).unwrap();
    assert!(store.is_running());
    let (commands, queue) = sync_channel(QUEUE);
    store.commands = commands;
    store.writer.0.take().unwrap().join().unwrap();
    let panics = std::thread::Builder::new().spawn(move || {
        let _queue = queue;
        panic!("on purpose");
    });
    store.writer.0 = Some(panics.unwrap());
    while store.is_running() {
        std::thread::yield_now();
    }
    assert_eq!(store.deliver(ALICE, [1; 16], &[1; 4]), Err(DeliverError::Overloaded));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// Against a model: a queue for each account.
    #[test]
    fn inboxes_are_queues(steps in proptest::collection::vec((0u8..2, 0u8..3, 0u64..4), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let (mut writer, file) = writer(&dir.path().join("inboxes"));
        writer.write([ALICE, BOB].map(|account| register(account, None).0).into(), false, 0).unwrap();
        let mut model = [(0, Vec::new()), (0, Vec::new())];
        for (number, (who, what, amount)) in (0u8..).zip(steps) {
            let account = [ALICE, BOB][usize::from(who)];
            let (last, queue) = &mut model[usize::from(who)];
            if what < 2 {
                writer.write(vec![message(account, number)], false, 0).unwrap();
                if queue.len() < LIMITS.messages as usize {
                    *last += 1;
                    queue.push((*last, number));
                }
            } else {
                let after = queue.first().map_or(*last, |first: &(u64, u8)| first.0 - 1) + amount;
                let (behind, done) = pull(&file, account, Pull::after(after), 2);
                let after = if after > *last { 0 } else { after };
                let expected = queue.iter().filter(|(seq, _)| *seq > after).take(2);
                prop_assert!(behind.iter().map(|message| message.seq).eq(expected.map(|(seq, _)| *seq)));
                prop_assert_eq!(done.is_some(), queue.iter().any(|(seq, _)| *seq <= after));
                if let Some(after) = done {
                    writer.write(vec![Command::Acknowledge { account, after }], false, 0).unwrap();
                }
                queue.retain(|(seq, _)| *seq > after);
            }
            prop_assert_eq!(&numbers(&file, account), queue);
        }
    }
}

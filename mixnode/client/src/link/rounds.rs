//! When a client reads what its provider sends. Nothing of it is urgent, so it is read in rounds: QUIC acknowledges every other packet, and each acknowledgement
//! by itself would wake a client that sends all the time. When a client acknowledges what came then also says less of when it came.

use std::time::{Duration, Instant};

/// Between what is sent and the round that reads what it brought, at most.
const LONGEST: Duration = Duration::from_millis(100);
/// The same while the connection begins, and when there is much to read.
const SHORTEST: Duration = Duration::from_millis(1);
/// Datagrams of a round that are so many that rounds should come sooner: a third of what a socket holds with Linux's default.
const MANY: usize = 32;
/// After so many rounds without anything, more than a second, nothing is expected until something is sent.
const MOST_EMPTY: u32 = 20;

/// The schedule.
#[derive(Debug)]
pub(super) struct Rounds {
    interval: Duration,
    next: Option<Instant>,
    empty: u32,
    /// When there was one.
    last: Option<Instant>,
    /// Whether what is sent comes in batches.
    batches: bool,
}

impl Rounds {
    /// Before anything is sent nothing can come.
    pub(super) fn new() -> Self {
        Self { interval: SHORTEST, next: None, empty: 0, last: None, batches: false }
    }

    /// When to read.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Something is sent, maybe of a handshake, which waits for its answer. Says whether [`Self::next`] has changed.
    pub(super) fn sent(&mut self, now: Instant, handshake: bool) -> bool {
        if handshake {
            (self.interval, self.batches) = (SHORTEST, false);
        }
        self.empty = 0;
        // With the next batch, if there is one.
        self.by(if self.batches { now + 2 * self.interval } else { now + self.interval })
    }

    /// Packets are handed over that leave by and by. With them is read what those before have brought, rather than at a time of its own. Says whether
    /// [`Self::next`] has changed.
    pub(super) fn batch(&mut self, now: Instant) -> bool {
        (self.batches, self.empty) = (true, 0);
        let recently = self.last.is_some_and(|last| now < last + self.interval / 4);
        self.by(if recently { now + 2 * self.interval } else { now })
    }

    fn by(&mut self, due: Instant) -> bool {
        let sooner = self.next.is_none_or(|next| due < next);
        if sooner {
            self.next = Some(due);
        }
        sooner
    }

    /// All that had come was read: so many datagrams.
    pub(super) fn read(&mut self, now: Instant, datagrams: usize) {
        self.interval =
            if datagrams >= MANY { (self.interval / 2).max(SHORTEST) } else { (self.interval * 2).min(LONGEST) };
        self.empty = if datagrams == 0 { self.empty + 1 } else { 0 };
        self.last = Some(now);
        // What came is acknowledged, or was the answer: what follows it is read after the next that is sent.
        self.next = (datagrams == 0 && self.empty < MOST_EMPTY).then(|| now + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Sends every 16 ms for ten seconds; `arrived` says how many datagrams wait at a time since the last round. Counts rounds.
    fn run(rounds: &mut Rounds, arrived: impl Fn(Duration) -> usize) -> usize {
        let start = Instant::now();
        let (mut count, mut last) = (0, start);
        for ms in 0..10_000 {
            let now = start + ms * MS;
            if ms % 16 == 0 {
                rounds.sent(now, false);
            }
            if rounds.next().is_some_and(|next| next <= now) {
                rounds.read(now, arrived(now - last));
                (count, last) = (count + 1, now);
            }
        }
        count
    }

    #[test]
    fn a_client_that_always_sends_reads_ten_times_a_second() {
        // An acknowledgement for every other packet.
        let count = run(&mut Rounds::new(), |since| since.as_millis() as usize / 32);
        assert!((85..=110).contains(&count), "{count}");
    }

    /// Six packets every 96 ms are a batch, and sometimes a single one is sent between two.
    #[test]
    fn batches_are_read_with_and_with_nothing_else() {
        let (mut rounds, start) = (Rounds::new(), Instant::now());
        run(&mut rounds, |_| 1);
        let start = start + 20_000 * MS;
        let mut read = Vec::new();
        for ms in 0..9600 {
            let now = start + ms * MS;
            if ms % 96 == 0 {
                for _ in 0..6 {
                    rounds.batch(now);
                }
            } else if ms % 480 == 40 {
                rounds.sent(now, false);
            }
            if rounds.next().is_some_and(|next| next <= now) {
                rounds.read(now, 5);
                read.push(ms % 96);
            }
        }
        // The first may be due since before.
        assert!(read.len() >= 100 && read[1..].iter().all(|ms| *ms == 0), "{read:?}");
        // Without another batch, what the last one brought is read nevertheless.
        rounds.batch(start + 9600 * MS);
        assert!(rounds.next().is_some_and(|next| next <= start + 9800 * MS));
    }

    /// A thousand datagrams a second: no round has more than a socket holds.
    #[test]
    fn much_is_read_more_often() {
        let most = std::cell::Cell::new(0);
        let arrived = |since: Duration| {
            let count = since.as_millis() as usize;
            most.set(most.get().max(count));
            count
        };
        let count = run(&mut Rounds::new(), arrived);
        assert!((200..=600).contains(&count), "{count}");
        assert!(most.get() <= 80, "{}", most.get());
    }

    #[test]
    fn the_answer_of_a_handshake_is_read_soon() {
        let (mut rounds, start) = (Rounds::new(), Instant::now());
        run(&mut rounds, |_| 1);
        rounds.sent(start, true);
        // It comes after 30 ms, and is read a few rounds later at most.
        let mut now = start;
        while now < start + 30 * MS {
            now = rounds.next().unwrap();
            rounds.read(now, 0);
        }
        assert!(now <= start + 63 * MS, "{:?}", now - start);
    }

    #[test]
    fn nothing_is_expected_for_ever() {
        let (mut rounds, start) = (Rounds::new(), Instant::now());
        assert_eq!(rounds.next(), None);
        assert!(rounds.sent(start, true));
        assert!(!rounds.sent(start + MS, false));
        let mut now = start;
        while let Some(next) = rounds.next() {
            now = next;
            rounds.read(now, 0);
        }
        // Longer than a handshake's first packet is waited for before it is repeated (RFC 9002 §6.2.2).
        assert!((1000 * MS..2000 * MS).contains(&(now - start)), "{:?}", now - start);
        assert!(rounds.sent(now, false));
        rounds.read(now + LONGEST, 1);
        assert_eq!(rounds.next(), None);
    }
}

//! Accounts and inboxes on disk: what changes within one transaction. The time is an argument (seconds since 1970).

use redb::{Database, ReadableDatabase as _, ReadableTable as _, Table, TableDefinition, WriteTransaction};

use super::{Message, Registered};
use crate::AccountId;
use crate::config::InboxLimits;
use crate::frames::Pull;

type Id = [u8; 16];
/// Account, and sequence number of a message.
type Key = (Id, u64);
/// When it came, its name, its payload.
type Value = (u64, Id, &'static [u8]);

/// The last sequence number given to a message, and how many messages there are.
const ACCOUNTS: TableDefinition<'_, Id, (u64, u64)> = TableDefinition::new("accounts");
const MESSAGES: TableDefinition<'_, Key, Value> = TableDefinition::new("messages");
const USED_TOKENS: TableDefinition<'_, [u8; 32], ()> = TableDefinition::new("used_tokens");

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    Stored,
    NoAccount,
    InboxFull,
}

/// The tables within a transaction.
pub(super) struct Tables<'t> {
    accounts: Table<'t, Id, (u64, u64)>,
    messages: Table<'t, Key, Value>,
    used_tokens: Table<'t, [u8; 32], ()>,
    /// Whether there is something to commit.
    pub(super) changed: bool,
}

impl<'t> Tables<'t> {
    /// Opens them, or makes them.
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        let accounts = transaction.open_table(ACCOUNTS)?;
        let messages = transaction.open_table(MESSAGES)?;
        let used_tokens = transaction.open_table(USED_TOKENS)?;
        Ok(Self { accounts, messages, used_tokens, changed: false })
    }

    /// Makes an account, and uses a token up.
    pub(super) fn register(&mut self, account: AccountId, token: Option<[u8; 32]>) -> Result<Registered, redb::Error> {
        if self.accounts.get(account.0)?.is_some() {
            return Ok(Registered::Already);
        }
        if let Some(token) = token {
            if self.used_tokens.get(token)?.is_some() {
                return Ok(Registered::TokenUsed);
            }
            self.used_tokens.insert(token, ())?;
        }
        self.accounts.insert(account.0, (0, 0))?;
        self.changed = true;
        Ok(Registered::New)
    }

    /// Puts a message into an inbox.
    pub(super) fn deliver(
        &mut self,
        (recipient, id, payload): (AccountId, Id, &[u8]),
        now: u64,
        limits: &InboxLimits,
    ) -> Result<Delivered, redb::Error> {
        let account = self.accounts.get(recipient.0)?.map(|row| row.value());
        let Some((last, count)) = account else { return Ok(Delivered::NoAccount) };
        if count >= limits.messages {
            return Ok(Delivered::InboxFull);
        }
        let seq = last + 1;
        self.messages.insert((recipient.0, seq), (now, id, payload))?;
        self.accounts.insert(recipient.0, (seq, count + 1))?;
        self.changed = true;
        Ok(Delivered::Stored)
    }

    /// Deletes an account's messages up to a sequence number, and says how many there were.
    pub(super) fn acknowledge(&mut self, account: AccountId, after: u64) -> Result<u64, redb::Error> {
        self.remove(account, after, |_| true)
    }

    /// Deletes messages that came before a time, in the inboxes of at most so many accounts behind `cursor`. Says how many, and where to go on.
    pub(super) fn expire(
        &mut self,
        before: u64,
        cursor: Option<AccountId>,
        accounts: usize,
    ) -> Result<(u64, Option<AccountId>), redb::Error> {
        let from = cursor.map_or(std::ops::Bound::Unbounded, |account| std::ops::Bound::Excluded(account.0));
        let behind = self.accounts.range::<Id>((from, std::ops::Bound::Unbounded))?.take(accounts);
        let behind: Vec<_> = behind.map(|row| row.map(|(id, state)| (AccountId(id.value()), state.value()))).collect();
        let (mut expired, mut last) = (0, None);
        for row in behind {
            let (account, (_, count)) = row?;
            if count > 0 {
                expired += self.remove(account, u64::MAX, |came| came < before)?;
            }
            last = Some(account);
        }
        Ok((expired, last))
    }

    /// Deletes an account's first messages: up to a sequence number, and as long as the time when they came is such.
    fn remove(&mut self, account: AccountId, up_to: u64, such: impl Fn(u64) -> bool) -> Result<u64, redb::Error> {
        let mut removed = 0;
        // One by one, as the first that stays ends it: later ones are no older.
        loop {
            let first = self.messages.range((account.0, 0)..=(account.0, up_to))?.next().transpose()?;
            let Some(key) = first.filter(|(_, value)| such(value.value().0)).map(|(key, _)| key.value()) else { break };
            self.messages.remove(key)?;
            removed += 1;
        }
        if removed > 0 {
            let state = self.accounts.get(account.0)?.map(|row| row.value());
            if let Some((last, count)) = state {
                self.accounts.insert(account.0, (last, count.saturating_sub(removed)))?;
            }
            self.changed = true;
        }
        Ok(removed)
    }
}

/// Whether there is such an account.
pub(super) fn is_registered(database: &Database, account: AccountId) -> Result<bool, redb::Error> {
    Ok(database.begin_read()?.open_table(ACCOUNTS)?.get(account.0)?.is_some())
}

/// An account's first messages behind `seen`, and up to which number there are some that can be deleted: `done` at most. What was never there cannot be
/// done or seen: the store was lost, say, and numbers begin again. Messages of another size were stored for another network: nobody can
/// read them, and they must not keep their places.
pub(super) fn pull(
    database: &Database,
    account: AccountId,
    Pull { done, seen }: Pull,
    count: usize,
    payload_len: usize,
) -> Result<(Vec<Message>, Option<u64>), redb::Error> {
    let transaction = database.begin_read()?;
    let last = transaction.open_table(ACCOUNTS)?.get(account.0)?.map_or(0, |row| row.value().0);
    let known = |number: u64| if number > last { 0 } else { number };
    let (done, seen) = (known(done), known(seen).max(known(done)));
    let table = transaction.open_table(MESSAGES)?;
    let mut deletable = table.range((account.0, 0)..=(account.0, done))?.next().transpose()?.map(|_| done);
    let mut messages = Vec::new();
    for row in table.range((account.0, seen + 1)..=(account.0, u64::MAX))? {
        if messages.len() == count {
            break;
        }
        let (key, value) = row?;
        let (seq, (_, id, payload)) = (key.value().1, value.value());
        if payload.len() == payload_len {
            messages.push(Message { seq, id, payload: payload.to_vec() });
        } else if messages.is_empty() && seen == done {
            deletable = Some(seq);
        }
    }
    Ok((messages, deletable))
}

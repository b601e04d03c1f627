//! What the next agent must know, should this one be killed: the leases, in a file beside the socket.
//!
//! It is written when addresses are granted, not when they are taken or given back: an application says by itself what it
//! holds, and the kernel's routes say what has not been removed. Times are CLOCK_BOOTTIME, which means something as long as
//! the host is not rebooted; after that the file is ignored.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::stock::Kept;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

#[derive(Serialize, Deserialize)]
struct Document {
    boot: String,
    leases: Vec<Lease>,
}

#[derive(Serialize, Deserialize)]
struct Lease {
    address: IpAddr,
    end_ms: u64,
    grace_end_ms: u64,
    mtu: u32,
}

/// The file, and how its times are to be read.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    boot: String,
    clock: Clock,
}

impl Journal {
    /// The file that belongs to the agent at this socket.
    ///
    /// # Errors
    /// If the kernel does not say which boot this is.
    pub fn beside(socket: &Path, clock: Clock) -> io::Result<Self> {
        let boot = fs::read_to_string(BOOT_ID)?.trim().to_owned();
        Ok(Self { path: suffixed(socket, ".leases"), boot, clock })
    }

    /// Leases whose grace is not over. What cannot be read is as good as none.
    #[must_use]
    pub fn read(&self, now: Instant) -> Vec<Kept> {
        let document = match self.document() {
            Ok(Some(document)) if document.boot == self.boot => document,
            Ok(_) => return Vec::new(),
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "the leases of an earlier agent cannot be read");
                return Vec::new();
            }
        };
        let at = |ms| self.clock.instant(Duration::from_millis(ms));
        let kept = |lease: Lease| {
            let (end, grace_end) = (at(lease.end_ms)?, at(lease.grace_end_ms)?);
            Some(Kept { address: lease.address, end, grace_end, mtu: lease.mtu })
        };
        document.leases.into_iter().filter_map(kept).filter(|lease| lease.grace_end > now).collect()
    }

    fn document(&self) -> io::Result<Option<Document>> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the file; without leases it is removed. A failure costs applications their addresses at the next restart, no more.
    pub fn write(&self, leases: impl Iterator<Item = Kept>) {
        let ms = |at| u64::try_from(self.clock.boottime(at).as_millis()).unwrap_or(u64::MAX);
        let lease = |kept: Kept| Lease {
            address: kept.address,
            end_ms: ms(kept.end),
            grace_end_ms: ms(kept.grace_end),
            mtu: kept.mtu,
        };
        let document = Document { boot: self.boot.clone(), leases: leases.map(lease).collect() };
        if let Err(error) = self.replace(&document) {
            tracing::warn!(path = %self.path.display(), %error, "leases cannot be written down for the next agent");
        }
    }

    fn replace(&self, document: &Document) -> io::Result<()> {
        if document.leases.is_empty() {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let new = suffixed(&self.path, ".new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&serde_json::to_vec(document)?)?;
        // Not synced: it need not survive a crash of the kernel.
        fs::rename(&new, &self.path)
    }
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn kept(number: u16, now: Instant, end: u32, grace: u32) -> Kept {
        let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number).into();
        Kept { address, end: now + end * SECOND, grace_end: now + (end + grace) * SECOND, mtu: 1460 }
    }

    #[test]
    fn the_next_agent_reads_what_has_not_ended() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("agent.sock");
        let start = Instant::now();
        let journal = Journal::beside(&socket, Clock::new(start, 1000 * SECOND)).unwrap();
        assert_eq!(journal.read(start), []);
        let leases = [kept(1, start, 60, 5), kept(2, start, 10, 5)];
        journal.write(leases.into_iter());
        assert_eq!(journal.read(start).len(), 2);
        let path = directory.path().join("agent.sock.leases");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        // Twelve seconds of boottime later, of which this process's clock saw two: the host slept.
        let next = Journal::beside(&socket, Clock::new(start + 2 * SECOND, 1012 * SECOND)).unwrap();
        let read = next.read(start + 2 * SECOND);
        assert_eq!(read.len(), 2);
        let first = read.iter().find(|lease| lease.address == leases[0].address).unwrap();
        assert_eq!(first.end, start + 50 * SECOND);
        let later = Journal::beside(&socket, Clock::new(start + 2 * SECOND, 1016 * SECOND)).unwrap();
        assert_eq!(later.read(start + 2 * SECOND).len(), 1, "the other's grace ended during the sleep");

        journal.write(std::iter::empty());
        assert!(!path.exists());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, end_ms: u64, grace_end_ms: u64, mtu: u32) {
            let directory = tempfile::tempdir().unwrap();
            let now = Instant::now();
            let journal = Journal::beside(&directory.path().join("s"), Clock::new(now, SECOND)).unwrap();
            fs::write(&journal.path, bytes).unwrap();
            assert_eq!(journal.read(now), []);
            let lease = Lease { address: "2001:db8::1".parse().unwrap(), end_ms, grace_end_ms, mtu };
            let document = Document { boot: journal.boot.clone(), leases: vec![lease] };
            fs::write(&journal.path, serde_json::to_vec(&document).unwrap()).unwrap();
            for kept in journal.read(now) {
                let mut stock = crate::stock::Stock::new(crate::stock::Marks { low: 1, high: 1 });
                stock.adopt(kept, now);
                stock.reclaim(now, crate::stock::AppId(1), kept.address);
                stock.poll(now, &mut Vec::new());
                journal.write(stock.leases());
            }
        }
    }

    #[test]
    fn another_boot_and_nonsense_are_as_good_as_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("agent.sock");
        let now = Instant::now();
        let journal = Journal::beside(&socket, Clock::new(now, SECOND)).unwrap();
        let other = Journal { boot: "another".into(), path: journal.path.clone(), clock: journal.clock };
        other.write([kept(1, now, 60, 5)].into_iter());
        assert_eq!(other.read(now).len(), 1);
        assert_eq!(journal.read(now), []);
        let boot = &journal.boot;
        for text in [
            String::new(),
            "{}".into(),
            format!(
                r#"{{"boot": "{boot}", "leases": [{{"address": "x", "end_ms": 1, "grace_end_ms": 1, "mtu": 1}}]}}"#
            ),
        ] {
            fs::write(&journal.path, text).unwrap();
            assert_eq!(journal.read(now), []);
        }
    }
}

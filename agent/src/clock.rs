//! Time that goes on while the host sleeps.
//!
//! [`Instant`] is Linux's CLOCK_MONOTONIC, which stands still during suspend; leases do not. So the daemon counts with
//! CLOCK_BOOTTIME, mapped to instants: after a suspend they run ahead of [`Instant::now`]. Boottime itself, unlike an
//! instant, can be written down for the next daemon of the same boot.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use tokio::io::unix::AsyncFd;

/// The relation of both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    monotonic: Instant,
    boottime: Duration,
}

impl Clock {
    /// Both clocks as they are now.
    #[must_use]
    pub fn start() -> Self {
        Self::new(Instant::now(), boottime())
    }

    /// Both clocks as they were at one moment.
    #[must_use]
    pub fn new(monotonic: Instant, boottime: Duration) -> Self {
        Self { monotonic, boottime }
    }

    /// The instant at which the clocks show this: `monotonic`, and what was slept on top.
    #[must_use]
    pub fn at(&self, monotonic: Instant, boottime: Duration) -> Instant {
        self.instant(boottime).map_or(monotonic, |at| at.max(monotonic))
    }

    /// The instant now.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.at(Instant::now(), boottime())
    }

    /// The boottime at an instant.
    #[must_use]
    pub fn boottime(&self, at: Instant) -> Duration {
        let before = self.monotonic.saturating_duration_since(at);
        (self.boottime + at.saturating_duration_since(self.monotonic)).saturating_sub(before)
    }

    /// The instant at a boottime, unless it is out of range.
    #[must_use]
    pub fn instant(&self, boottime: Duration) -> Option<Instant> {
        match boottime.checked_sub(self.boottime) {
            Some(after) => self.monotonic.checked_add(after),
            None => self.monotonic.checked_sub(self.boottime - boottime),
        }
    }
}

fn boottime() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::Boottime);
    Duration::try_from(time).unwrap_or_default()
}

/// A timer on CLOCK_BOOTTIME: what fell due during suspend is due at resume, not so many seconds later.
#[derive(Debug)]
pub struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    /// A timer that is not set. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If there are no file descriptors left.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = rustix::time::timerfd_create(TimerfdClockId::Boottime, flags)?;
        #[allow(unsafe_code, reason = "tokio has no other way to wait for a timerfd")]
        // SAFETY: an `OwnedFd` is one open descriptor until it is dropped, and the `AsyncFd` owns it.
        let timer = unsafe { AsyncFd::register(timer)? };
        Ok(Self(timer))
    }

    /// Waits until a boottime; for ever without one, or if the timer fails.
    pub async fn until(&self, boottime: Option<Duration>) {
        let at = match boottime.map(|at| Timespec::try_from(at.max(Duration::from_nanos(1)))) {
            Some(Ok(at)) => at,
            _ => return std::future::pending().await,
        };
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let timer = Itimerspec { it_interval: never, it_value: at };
        // Setting it also forgets that it was due before.
        let set = rustix::time::timerfd_settime(&self.0, TimerfdTimerFlags::ABSTIME, &timer);
        let due = async {
            set?;
            loop {
                let mut ready = self.0.readable().await?;
                let mut count = [0; 8];
                match ready.try_io(|timer| Ok(rustix::io::read(timer, &mut count)?)) {
                    Ok(read) => return read.map(|_| ()),
                    Err(_not_yet) => {}
                }
            }
        };
        let due: io::Result<()> = due.await;
        if let Err(error) = due {
            tracing::error!(%error, "the timer failed");
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn sleep_counts() {
        let start = Instant::now();
        let clock = Clock::new(start, 100 * SECOND);
        assert_eq!(clock.at(start + 5 * SECOND, 105 * SECOND), start + 5 * SECOND);
        // An hour of suspend.
        assert_eq!(clock.at(start + 6 * SECOND, 3706 * SECOND), start + 3606 * SECOND);
    }

    #[test]
    fn it_never_goes_back() {
        let start = Instant::now();
        let clock = Clock::new(start, 100 * SECOND);
        assert_eq!(clock.at(start + 5 * SECOND, 99 * SECOND), start + 5 * SECOND);
    }

    #[test]
    fn instants_and_boottimes_are_each_others_inverse() {
        let start = Instant::now();
        let clock = Clock::new(start, 100 * SECOND);
        for boottime in [1, 99, 100, 101, 4000] {
            let instant = clock.instant(boottime * SECOND).unwrap();
            assert_eq!(clock.boottime(instant), boottime * SECOND);
        }
        assert_eq!(clock.instant(Duration::MAX), None);
    }

    #[tokio::test]
    async fn the_alarm_goes_off_at_the_time_and_not_before() {
        let alarm = Alarm::new().unwrap();
        for ms in [0, 1, 30] {
            let at = boottime() + Duration::from_millis(ms);
            tokio::time::timeout(10 * SECOND, alarm.until(Some(at))).await.unwrap();
            assert!(boottime() >= at);
        }
        let early = boottime() + 3600 * SECOND;
        assert!(tokio::time::timeout(Duration::from_millis(20), alarm.until(Some(early))).await.is_err());
        // What is past is due at once, though it was set for later before.
        tokio::time::timeout(10 * SECOND, alarm.until(Some(Duration::ZERO))).await.unwrap();
    }
}

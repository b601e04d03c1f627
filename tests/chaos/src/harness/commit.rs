//! Waiting for writes to the state file, so that a process can be killed in the middle of a commit.

use std::{os::fd::OwnedFd, path::Path};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::{io::AsyncReadExt as _, net::unix::pipe::Receiver};

/// Bytes of the event of a watched file, which has no name in it.
const EVENT: usize = 16;

/// Returns after the `nth` write to a file from now on (0 is the next).
///
/// # Errors
/// If the file cannot be watched.
pub async fn written(file: &Path, nth: u32) -> anyhow::Result<()> {
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    inotify.add_watch(file, AddWatchFlags::IN_MODIFY)?;
    // It is no pipe, but readable like one.
    let mut events = Receiver::from_owned_fd_unchecked(OwnedFd::from(inotify))?;
    let (mut buffer, mut seen) = ([0; 64 * EVENT], 0);
    while seen <= nth as usize {
        seen += events.read(&mut buffer).await? / EVENT;
    }
    Ok(())
}

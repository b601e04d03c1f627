//! Sends frames at a fixed rate through a packet socket.

use std::{io::IoSlice, os::fd::AsRawFd as _, time::Duration};

use anyhow::Context as _;
use nix::{
    errno::Errno,
    sys::{
        socket::{AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType, bind, sendmmsg, socket},
        time::TimeSpec,
    },
    time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep},
};

use crate::cpu;

/// Frames sent at once.
const BURST: usize = 64;

/// What was sent.
pub(crate) struct Sent {
    pub packets: usize,
    pub took: Duration,
    /// CPU time of sending, nanoseconds.
    pub cpu_ns: u64,
}

/// Sends `count` frames, taken in turn, out of an interface of this thread's namespace, so many a second; at most one burst
/// more. What the interface does not take is lost.
pub(super) fn send(interface: &str, frames: &[Vec<u8>], rate: u32, count: usize) -> anyhow::Result<Sent> {
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).context("packet socket")?;
    bind(socket.as_raw_fd(), &address(interface)?).with_context(|| interface.to_owned())?;
    let slices: Vec<[IoSlice<'_>; 1]> = frames.iter().map(|frame| [IoSlice::new(frame)]).collect();
    let mut headers = MultiHeaders::<LinkAddr>::preallocate(BURST, None);
    let to = [const { None }; BURST];

    let interval = Duration::from_secs(1) * BURST as u32 / rate;
    let (cpu, start) = (cpu::this_thread()?, monotonic()?);
    let (mut due, mut packets) = (start, 0);
    for burst in slices.chunks_exact(BURST).cycle() {
        if packets >= count {
            break;
        }
        match sendmmsg(socket.as_raw_fd(), &mut headers, burst, to, [], MsgFlags::empty()) {
            Ok(_) | Err(Errno::ENOBUFS) => packets += BURST,
            Err(error) => return Err(error).context("sendmmsg"),
        }
        due += interval;
        clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME, &TimeSpec::from(due))?;
    }
    Ok(Sent { packets, took: monotonic()? - start, cpu_ns: cpu::this_thread()? - cpu })
}

fn monotonic() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_MONOTONIC)?.into())
}

/// Of protocol 0: the socket receives nothing.
fn address(interface: &str) -> anyhow::Result<LinkAddr> {
    let mut addresses = nix::ifaddrs::getifaddrs()?.filter(|a| a.interface_name == interface);
    let link = addresses.find_map(|a| a.address?.as_link_addr().copied());
    link.with_context(|| format!("{interface}: no such interface"))
}

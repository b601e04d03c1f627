//! Sends frames at a fixed rate through a packet socket.

use std::{io::IoSlice, os::fd::AsRawFd as _, time::Duration};

use anyhow::Context as _;
use nix::{
    sys::{
        socket::{AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType, bind, sendmmsg, socket},
        time::TimeSpec,
    },
    time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep},
};

use super::cpu;

/// Frames sent at once.
const BURST: usize = 64;
/// Frames in a second: well below what any of the contenders carries on one core, and so few that a ring of 2048 lasts for 40 ms
/// in which the forwarder does not get the processor.
const RATE: u32 = 50_000;

/// Sends `count` frames, taken in turn, out of an interface of this thread's namespace; at most one burst more. Returns how
/// many, and this thread's CPU time for it in nanoseconds.
pub(super) fn send(interface: &str, frames: &[Vec<u8>], count: usize) -> anyhow::Result<(usize, u64)> {
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).context("packet socket")?;
    bind(socket.as_raw_fd(), &address(interface)?).with_context(|| interface.to_owned())?;
    let slices: Vec<[IoSlice<'_>; 1]> = frames.iter().map(|frame| [IoSlice::new(frame)]).collect();
    let mut headers = MultiHeaders::<LinkAddr>::preallocate(BURST, None);
    let to = [const { None }; BURST];

    let interval = Duration::from_secs(1) * BURST as u32 / RATE;
    let start = cpu::this_thread()?;
    let mut due = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?);
    let mut sent = 0;
    for burst in slices.chunks_exact(BURST).cycle() {
        if sent >= count {
            break;
        }
        let results =
            sendmmsg(socket.as_raw_fd(), &mut headers, burst, to, [], MsgFlags::empty()).context("sendmmsg")?;
        sent += results.count();
        due += interval;
        clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME, &TimeSpec::from(due))?;
    }
    Ok((sent, cpu::this_thread()? - start))
}

/// Of protocol 0: the socket receives nothing.
fn address(interface: &str) -> anyhow::Result<LinkAddr> {
    let mut addresses = nix::ifaddrs::getifaddrs()?.filter(|a| a.interface_name == interface);
    let link = addresses.find_map(|a| a.address?.as_link_addr().copied());
    link.with_context(|| format!("{interface}: no such interface"))
}

//! Threads that packets wait for come before other programs' and the node's own tasks, if the system lets them.

use std::sync::Once;

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

/// Real-time priorities (`sched(7)`): who has a higher one runs first.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Priority {
    /// Takes packets in. It may have as much to do as a processor can, so it gives way to timers.
    Intake = 1,
    /// Sends packets when their time has come, and sleeps otherwise.
    Departure = 2,
}

impl Priority {
    /// Gives it to the thread that calls. Without the right to (`RLIMIT_RTPRIO`, `CAP_SYS_NICE`) the thread is one like others, which is said once.
    pub(crate) fn take(self) {
        static SAID: Once = Once::new();
        let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
        let taken = ThreadPriority::try_from(self as u8).map_err(|error| error.to_owned()).and_then(|priority| {
            set_thread_priority_and_policy(thread_native_id(), priority, policy).map_err(|error| error.to_string())
        });
        if let Err(error) = taken {
            SAID.call_once(|| {
                tracing::info!(%error, "no real-time priority: packets leave late while other programs keep all processors busy");
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use thread_priority::thread_schedule_policy_param;

    use super::*;

    /// `CAP_SYS_NICE`, of `linux/capability.h`.
    fn may() -> bool {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
        u64::from_str_radix(effective.trim(), 16).unwrap() & 1 << 23 != 0
    }

    #[test]
    fn threads_have_it_if_the_process_may() {
        for priority in [Priority::Intake, Priority::Departure] {
            let taken = thread::spawn(move || {
                priority.take();
                thread_schedule_policy_param(thread_native_id()).unwrap()
            });
            let (policy, parameters) = taken.join().unwrap();
            let real_time = policy == ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
            if may() {
                assert!(real_time, "{policy:?}");
                assert_eq!(parameters.sched_priority, priority as i32);
            } else {
                println!("without CAP_SYS_NICE: {policy:?}");
            }
        }
    }
}

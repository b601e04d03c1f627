//! What has certainly arrived at the server. quinn tells nobody but its congestion controller of acknowledgements, so this
//! listens there; the control itself is left to another.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics};

/// How congestion is controlled.
pub(crate) type Congestion = Arc<dyn ControllerFactory + Send + Sync>;

/// Up to when what a connection wanted to send has arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acks(Arc<Mutex<Horizon>>);

impl Acks {
    fn lock(&self) -> MutexGuard<'_, Horizon> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that was to be sent at this time, or before, has arrived.
    pub(crate) fn horizon(&self) -> Option<Instant> {
        self.lock().reached()
    }
}

/// Pure.
#[derive(Debug, Default)]
struct Horizon {
    /// When the youngest acknowledged packet was sent, and the youngest before.
    acked: [Option<Instant>; 2],
    /// Since a loss it stays at the first, until what was sent after the second has arrived.
    held: Option<(Option<Instant>, Instant)>,
}

impl Horizon {
    fn acknowledged(&mut self, sent: Instant) {
        let [youngest, before] = &mut self.acked;
        if youngest.is_none_or(|youngest| sent > youngest) {
            *before = youngest.replace(sent);
        } else if *youngest != Some(sent) && before.is_none_or(|before| sent > before) {
            *before = Some(sent);
        }
    }

    /// Whatever was lost is sent again after this.
    fn lost(&mut self, now: Instant) {
        self.held = Some((self.reached(), now));
    }

    /// A packet may be made between the wish to send something and the packet that carries it, never two: hence the last but
    /// one.
    fn reached(&self) -> Option<Instant> {
        let [_, before] = self.acked;
        match self.held {
            Some((reached, until)) if before.is_none_or(|before| before <= until) => reached,
            _ => before,
        }
    }
}

/// Makes controllers that tell of acknowledgements.
pub(crate) struct Listening {
    control: Congestion,
    acks: Acks,
}

impl Listening {
    pub(crate) fn new(control: Congestion, acks: Acks) -> Self {
        Self { control, acks }
    }
}

impl ControllerFactory for Listening {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Listener { control: self.control.clone().build(now, current_mtu), acks: self.acks.clone() })
    }
}

struct Listener {
    control: Box<dyn Controller>,
    acks: Acks,
}

impl Controller for Listener {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.control.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &quinn_proto::RttEstimator) {
        self.acks.lock().acknowledged(sent);
        self.control.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest_packet_num_acked: Option<u64>) {
        self.control.on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, is_persistent_congestion: bool, lost_bytes: u64) {
        // Without lost bytes it is a mark of ECN.
        if lost_bytes > 0 {
            self.acks.lock().lost(now);
        }
        self.control.on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.control.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.control.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        self.control.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self { control: self.control.clone_box(), acks: self.acks.clone() })
    }

    fn initial_window(&self) -> u64 {
        self.control.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_is_the_last_but_one_acknowledged() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut horizon = Horizon::default();
        horizon.acknowledged(at(5));
        horizon.acknowledged(at(5));
        assert_eq!(horizon.reached(), None, "packets sent at once count as one");
        horizon.acknowledged(at(9));
        assert_eq!(horizon.reached(), Some(at(5)));
        horizon.acknowledged(at(7));
        assert_eq!(horizon.reached(), Some(at(7)), "acknowledged late");
        horizon.acknowledged(at(6));
        assert_eq!(horizon.reached(), Some(at(7)));
    }

    #[test]
    fn after_a_loss_it_waits_for_what_is_sent_again() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut horizon = Horizon::default();
        horizon.acknowledged(at(1));
        horizon.acknowledged(at(2));
        horizon.lost(at(10));
        horizon.acknowledged(at(4));
        horizon.acknowledged(at(11));
        assert_eq!(horizon.reached(), Some(at(1)));
        horizon.lost(at(12));
        horizon.acknowledged(at(12));
        horizon.acknowledged(at(13));
        assert_eq!(horizon.reached(), Some(at(1)));
        horizon.acknowledged(at(14));
        assert_eq!(horizon.reached(), Some(at(13)));
    }
}

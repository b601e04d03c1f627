//! A client's congestion control: none.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory};

/// Bytes under way, at most: never reached. Beyond 4 GB quinn does not pace, either.
const WINDOW: u64 = 1 << 40;

/// What a client sends follows from its clocks, and no more. It adds nothing to congestion that grows, so nothing needs to keep it back; and to keep it back would make
/// of a lossy link one on which packets do not leave at random times, and of every loss an attacker's means to slow cover traffic down. What is too much gets lost,
/// and its loops say so.
#[derive(Clone, Copy, Debug)]
pub struct ConstantRate;

impl ControllerFactory for ConstantRate {
    fn build(self: Arc<Self>, _now: Instant, _mtu: u16) -> Box<dyn Controller> {
        Box::new(*self)
    }
}

impl Controller for ConstantRate {
    fn on_congestion_event(&mut self, _now: Instant, _sent: Instant, _persistent: bool, _lost_bytes: u64) {}

    fn on_mtu_update(&mut self, _mtu: u16) {}

    fn window(&self) -> u64 {
        WINDOW
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }

    fn initial_window(&self) -> u64 {
        WINDOW
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

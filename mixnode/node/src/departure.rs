//! The thread that sends packets when they are due.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use mimiq_mixing::link::{LinkError, Outgoing};
use mimiq_mixing::udp::Udp;
use mimiq_sphinx::{Geometry, NodeId, payload};
use tokio::sync::mpsc::Sender;

use crate::counters::Counters;
use crate::delays::{Delays, Due, Task};
use crate::node::Delivery;

/// Where packets go, by the next node's name.
pub(crate) type Links = HashMap<NodeId, (SocketAddr, Outgoing)>;

/// A loop that is back: its name, and when it came (nanoseconds).
pub(crate) type LoopBack = ([u8; 16], u64);

pub(crate) struct Departure {
    pub(crate) geometry: Geometry,
    pub(crate) delays: Arc<Delays>,
    pub(crate) links: Arc<Mutex<Links>>,
    pub(crate) delivery: Option<Delivery>,
    pub(crate) loops: Sender<LoopBack>,
    pub(crate) counters: Arc<Counters>,
}

impl Departure {
    /// Until the queue is stopped.
    pub(crate) fn run(self, mut udp: Udp) {
        let mut due = Vec::new();
        let mut datagrams: Vec<(SocketAddr, Vec<u8>)> = Vec::new();
        while let Some(taken) = self.delays.take(&mut due) {
            let sealed = self.seal(&due[..taken], &mut datagrams);
            let sent = udp.send(&datagrams[..sealed]);
            let now = self.delays.clock().now();
            for due in &due[..taken] {
                self.counters.late.record(now.saturating_sub(due.deadline) as f64 / 1e9);
            }
            self.counters.relayed.increment(sent.sent as u64);
            self.counters.dropped("socket_full", sent.full as u64);
            self.counters.dropped("refused_by_kernel", sent.refused as u64);
        }
    }

    /// Deals with all that are due, and puts the datagrams of those that go on in front of `datagrams`. How many.
    fn seal(&self, due: &[Due], datagrams: &mut Vec<(SocketAddr, Vec<u8>)>) -> usize {
        let mut sealed = 0;
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        for due in due {
            match due.task {
                Task::Relay { next } => match links.get_mut(&next) {
                    None => self.counters.dropped("next_hop", 1),
                    Some((address, link)) => {
                        if datagrams.len() == sealed {
                            datagrams.push((*address, Vec::new()));
                        }
                        let (to, datagram) = &mut datagrams[sealed];
                        *to = *address;
                        match link.seal(&due.packet, datagram) {
                            Ok(()) => sealed += 1,
                            Err(LinkError::Exhausted) => self.counters.dropped("sealing", 1),
                            Err(error) => self.counters.dropped(error.name(), 1),
                        }
                    }
                },
                Task::Deliver { recipient, id } => match &self.delivery {
                    None => self.counters.dropped("not_a_provider", 1),
                    Some(deliver) => match deliver(recipient, id, payload(&self.geometry, &due.packet)) {
                        true => self.counters.delivered.increment(1),
                        false => self.counters.dropped("inbox", 1),
                    },
                },
                Task::Loop { id } => {
                    self.counters.loops.increment(1);
                    if self.loops.try_send((id, due.deadline)).is_err() {
                        self.counters.dropped("unknown_loop", 1);
                    }
                }
                Task::Drop => self.counters.cover.increment(1),
            }
        }
        sealed
    }
}

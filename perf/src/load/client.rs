//! One simulated client: its requests and its addresses.

use std::{collections::VecDeque, time::Instant};

use quinn_proto::StreamId;
use rand::Rng as _;

use crate::protocol::Addresses;

/// What a request is for.
#[derive(Debug)]
pub(super) enum Kind {
    Acquire,
    Renew(Addresses),
    Release(Addresses),
}

#[derive(Debug)]
pub(super) struct Request {
    pub id: u64,
    pub kind: Kind,
    /// When it should have been sent, which is where its latency counts from.
    pub due: Instant,
}

/// A set of addresses.
#[derive(Debug)]
pub(super) struct Held {
    pub id: u64,
    pub addresses: Addresses,
    /// `None`: beyond all times.
    pub expires: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Client {
    pub connected: bool,
    pub waiting: VecDeque<Request>,
    /// On streams: as few as the server allows.
    pub flying: Vec<(StreamId, Request)>,
    pub held: Vec<Held>,
}

impl Client {
    pub(super) fn new(connected: bool) -> Self {
        Self { connected, waiting: VecDeque::new(), flying: Vec::new(), held: Vec::new() }
    }

    /// How many of its requests, releases left out, are unanswered.
    pub(super) fn asking(&self) -> usize {
        let all = self.waiting.iter().chain(self.flying.iter().map(|(_, request)| request));
        all.filter(|request| !matches!(request.kind, Kind::Release(_))).count()
    }

    /// The request on this stream.
    pub(super) fn landed(&mut self, stream: StreamId) -> Option<Request> {
        let position = self.flying.iter().position(|(on, _)| *on == stream)?;
        Some(self.flying.swap_remove(position).1)
    }

    /// The request with this number and, if it was sent, its stream; `None` if it is settled already.
    pub(super) fn give_up(&mut self, id: u64) -> Option<(Option<StreamId>, Request)> {
        if let Some(position) = self.flying.iter().position(|(_, request)| request.id == id) {
            let (stream, request) = self.flying.swap_remove(position);
            return Some((Some(stream), request));
        }
        let position = self.waiting.iter().position(|request| request.id == id)?;
        Some((None, self.waiting.remove(position)?))
    }

    /// The requests that went down with the connection. Those that wait are for the next one.
    pub(super) fn fail(&mut self) -> Vec<Request> {
        self.flying.drain(..).map(|(_, request)| request).collect()
    }

    /// A set with this number, if it is still held.
    pub(super) fn take(&mut self, id: u64) -> Option<Held> {
        let position = self.held.iter().position(|held| held.id == id)?;
        Some(self.held.swap_remove(position))
    }

    /// Any set that has not expired; those met that have are forgotten.
    pub(super) fn take_any(&mut self, now: Instant) -> Option<Held> {
        while !self.held.is_empty() {
            let held = self.held.swap_remove(rand::rng().random_range(0..self.held.len()));
            if held.expires.is_none_or(|expires| now < expires) {
                return Some(held);
            }
        }
        None
    }
}

//! What the application wants of the agent, and what is to be answered.

use std::net::IpAddr;
use std::time::Instant;

use mimiq_api::local::{agent_message, app_request};
use tokio::sync::oneshot;

use crate::sdk::agent::{AgentError, Taken};

type Answer<T> = oneshot::Sender<Result<T, AgentError>>;

/// What the application wants.
#[derive(Debug)]
pub(in crate::sdk) enum Order {
    Take(Take),
    Ask(Ask),
    Return(IpAddr),
}

/// Wants an address.
#[derive(Debug)]
pub(in crate::sdk) struct Take {
    pub(in crate::sdk) version: u32,
    pub(in crate::sdk) deadline: Instant,
    pub(in crate::sdk) answer: Answer<Taken>,
}

/// Anything with one answer.
#[derive(Debug)]
pub(in crate::sdk) struct Ask {
    pub(in crate::sdk) request: app_request::Request,
    pub(in crate::sdk) deadline: Instant,
    pub(in crate::sdk) answer: Answer<agent_message::Message>,
}

/// What is not answered yet; the next agent is asked again.
pub(super) enum Wish {
    Take(Take),
    Ask(Ask),
}

impl Wish {
    pub(super) fn deadline(&self) -> Instant {
        match self {
            Self::Take(take) => take.deadline,
            Self::Ask(ask) => ask.deadline,
        }
    }

    /// Whether nobody waits for the answer.
    pub(super) fn is_idle(&self) -> bool {
        match self {
            Self::Take(take) => take.answer.is_closed(),
            Self::Ask(ask) => ask.answer.is_closed(),
        }
    }

    pub(super) fn fail(self) {
        // Whoever asked may be gone.
        match self {
            Self::Take(take) => drop(take.answer.send(Err(AgentError::Gone))),
            Self::Ask(ask) => drop(ask.answer.send(Err(AgentError::Gone))),
        }
    }
}

/// What the agent answers next.
pub(super) enum Pending {
    Wish(Wish),
    Return,
    Reclaim(Vec<IpAddr>),
}

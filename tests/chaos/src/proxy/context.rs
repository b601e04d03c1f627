//! A request on its way: what befalls it before and after it is forwarded.

use std::{
    fmt::Arguments,
    sync::{Arc, atomic::Ordering},
};

use p4runtime::v1::p4_runtime_client::P4RuntimeClient;
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use tokio::{process::Command, time::sleep};
use tonic::{Request, Status, transport::Channel};

use super::{Phase, Shared, answer::Answer, connection::Handle};
use crate::fault::{Fault, Rpc};

pub(super) struct Context {
    pub(super) shared: Arc<Shared>,
    pub(super) rpc: Rpc,
    pub(super) fault: Option<Fault>,
    pub(super) rng: ChaCha8Rng,
    pub(super) connection: Arc<Handle>,
    number: u64,
    /// Of faults that may come before or after forwarding.
    early: bool,
}

impl Context {
    pub(super) fn new<T>(shared: &Arc<Shared>, rpc: Rpc, request: &Request<T>, what: Arguments<'_>) -> Self {
        let number = shared.requests.fetch_add(1, Ordering::Relaxed);
        let (fault, mut rng) = shared.decide(rpc);
        // Every connection has one; a request without it cannot be cut.
        let connection = request.extensions().get::<Arc<Handle>>().cloned().unwrap_or_default();
        let early = rng.random();
        let context = Self { shared: shared.clone(), rpc, fault, rng, connection, number, early };
        match fault {
            Some(fault) => context.note(format_args!("{what}: {fault}")),
            None => context.note(format_args!("{what}")),
        }
        context
    }

    pub(super) fn note(&self, what: Arguments<'_>) {
        self.shared.note(format_args!("{} #{}: {what}", self.rpc, self.number));
    }

    pub(super) fn switch(&self) -> P4RuntimeClient<Channel> {
        self.shared.switch.clone()
    }

    /// What happens before forwarding; an answer if it is not forwarded at all.
    pub(super) async fn before<T>(&mut self) -> Option<Answer<T>> {
        self.shared.traps.pass(self.rpc, Phase::Arrived).await;
        match self.fault? {
            Fault::Refuse => Some(Answer::Given(Err(Status::unavailable("refused by the chaos switch")))),
            Fault::Swallow => Some(Answer::Never),
            Fault::Delay => {
                let delay = self.shared.settings.longest_delay.mul_f64(self.rng.random());
                self.note(format_args!("delayed by {delay:?}"));
                sleep(delay).await;
                None
            }
            _ if self.early => self.accident(),
            _ => None,
        }
    }

    /// What the controller hears of the switch's answer.
    pub(super) async fn after<T>(&mut self, result: Result<T, Status>) -> Answer<T> {
        self.shared.traps.pass(self.rpc, Phase::Answered).await;
        if let Err(status) = &result {
            self.note(format_args!("the switch says {:?}: {}", status.code(), status.message()));
        }
        match self.fault {
            Some(Fault::Lose) => Answer::Given(Err(Status::unavailable("the chaos switch lost the answer"))),
            Some(Fault::Exhaust) => Answer::Given(Err(Status::resource_exhausted("the chaos switch lost the details"))),
            Some(Fault::Break) => Answer::Given(Err(Status::unknown("the chaos switch broke off"))),
            Some(Fault::Mute) => Answer::Never,
            _ => self.accident().unwrap_or(Answer::Given(result)),
        }
    }

    fn accident<T>(&mut self) -> Option<Answer<T>> {
        match self.fault? {
            Fault::Cut => self.connection.cut(),
            Fault::HalfOpen => self.connection.cut_half_open(),
            Fault::Restart => self.restart(),
            _ => return None,
        }
        self.note(format_args!("{} forwarding", if self.early { "before" } else { "after" }));
        Some(Answer::Never)
    }

    /// The switch goes, and its connections with it.
    fn restart(&self) {
        let Some(command) = &self.shared.settings.restart else { return };
        let spawned = Command::new("sh").args(["-c", command]).spawn();
        let shared = self.shared.clone();
        shared.cut_all();
        tokio::spawn(async move {
            let result = async { spawned?.wait().await }.await;
            shared.note(format_args!("restarted the switch: {result:?}"));
            shared.cut_all();
        });
    }
}

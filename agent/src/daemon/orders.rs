//! Carries out what the stocks want done.

use std::time::Duration;

use mimiq_api::local::{AgentMessage, Expired, Reason, Returned, agent_message};

use super::Daemon;
use super::messages::{refused, taken};
use crate::address::{self, IpVersion};
use crate::outage;
use crate::session::Request;
use crate::stock::{AppId, Command};

impl Daemon {
    pub(super) async fn carry_out(&mut self, version: IpVersion, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Acquire(count) => self.request(Request::Acquire(version, count)),
                Command::Release(addresses) => self.request(Request::Release(addresses)),
                Command::Record => self.record(),
                Command::Install(address, limit) => {
                    if let Some(netlink) = &self.netlink
                        && let Err(error) = netlink.install(address, limit).await
                    {
                        tracing::error!(%error, "an address cannot be made local");
                    }
                }
                Command::Remove(address) => {
                    if let Some(netlink) = &self.netlink
                        && let Err(error) = netlink.remove(address).await
                    {
                        tracing::warn!(%error, "an address stays local");
                    }
                }
                Command::Give { app, address, lifetime, mtu } => {
                    metrics::counter!("mimiq_agent_addresses_given_total").increment(1);
                    self.tell(app, agent_message::Message::Taken(taken(address, lifetime, mtu)));
                }
                Command::Refuse { app, mut message, retry_after, empty } => {
                    metrics::counter!("mimiq_agent_refused_takes_total").increment(1);
                    let reason = if empty { self.outage.reason() } else { Reason::Unspecified };
                    if empty {
                        message = outage::describe(reason).to_owned();
                    }
                    self.tell(app, refused(message, retry_after, reason));
                }
                Command::Returned(app) => self.tell(app, agent_message::Message::Returned(Returned {})),
                Command::Expire(app, address) => {
                    let expired = Expired { address: address::to_bytes(address) };
                    self.tell(app, agent_message::Message::Expired(expired));
                }
            }
        }
    }

    fn request(&self, request: Request) {
        // The session's task ends only after the daemon.
        let _ = self.requests.send(request);
    }

    pub(super) fn answer(&self, app: AppId, answer: Result<agent_message::Message, String>) {
        self.tell(app, answer.unwrap_or_else(|problem| refused(problem, Duration::ZERO, Reason::Unspecified)));
    }

    pub(super) fn tell(&self, app: AppId, message: agent_message::Message) {
        if let Some(messages) = self.apps.get(&app) {
            // An application that just closed will be heard of next.
            let _ = messages.send(AgentMessage { message: Some(message) });
        }
    }
}

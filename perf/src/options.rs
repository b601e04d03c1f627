//! The command line, and what follows from it.

mod values;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::{bail, ensure};
use clap::Args;

use crate::{pace::Pace, protocol::Demand};
use values::{controller, duration, ports};

/// What the command line says.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The controller's relay address; the port is 54172 unless it is given.
    #[arg(long, value_name = "ADDRESS", value_parser = controller)]
    pub controller: SocketAddr,
    /// Play the client-facing switch with this SID and internal address (tunnel_addr in the controller's configuration), which must
    /// be this machine's. Repeat it for several; clients are spread over them.
    #[arg(long = "relay", value_name = "SID@ADDRESS", required = true)]
    pub relays: Vec<Relay>,
    /// The switches' ports that clients are spread over: a number, or two for a range.
    #[arg(long, value_name = "PORT[-PORT]", default_value = "1", value_parser = ports)]
    pub ports: (u16, u16),
    /// A folder with ca.pem and either ca.key, with which clients perf-N are enrolled now, or the .pem and .key files of
    /// enrolled clients (`mimiqctl pki enrol`).
    #[arg(long, value_name = "FOLDER")]
    pub pki: PathBuf,
    /// How many clients.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub clients: u32,
    /// The number of the first client: several generators at a time must not have clients in common.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub first: u32,

    /// Requests a second, sent at times of their own (open loop). Without a rate each client sends as fast as it gets answers.
    #[arg(long, value_name = "N", conflicts_with_all = ["address_rate", "outstanding"])]
    pub rate: Option<f64>,
    /// The same in addresses a second.
    #[arg(long, value_name = "N", conflicts_with = "outstanding")]
    pub address_rate: Option<f64>,
    /// Let the rate change evenly to this one, in the same unit, over the duration: to find where the server's limit is.
    #[arg(long, value_name = "N")]
    pub ramp_to: Option<f64>,
    /// Without a rate: unanswered requests of each client at a time. The server allows 16.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub outstanding: usize,
    /// IPv6 addresses in a request.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub ipv6: u32,
    /// IPv4 addresses in a request.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub ipv4: u32,
    /// Release each set so long after the client got it or renewed it; without it addresses are kept.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub hold: Option<Duration>,
    /// The share of requests, from 0 to 1, that renew a set which the client holds instead of asking for a new one.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub renew: f64,

    /// For how long requests are sent, such as 500ms, 10s, 5m. All connections are made before.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub duration: Duration,
    /// Stop after so many requests.
    #[arg(long, value_name = "N")]
    pub requests: Option<u64>,
    /// An answer that takes longer is not waited for: the request is lost.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    pub timeout: Duration,
    /// How long making all connections may take.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub connect_timeout: Duration,
    /// Threads, at most one for each relay.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub threads: usize,
    /// Report CPU time and memory of this process as well, such as the controller. Repeat it for several.
    #[arg(long, value_name = "PID")]
    pub watch: Vec<u32>,
}

/// A switch to be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relay {
    /// Its SID.
    pub sid: u16,
    /// Its internal address.
    pub address: IpAddr,
}

/// What a measurement does, checked.
#[derive(Debug, Clone)]
pub struct Plan {
    /// When requests are sent.
    pub pace: Pace,
    /// What they ask for.
    pub demand: Demand,
    /// After which time a set is released, if at all.
    pub hold: Option<Duration>,
    /// Which share of requests are renewals.
    pub renew: f64,
    /// For how long requests are sent.
    pub duration: Duration,
    /// How many at most.
    pub requests: Option<u64>,
    /// How long an answer is waited for.
    pub timeout: Duration,
}

impl Options {
    /// Checks the values and what must hold between them.
    ///
    /// # Errors
    /// If a value makes no sense; the message names option and value.
    pub fn plan(&self) -> anyhow::Result<Plan> {
        let demand = Demand { ipv6: self.ipv6, ipv4: self.ipv4 };
        ensure!(demand.total() > 0, "--ipv6 0 --ipv4 0: a request asks for at least one address");
        ensure!(self.clients > 0, "--clients 0: at least one is needed");
        ensure!(self.threads > 0, "--threads 0: at least one is needed");
        ensure!(self.outstanding > 0, "--outstanding 0: at least one is needed");
        ensure!(
            u32::MAX - self.first >= self.clients,
            "--first {}: --clients {} more is too many",
            self.first,
            self.clients
        );
        ensure!((0.0..=1.0).contains(&self.renew), "--renew {}: must be from 0 to 1", self.renew);
        for (name, value) in [("duration", self.duration), ("timeout", self.timeout)] {
            ensure!(!value.is_zero(), "--{name} 0s: must be longer");
        }
        for (name, value) in [("rate", self.rate), ("address-rate", self.address_rate), ("ramp-to", self.ramp_to)] {
            if let Some(value) = value.filter(|value| !(0.001..=1e9).contains(value)) {
                bail!("--{name} {value}: must be from 0.001 to 1000000000");
            }
        }
        for (index, relay) in self.relays.iter().enumerate() {
            let twice = self.relays[..index].iter().any(|r| r.sid == relay.sid || r.address == relay.address);
            ensure!(!twice, "--relay {}@{}: SID or address is another relay's already", relay.sid, relay.address);
            ensure!(
                relay.address.is_ipv4() == self.controller.is_ipv4(),
                "--relay {}@{}: is of another family than the controller, {}",
                relay.sid,
                relay.address,
                self.controller
            );
        }
        let per_request = if self.address_rate.is_some() { demand.total() as f64 } else { 1.0 };
        let pace = match (self.rate.or(self.address_rate), self.ramp_to) {
            (Some(rate), end) => Pace::Open { start: rate / per_request, end: end.unwrap_or(rate) / per_request },
            (None, None) => Pace::Closed { outstanding: self.outstanding },
            (None, Some(rate)) => bail!("--ramp-to {rate}: needs --rate or --address-rate to begin with"),
        };
        let Self { hold, renew, duration, requests, timeout, .. } = *self;
        Ok(Plan { pace, demand, hold, renew, duration, requests, timeout })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn parse(more: &str) -> anyhow::Result<Plan> {
        let fixed = "mimiq-perf --controller 127.0.0.1 --pki pki";
        let arguments = fixed.split(' ').chain(more.split_whitespace());
        Cli::try_parse_from(arguments)?.options.plan()
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_option_and_value() {
        let refused = [
            ("--relay one", "\"one\" is no SID and address"),
            ("--relay 70000@127.0.0.2", "\"70000@127.0.0.2\" is no SID"),
            ("--relay 1@127.0.0.2 --ports 5-3", "\"5-3\" is no port"),
            ("--relay 1@127.0.0.2 --ports 512", "\"512\" is no port"),
            ("--relay 1@127.0.0.2 --duration 5", "\"5\" is no duration"),
            ("--relay 1@127.0.0.2 --duration 0s", "--duration 0s"),
            ("--relay 1@127.0.0.2 --hold 99999999999999999999s", "is no duration"),
            ("--relay 1@127.0.0.2 --ipv6 0", "--ipv6 0 --ipv4 0"),
            ("--relay 1@127.0.0.2 --renew 1.5", "--renew 1.5"),
            ("--relay 1@127.0.0.2 --rate NaN", "--rate NaN"),
            ("--relay 1@127.0.0.2 --rate=-1", "--rate -1"),
            ("--relay 1@127.0.0.2 --ramp-to 3", "--ramp-to 3: needs --rate"),
            ("--relay 1@127.0.0.2 --relay 1@127.0.0.3", "--relay 1@127.0.0.3: SID or address"),
            ("--relay 1@::1", "of another family"),
            ("--relay 1@127.0.0.2 --rate 1 --outstanding 2", "cannot be used with"),
        ];
        for (arguments, message) in refused {
            let error = format!("{:#}", parse(arguments).unwrap_err());
            assert!(error.contains(message), "{arguments}: {error}");
        }
    }

    #[test]
    fn rates_are_of_requests() {
        let pace = |more: &str| parse(&format!("--relay 1@127.0.0.2 {more}")).unwrap().pace;
        assert_eq!(pace("--outstanding 3"), Pace::Closed { outstanding: 3 });
        assert_eq!(pace("--rate 100"), Pace::Open { start: 100.0, end: 100.0 });
        assert_eq!(pace("--address-rate 100 --ipv6 8 --ipv4 2 --ramp-to 500"), Pace::Open { start: 10.0, end: 50.0 });
    }
}

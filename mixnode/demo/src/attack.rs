//! An adversary drops all that is sent to a mix; and who notices.

use anyhow::Context as _;
use mimiq_mix_testbed::Network;

use crate::load::Load;
use crate::run::Run;
use crate::scale::{Scale, VICTIM};

/// How long loops may take to say that the attack is over, seconds.
const CALM: f64 = 60.0;

/// What a mix did.
#[derive(Clone, Debug)]
pub(crate) struct Noticed {
    pub(crate) mix: String,
    /// When it did, seconds since the attack began.
    pub(crate) after: Option<f64>,
    /// Whom its log names.
    pub(crate) suspects: Vec<String>,
    /// When its alarm ended, seconds since the attack did.
    pub(crate) calm_after: Option<f64>,
}

/// An attack, with times in seconds since the demo began.
#[derive(Clone, Debug)]
pub(crate) struct Attack {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) mixes: Vec<Noticed>,
    /// Clients of the load that noticed.
    pub(crate) clients: f64,
    /// Datagrams that were dropped.
    pub(crate) dropped: u64,
}

impl Attack {
    /// Attacks until all mixes have noticed whose loops can pass the victim, or the time is over; and waits for the end of all alarms.
    pub(crate) fn make(run: &Run, network: &Network, scale: &Scale, load: &Load) -> anyhow::Result<Self> {
        let ((layer, _), victim) = VICTIM;
        let wire = network.wire(victim).with_context(|| format!("no wire in front of {victim}"))?;
        let (_, dropped_before) = wire.counts();
        let mut mixes: Vec<Noticed> = network
            .mixes()
            .map(|mix| Noticed { mix: mix.to_owned(), after: None, suspects: Vec::new(), calm_after: None })
            .collect();
        // A loop passes its sender's layer at its sender only.
        let beside = format!("m{}-", layer + 1);
        let may_notice = |mix: &str| mix == victim || !mix.starts_with(&beside);
        // A machine that is too busy holds packets back like an adversary.
        run.until("no mix is alarmed before the attack", CALM, || {
            Ok(!mixes.iter().any(|mix| alarmed(network, &mix.mix)))
        })
        .context("this machine is too busy, or there are too many clients for it")?;

        let from = run.now();
        wire.drop_share(1.0);
        run.say(format_args!("the adversary drops every packet to {victim}"));
        let noticed = run.until("all mixes notice", scale.attack, || {
            for mix in mixes.iter_mut().filter(|mix| mix.after.is_none()) {
                if alarmed(network, &mix.mix) {
                    let after = run.now() - from;
                    mix.after = Some(after);
                    run.say(format_args!("  {} noticed, after {after:.1} s", mix.mix));
                }
            }
            Ok(mixes.iter().filter(|mix| may_notice(&mix.mix)).all(|mix| mix.after.is_some()))
        });
        wire.drop_share(0.0);
        let to = run.now();
        let clients = load.alarmed(run)?;
        let own = mixes.iter().find(|mix| mix.mix == victim).and_then(|mix| mix.after);
        match (noticed, own) {
            (Ok(_), _) => {}
            (Err(error), None) => return Err(error).context("the attack was not noticed by the mix itself"),
            (Err(error), Some(_)) => run.say(format_args!("  {error}: the attack ends nevertheless")),
        }
        for mix in mixes.iter_mut().filter(|mix| mix.after.is_some()) {
            mix.suspects = suspects(network, &mix.mix)?;
        }
        let (_, dropped) = wire.counts();
        run.say(format_args!("the attack is over; {clients:.0} clients had noticed as well"));

        let calm = run.until("all alarms end", CALM, || {
            for mix in mixes.iter_mut().filter(|mix| mix.calm_after.is_none()) {
                if !alarmed(network, &mix.mix) {
                    mix.calm_after = Some(run.now() - to);
                }
            }
            Ok(mixes.iter().all(|mix| mix.calm_after.is_some()))
        });
        match calm {
            Ok(took) => run.say(format_args!("all alarms ended within {took:.1} s")),
            Err(error) => run.say(format_args!("{error}: going on")),
        }
        run.pass(run.now() + scale.after)?;
        Ok(Self { from, to, mixes, clients, dropped: dropped - dropped_before })
    }
}

fn alarmed(network: &Network, mix: &str) -> bool {
    network.metrics(mix).is_ok_and(|metrics| metrics.value("mimiq_mix_under_attack") > 0.0)
}

/// Whom a mix's log named last, with names in place of addresses.
fn suspects(network: &Network, mix: &str) -> anyhow::Result<Vec<String>> {
    let log = network.log(mix).with_context(|| format!("{mix} has no log"))?;
    let Some(named) = named(&log) else { return Ok(Vec::new()) };
    let name = |address: &str| {
        let named = network.names().into_iter().find(|name| network.address(name) == Some(address));
        named.unwrap_or_else(|| address.to_owned())
    };
    let element = |element: &str| element.split(" to ").map(name).collect::<Vec<_>>().join(" → ");
    Ok(named.split(", ").map(element).collect())
}

/// The suspects of the last alarm in a log.
fn named(log: &str) -> Option<&str> {
    let (_, rest) = log.rsplit_once("suspects=\"")?;
    rest.split_once('"').map(|(named, _)| named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspects_are_read_from_the_last_alarm() {
        let log = "WARN attack=\"x\" suspects=\"127.0.0.1:1\" sent=2\nWARN suspects=\"127.0.0.2:1, 127.0.0.3:1 to 127.0.0.2:1\" sent=9\nINFO over\n";
        assert_eq!(named(log), Some("127.0.0.2:1, 127.0.0.3:1 to 127.0.0.2:1"));
        assert_eq!(named("INFO ready\n"), None);
    }
}

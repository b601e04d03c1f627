//! The steps, one after the other.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use mimiq_mix_testbed::Network;

use crate::attack::Attack;
use crate::conversation::Conversation;
use crate::erlang::Erlang;
use crate::findings::{Findings, Loops, Moment, busy};
use crate::load::Load;
use crate::run::Run;
use crate::sampler::Sampler;
use crate::scale::Scale;

/// How long the network and the clients may take to start, seconds.
const START: f64 = 120.0;

/// Starts a network and shows what there is to see. If that fails, the logs of all processes are in `logs`.
pub(crate) fn demo(run: &Run, scale: Scale, binary: &Path, logs: &Path) -> anyhow::Result<Findings> {
    let plan = &scale.plan;
    run.say(format_args!(
        "starting {} authorities, {} mixes in {} layers, {} providers",
        plan.authorities,
        plan.layers.iter().sum::<usize>(),
        plan.layers.len(),
        plan.providers
    ));
    let busy = busy();
    let network = Network::start(binary, plan.clone())?;
    let sampler = Sampler::new(&network);
    let every = scale.sample;
    std::thread::scope(|scope| {
        // Dropped at the end of this block, however it ends: then the sampler ends, and so can the scope.
        let _sampling = sampler.until_dropped();
        scope.spawn(|| sampler.run(run, &network, every));
        steps(run, &network, scale, &sampler, busy)
    })
    .map_err(|error| match fs::write(logs, all_logs(network.folder())) {
        Ok(()) => error.context(format!("all logs are in {}", logs.display())),
        Err(_) => error,
    })
}

fn steps(
    run: &Run,
    network: &Network,
    scale: Scale,
    sampler: &Sampler,
    busy: (String, usize),
) -> anyhow::Result<Findings> {
    let back = "mimiq_mix_loops_total{outcome=\"in_time\"}";
    let ready = run.until("all mixes' loops come back", START, || {
        Ok(network.mixes().all(|mix| network.metrics(mix).is_ok_and(|metrics| metrics.value(back) > 0.0)))
    })?;
    run.say("the network is ready: all mixes' loops come back");

    let load = Load::start(network, &scale)?;
    let wanted = scale.clients as f64;
    let connected = run.until("all clients are connected", START, || Ok(load.connected() >= wanted))?;
    run.say(format_args!("{wanted:.0} clients are connected, and send at their rates"));
    run.pass(run.now() + scale.settle)?;

    let (before, messages_before) = (Moment::now(run.now(), network)?, load.metrics(run)?);
    run.say(format_args!("measuring for {:.0} s; meanwhile Alice and Bob talk:", scale.window));
    let mut both = Conversation::start(run, network)?;
    both.say("Alice", "Hello Bob, does anybody know that we talk?")?;
    both.say("Bob", "They see packets, the same number whether we talk or not.")?;
    both.say("Alice", "And who answers whom?")?;
    both.say("Bob", "Every packet looks like every other, and leaves each mix in another order.")?;
    both.settle()?;
    run.say("  all is acknowledged; now Bob's process is killed, and Alice writes on");
    let missed = ["Are you there?", "I write anyway: your provider keeps it.", "See you later."];
    let caught_up = both.absence(&missed, scale.away)?;
    both.settle()?;
    run.say("  Bob is back and has read everything, and Alice has the acknowledgements");
    run.pass(before.at() + scale.window)?;
    let after = Moment::now(run.now(), network)?;
    let messages = load.messages(run, &messages_before)?;
    let loops = Loops {
        took: after.histogram("mimiq_mix_loop_seconds", &before),
        failed: after.sum("mimiq_mix_loops_failed", &before),
        // Two mixes and a provider; at its sender it is not delayed.
        model: Erlang { hops: 3, mu: scale.plan.mu },
    };
    run.say(format_args!(
        "measured: {:.0} loops of {:.3} s on average (the model {:.3} s), {:.0} messages of {}",
        loops.took.count(),
        loops.took.mean(),
        loops.model.mean(),
        messages.received,
        messages.mean()
    ));
    if messages.are_late(scale.message_seconds()) {
        run.say(format_args!(
            "by the rates they take {:.1} s: this machine is too slow for {wanted:.0} clients; --clients sets how many",
            scale.message_seconds()
        ));
    }

    let attack = Attack::make(run, network, &scale, &load)?;
    let summary = load.finish()?;
    Ok(Findings {
        busy,
        ready,
        connected,
        window: (before.at(), after.at()),
        lines: both.lines(),
        caught_up,
        traffic: after.traffic(&before),
        late: after.histogram("mimiq_mix_late_seconds", &before),
        loops,
        messages,
        attack,
        series: sampler.series(),
        summary,
        scale,
    })
}

/// What all processes logged, the clients' too.
fn all_logs(folder: &Path) -> String {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect();
    files.sort();
    let mut all = String::new();
    for file in files {
        let _ = writeln!(all, "--- {}\n{}", file.display(), fs::read_to_string(&file).unwrap_or_default());
    }
    all
}

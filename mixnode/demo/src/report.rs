//! The report: tables, and what the paper says beside them.

use std::fmt::Write as _;

use crate::findings::Findings;
use crate::scale::VICTIM;

/// As Markdown.
pub(crate) fn report(found: &Findings) -> String {
    let plan = &found.scale.plan;
    let [lambda_p, lambda_l, lambda_d] = plan.lambda;
    let mut text = format!(
        "# Loopix on this machine\n\n![traffic and latency](picture.svg)\n\n\
        {} authorities, of which {} must sign; {} layers of {} mixes; {} providers; {} clients in one process, and two that talk. Each is a \
        process of its own. λ_P = {lambda_p}, λ_L = {lambda_l}, λ_D = {lambda_d} per second and client, λ_M = {} per second and mix, μ = {} per \
        second at each hop, a pull every {} s. The paper's Figure 11 has λ = 1 and μ = 2. The network was ready after {:.1} s, and all clients \
        were connected {:.1} s later. {} processors; their load average was {} before: a machine that has other things to do adds \
        latency of its own.\n",
        plan.authorities,
        plan.threshold,
        plan.layers.len(),
        plan.layers.first().copied().unwrap_or_default(),
        plan.providers,
        found.scale.clients,
        plan.lambda_m,
        plan.mu,
        1.0 / plan.pull,
        found.ready,
        found.connected,
        found.busy.1,
        found.busy.0
    );
    conversation(found, &mut text);
    traffic(found, &mut text);
    messages(found, &mut text);
    loops(found, &mut text);
    attack(found, &mut text);
    let _ = write!(
        text,
        "\n## What the clients say at the end\n\nThe attack included:\n\n```\n{}\n```\n",
        found.summary.trim()
    );
    text
}

fn conversation(found: &Findings, text: &mut String) {
    text.push_str("\n## Alice and Bob\n\n| from | line | read after | acknowledged after |\n|---|---|---|---|\n");
    for line in &found.lines {
        let after = |time: Option<f64>| time.map_or("–".to_owned(), |time| format!("{:.1} s", time - line.written));
        let absent = if line.to_absent { " *(Bob is away)*" } else { "" };
        let _ = writeln!(
            text,
            "| {} | {}{absent} | {} | {} |",
            line.from,
            line.text,
            after(line.read),
            after(line.acknowledged)
        );
    }
    let _ = writeln!(
        text,
        "\nBob's process was killed for {:.0} s. He read all that he had missed {:.1} s after his start. All {} lines are acknowledged.",
        found.scale.away,
        found.caught_up,
        found.lines.len()
    );
}

fn traffic(found: &Findings, text: &mut String) {
    let (from, to) = found.window;
    let _ = write!(
        text,
        "\n## Traffic, in {:.0} s\n\nPackets per second. By the rates a mix is to get {:.0}.\n\n\
        | node | from nodes | from clients | sent on | dropped |\n|---|---|---|---|---|\n",
        to - from,
        found.scale.per_mix()
    );
    for one in &found.traffic {
        let _ = writeln!(
            text,
            "| {} | {:.1} | {:.1} | {:.1} | {:.1} |",
            one.node, one.received, one.from_clients, one.relayed, one.dropped
        );
    }
    let at = |share| {
        found.late.at_most(share).map_or("more than 50 ms".to_owned(), |bound| format!("at most {:.2} ms", bound * 1e3))
    };
    let _ = writeln!(
        text,
        "\nPackets leave the mixes later than their delay wants by {} (half of them), by {} (99 %). The paper: a mix of its \
        implementation handles up to 300 messages per second, with less than 1.5 ms on top of the delays.",
        at(0.5),
        at(0.99)
    );
}

fn messages(found: &Findings, text: &mut String) {
    let messages = &found.messages;
    let _ = writeln!(
        text,
        "\n## Messages of the {} clients\n\n| | sent | received | mean | median | 99 % |\n|---|---|---|---|---|---|\n\
        | measured | {:.0} | {:.0} | {} | {:.2} s | {:.2} s |\n| by the rates | | | {:.2} s | | |\n\n\
        From handing in to the recipient. By the rates: 1/λ_P until the payload clock ticks, 1/μ at each of five hops, half a pull's period. \
        The paper: latency of seconds, which the user chooses by μ.{}",
        found.scale.clients,
        messages.sent,
        messages.received,
        messages.mean(),
        messages.median,
        messages.p99,
        found.scale.message_seconds(),
        if messages.are_late(found.scale.message_seconds()) {
            " **This machine is too slow for so many clients** (`--clients`): their messages waited for it."
        } else {
            ""
        }
    );
}

fn loops(found: &Findings, text: &mut String) {
    let loops = &found.loops;
    let (distance, critical) = (loops.distance(), loops.critical());
    let verdict =
        if distance <= critical { "the model is not refuted" } else { "the model does not describe this run" };
    let of_paper = if loops.model.mu == 2.0 { "| the paper, Figure 11 | 1.93 s | 0.87 s |\n" } else { "" };
    let _ = writeln!(
        text,
        "\n## Mixes' loops: Figure 11\n\nA mix's loop is delayed at three hops (two mixes, a provider), and not at its sender: Gamma(3, {}).\n\n\
        | | mean | standard deviation |\n|---|---|---|\n| measured, {:.0} loops | {:.3} s | {:.3} s |\n\
        | the model | {:.3} s | {:.3} s |\n{of_paper}\n\
        Kolmogorov–Smirnov distance to the model, at the ends of buckets of 50 ms: {distance:.4}; the critical value at 1 % is {critical:.4}: \
        {verdict}. Not back in time: {:.0}.",
        loops.model.mu,
        loops.took.count(),
        loops.took.mean(),
        loops.took.deviation(),
        loops.model.mean(),
        loops.model.deviation(),
        loops.failed
    );
}

fn attack(found: &Findings, text: &mut String) {
    let attack = &found.attack;
    let victim = VICTIM.1;
    let _ = write!(
        text,
        "\n## An attack on {victim}\n\nFor {:.1} s an adversary dropped all {} datagrams to {victim}: an (n−1) attack. {:.0} of the {} clients \
        had noticed by its end. Loopix §4.2 says that loops show this, and leaves open how; docs/attacks.md has the method.\n\n\
        | mix | noticed after | suspects in its log | cover traffic up to | alarm ended, after the attack |\n|---|---|---|---|---|\n",
        attack.to - attack.from,
        attack.dropped,
        attack.clients,
        found.scale.clients
    );
    for mix in &attack.mixes {
        let seconds = |time: Option<f64>| time.map_or("–".to_owned(), |time| format!("{time:.1} s"));
        let cover = found.series.iter().find(|series| series.mix == mix.mix);
        let _ = writeln!(
            text,
            "| {} | {} | {} | × {:.1} | {} |",
            mix.mix,
            mix.after.map_or("never".to_owned(), |after| format!("{after:.1} s")),
            if mix.suspects.is_empty() { "–".to_owned() } else { mix.suspects.join(", ") },
            cover.map_or(1.0, |series| series.most_cover(attack.from)),
            if mix.after.is_some() { seconds(mix.calm_after) } else { "–".to_owned() }
        );
    }
    text.push_str(
        "\nA loop passes its sender's own layer at its sender only: so the other mix of that layer cannot notice, and half of all other mixes' \
        loops fail.\n",
    );
}

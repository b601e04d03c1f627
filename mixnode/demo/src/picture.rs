//! The picture: traffic and alarms of all mixes over time, and how long loops took beside the model.

use crate::findings::Findings;
use crate::sampler::Series;
use crate::scale::VICTIM;
use crate::svg::{GRID, INK, MUTED, Plot, Svg, WIDTH};

const LEFT: f64 = 80.0;
const RIGHT: f64 = 30.0;
const LANE: f64 = 20.0;
const ATTACK: &str = "#c92a2a";
const SHADE: &str = "#fdecea";
const MEASURED: &str = "#8ab4d8";
const MODEL: &str = "#c2571a";
/// A colour for each layer, a shade for each mix.
const SHADES: [[&str; 2]; 3] = [["#0b7285", "#66c2cf"], ["#c92a2a", "#e8a33d"], ["#5f3dc4", "#b197fc"]];

/// As SVG.
pub(crate) fn picture(found: &Findings) -> String {
    let mut svg = Svg::default();
    let plan = &found.scale.plan;
    svg.heading(LEFT, 36.0, 20, "Loopix on this machine");
    let rates = format!(
        "{} clients, {} mixes, {} providers, {} authorities; λ_P = {}, λ_L = {}, λ_D = {} per second and client, μ = {}",
        found.scale.clients,
        found.series.len(),
        plan.providers,
        plan.authorities,
        plan.lambda[0],
        plan.lambda[1],
        plan.lambda[2],
        plan.mu
    );
    svg.text(LEFT, 58.0, 13, "start", MUTED, rates);
    let bottom = traffic(found, &mut svg, 110.0);
    let bottom = alarms(found, &mut svg, bottom + 70.0);
    let bottom = loops(found, &mut svg, bottom + 80.0);
    svg.finish(bottom + 60.0)
}

/// From the first reading to the last.
fn time(found: &Findings, top: f64, height: f64, most: f64) -> Plot {
    let times = || found.series.iter().flat_map(|series| &series.readings).map(|reading| reading.at);
    let (from, to) =
        (times().fold(f64::INFINITY, f64::min).min(found.attack.from), times().fold(found.attack.to, f64::max));
    Plot { left: LEFT, top, width: WIDTH - LEFT - RIGHT, height, from, to: to.max(from + 1e-3), most }
}

fn traffic(found: &Findings, svg: &mut Svg, top: f64) -> f64 {
    svg.heading(LEFT, top - 14.0, 14, "Packets per second into each mix");
    let expected = found.scale.per_mix();
    let rates = found.series.iter().flat_map(Series::rates).map(|(_, rate)| rate);
    let plot = time(found, top, 240.0, rates.fold(expected, f64::max) * 1.08);
    let attack = plot.x(found.attack.from);
    svg.bar((attack, top), plot.x(found.attack.to) - attack, plot.height, SHADE, "the attack");
    svg.axes(&plot, "s");
    svg.text(attack + 6.0, top + 16.0, 12, "start", ATTACK, format_args!("all packets to {} are dropped", VICTIM.1));
    let (from, to) = found.window;
    svg.bar((plot.x(from), plot.bottom() - 4.0), plot.x(to) - plot.x(from), 4.0, MEASURED, "measured");
    svg.text(plot.x(from) + 4.0, plot.bottom() - 9.0, 12, "start", MUTED, "measured for the report");
    let y = plot.y(expected);
    svg.line((plot.left, y), (plot.right(), y), INK, "stroke-dasharray=\"5 4\" stroke-width=\"1.2\"");
    for series in &found.series {
        let points = series.rates().map(|(at, rate)| (plot.x(at), plot.y(rate)));
        svg.curve(points, colour(&series.mix), if series.mix == VICTIM.1 { 2.6 } else { 1.6 });
    }
    let mut x = plot.left;
    let y = plot.bottom() + 44.0;
    for series in &found.series {
        svg.bar((x, y - 8.0), 22.0, 6.0, colour(&series.mix), &series.mix);
        svg.text(x + 28.0, y, 12, "start", MUTED, &series.mix);
        x += 84.0;
    }
    svg.line((x, y - 5.0), (x + 22.0, y - 5.0), INK, "stroke-dasharray=\"5 4\" stroke-width=\"1.2\"");
    svg.text(x + 28.0, y, 12, "start", MUTED, format_args!("what the rates say: {expected:.0}"));
    y
}

fn alarms(found: &Findings, svg: &mut Svg, top: f64) -> f64 {
    svg.heading(LEFT, top - 14.0, 14, "Who notices: bars while a mix is alarmed, and whom its log names");
    let plot = time(found, top, LANE * found.series.len() as f64, 1.0);
    let attack = plot.x(found.attack.from);
    svg.bar((attack, top), plot.x(found.attack.to) - attack, plot.height, SHADE, "the attack");
    for (row, series) in found.series.iter().enumerate() {
        let y = top + row as f64 * LANE;
        svg.line((plot.left, y + LANE), (plot.right(), y + LANE), GRID, "");
        svg.text(plot.left - 10.0, y + 14.0, 12, "end", MUTED, &series.mix);
        for (from, to) in series.alarms() {
            svg.bar((plot.x(from), y + 4.0), plot.x(to) - plot.x(from), LANE - 8.0, colour(&series.mix), "alarmed");
        }
        let noticed = found.attack.mixes.iter().find(|mix| mix.mix == series.mix);
        let words = match noticed.and_then(|mix| Some((mix.after?, &mix.suspects))) {
            Some((after, suspects)) => format!("after {after:.1} s, suspects {}", suspects.join(", ")),
            None => "does not notice".to_owned(),
        };
        svg.text(attack - 8.0, y + 14.0, 12, "end", MUTED, words);
    }
    plot.bottom()
}

fn loops(found: &Findings, svg: &mut Svg, top: f64) -> f64 {
    let loops = &found.loops;
    let title = "How long the mixes' loops took (bars), and Gamma(3, μ) (curve): the paper's Figure 11";
    svg.heading(LEFT, top - 14.0, 14, title);
    let to = loops.model.mean() + 5.0 * loops.model.deviation();
    // Bars of 50 ms, or wider ones if there would be more than forty.
    let together = ((to / 0.05) / 40.0).ceil().max(1.0) as usize;
    let bars: Vec<_> = loops.took.bars(together).into_iter().filter(|(from, _, _)| *from < to).collect();
    let expected = |from: f64, to: f64| loops.took.count() * (loops.model.cdf(to) - loops.model.cdf(from));
    let most = bars.iter().map(|(from, to, count)| count.max(expected(*from, *to))).fold(1.0, f64::max);
    let width = bars.first().map_or(0.05, |(from, to, _)| to - from);
    let to = bars.last().map_or(to, |(_, to, _)| *to);
    let plot = Plot { left: LEFT, top, width: WIDTH - LEFT - RIGHT, height: 240.0, from: 0.0, to, most: most * 1.08 };
    svg.axes(&plot, "s");
    for (from, to, count) in &bars {
        let (x, y) = (plot.x(*from) + 1.0, plot.y(*count));
        let title = format!("{from:.2} to {to:.2} s: {count:.0}, the model {:.1}", expected(*from, *to));
        svg.bar((x, y), plot.x(*to) - x - 1.0, plot.bottom() - y, MEASURED, title);
    }
    // Where a bar around each point would end.
    let points = (0..=200).map(|n| width / 2.0 + f64::from(n) / 200.0 * (to - width));
    let curve = points.map(|at| (plot.x(at), plot.y(expected(at - width / 2.0, at + width / 2.0))));
    svg.curve(curve, MODEL, 2.2);
    let right = plot.right() - 8.0;
    for (line, words) in [
        format!("{:.0} loops, bars of {:.0} ms", loops.took.count(), width * 1e3),
        format!("mean {:.3} s, the model {:.3} s", loops.took.mean(), loops.model.mean()),
        format!("standard deviation {:.3} s, the model {:.3} s", loops.took.deviation(), loops.model.deviation()),
        format!("Kolmogorov–Smirnov distance {:.4}, critical at 1 %: {:.4}", loops.distance(), loops.critical()),
    ]
    .into_iter()
    .enumerate()
    {
        svg.text(right, top + 20.0 + 19.0 * line as f64, 13, "end", INK, words);
    }
    plot.bottom()
}

/// By its name: mLAYER-NUMBER.
fn colour(mix: &str) -> &'static str {
    let numbers = mix.strip_prefix('m').and_then(|rest| rest.split_once('-'));
    let place = |text: &str| text.parse::<usize>().unwrap_or(1).saturating_sub(1);
    let (layer, number) = numbers.map_or((0, 0), |(layer, number)| (place(layer), place(number)));
    SHADES[layer % SHADES.len()][number % 2]
}

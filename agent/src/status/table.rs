//! The status for people.

use std::io::{self, Write};
use std::time::Duration;

use mimiq_api::local::{Status, Stock, Usage};

use super::Costs;

const STOCK: [&str; 6] = ["addresses", "free", "held", "ended", "kept free", "next lease ends"];
const USAGE: [&str; 10] = [
    "application",
    "policy",
    "connections",
    "open",
    "hops",
    "rollovers",
    "hops/s",
    "refused",
    "validation",
    "overhead",
];

pub(super) fn write(out: &mut impl Write, status: &Status) -> io::Result<()> {
    if !status.not_hopping.is_empty() {
        writeln!(out, "Not hopping: {}; applications keep their addresses.\n", status.not_hopping)?;
    }
    rows(out, STOCK, status.stocks.iter().map(stock).collect())?;
    writeln!(out)?;
    if status.usage.is_empty() {
        return writeln!(out, "No application has opened a connection.");
    }
    rows(out, USAGE, status.usage.iter().map(usage).collect())?;
    for usage in &status.usage {
        let refusals = usage.counts.iter().flat_map(|counts| &counts.refusals);
        let mut refusals: Vec<_> = refusals.map(|(reason, count)| format!("{reason} {count}")).collect();
        refusals.sort_unstable();
        if !refusals.is_empty() {
            writeln!(out, "\nrefused, {}, {}: {}", usage.application, usage.policy, refusals.join(", "))?;
        }
    }
    writeln!(out, "\nconnections  a session counts as one")?;
    writeln!(out, "rollovers    connections that took over from another one of their session")?;
    writeln!(out, "hops/s       of one connection, on average while open")?;
    writeln!(out, "validation   from a hop until the server's challenge: what a large reply waits at most")?;
    writeln!(out, "overhead     padding, path validation and what is sent twice, of all bytes, at most")
}

fn stock(stock: &Stock) -> [String; 6] {
    [
        format!("IPv{}", stock.ip_version),
        stock.free.to_string(),
        stock.held.to_string(),
        stock.ended.to_string(),
        format!("{} to {}", stock.low, stock.high),
        match stock.next_end_ms {
            0 => "-".to_owned(),
            ms => format!("in {} s", Duration::from_millis(ms).as_secs()),
        },
    ]
}

fn usage(usage: &Usage) -> [String; 10] {
    let (counts, costs) = (usage.counts.clone().unwrap_or_default(), Costs::of(usage));
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    [
        usage.application.clone(),
        usage.policy.clone(),
        usage.connections.to_string(),
        usage.open.to_string(),
        counts.hops.to_string(),
        counts.rollovers.to_string(),
        or_dash(costs.hops_per_second.map(|rate| format!("{rate:.2}"))),
        counts.refusals.values().sum::<u64>().to_string(),
        or_dash(costs.validation_ms.map(|ms| format!("{ms:.1} ms"))),
        or_dash(costs.overhead.map(|share| format!("{:.1} %", share * 100.0))),
    ]
}

/// In columns; the last one is not padded.
fn rows<const N: usize>(out: &mut impl Write, head: [&str; N], mut rows: Vec<[String; N]>) -> io::Result<()> {
    rows.insert(0, head.map(str::to_owned));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut out = Vec::new();
        write(&mut out, &super::super::tests::status()).unwrap();
        let out = String::from_utf8(out).unwrap();
        let expected = "\
addresses  free  held  ended  kept free  next lease ends
IPv6       40    3     1      16 to 64   in 252 s

application  policy             connections  open  hops  rollovers  hops/s  refused  validation  overhead
backup       never              3            1     0     0          0.00    0        -           -
web          every_packets: 25  3            1     30    7          0.50    3        10.5 ms     10.0 %

refused, web, every_packets: 25: no_address 2, no_spare_server_id 1
";
        assert!(out.starts_with(expected), "{out}");
    }
}

//! The report for people.

use std::fmt;

use super::{Connections, Datagrams, Latency, Report, Requests, Second, Watched};

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { second, offered, done, addresses, refused, unanswered, p50_ms, p99_ms } = self;
        write!(
            f,
            "{second:>5} s  {offered:>8} offered {done:>8} done {addresses:>9} addresses {refused:>7} refused \
             {unanswered:>7} unanswered  p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms"
        )
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mean, p50, p90, p99, p999, max } = self;
        write!(f, "mean {mean:.2}  p50 {p50:.2}  p90 {p90:.2}  p99 {p99:.2}  p99.9 {p999:.2}  max {max:.2}")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connections { made, failed, lost, seconds, latency_ms } = &self.connections;
        writeln!(f, "connections   {made} made in {seconds:.2} s, {failed} attempts failed, {lost} lost later")?;
        writeln!(f, "              handshake, ms: {latency_ms}")?;
        let Self { seconds, offered_per_second, done_per_second, addresses_per_second, loss, .. } = self;
        writeln!(
            f,
            "requests      {offered_per_second:.1} a second offered, {done_per_second:.1} done, in {seconds:.2} s"
        )?;
        writeln!(f, "addresses     {addresses_per_second:.1} a second")?;
        writeln!(f, "no answer     {:.3} %", loss * 100.0)?;
        for (name, requests) in [("acquire", &self.acquire), ("renew", &self.renew), ("release", &self.release)] {
            requests.table(name, f)?;
        }
        if self.revoked > 0 {
            writeln!(f, "revoked       {} addresses", self.revoked)?;
        }
        let Datagrams { sent, received, unsent, strange } = self.datagrams;
        writeln!(f, "datagrams     {sent} sent, {received} received, {unsent} not sent, {strange} for nobody")?;
        writeln!(f, "CPUs          {:.2} mimiq-perf", self.cpu.generator)?;
        for Watched { pid, name, cpus, memory } in &self.cpu.watched {
            writeln!(f, "              {cpus:.2} {name} ({pid}), {:.1} MB resident", *memory as f64 / 1e6)?;
        }
        if let Some(knee) = self.knee {
            writeln!(f, "knee          {knee}")?;
        }
        Ok(())
    }
}

impl Requests {
    fn table(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offered, done, addresses, refused, lost, failed, malformed, .. } = self;
        if *offered == 0 {
            return Ok(());
        }
        writeln!(
            f,
            "{name:<13} {offered} offered, {done} done with {addresses} addresses, {lost} lost, {failed} failed, \
             {malformed} malformed"
        )?;
        if *done > 0 {
            writeln!(f, "              latency, ms: {}", self.latency_ms)?;
        }
        for (reason, number) in refused {
            writeln!(f, "              {number} refused: {reason}")?;
        }
        if !refused.is_empty() {
            writeln!(f, "              refusals' latency, ms: {}", self.refusal_latency_ms)?;
        }
        Ok(())
    }
}

//! What applications report about their connections, added up by application and policy. Pure.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use mimiq_api::local::{Counts, Report, Usage};

use crate::policy::Policy;
use crate::stock::AppId;

/// The longest name of an application, characters.
const LONGEST_NAME: usize = 64;
/// The longest name of a reason for a refusal, bytes; and how many there may be.
const REASONS: (usize, usize) = (40, 16);
/// More connections than a host has; those beyond are not counted.
const MOST_CONNECTIONS: usize = 65_536;
/// What a status has room for; what comes later shares one row.
const MOST_ROWS: usize = 64;
/// The name of that row.
const OTHERS: &str = "(others)";

type Key = (String, String);

struct Live {
    key: Key,
    counts: Counts,
    /// Until when its time is added up.
    since: Instant,
}

#[derive(Default)]
struct Row {
    connections: u64,
    open: u64,
    time: Duration,
    counts: Counts,
}

/// The sums.
#[derive(Default)]
pub struct Usages {
    live: HashMap<(AppId, u64), Live>,
    rows: BTreeMap<Key, Row>,
}

/// Refuses a name that would spoil a table.
///
/// # Errors
/// If it is empty, too long, or has control characters.
pub fn check_application(field: &str, name: &str) -> Result<(), String> {
    let length = name.chars().count();
    if length == 0 || length > LONGEST_NAME {
        return Err(format!("{field}: {length} characters, not 1 to {LONGEST_NAME}"));
    }
    if name.chars().any(char::is_control) {
        return Err(format!("{field}: {name:?}: control characters"));
    }
    Ok(())
}

impl Usages {
    /// An application reports. (It may do so for a connection that is not known, after the agent started anew.)
    ///
    /// # Errors
    /// If the report makes no sense; the message names field and value.
    pub fn report(&mut self, now: Instant, app: AppId, report: Report) -> Result<(), String> {
        check_application("report.application", &report.application)?;
        let policy = report.policy.parse::<Policy>().map_err(|error| format!("report.{error}"))?;
        let counts = report.counts.unwrap_or_default();
        let odd =
            |reason: &String| reason.is_empty() || reason.len() > REASONS.0 || reason.chars().any(char::is_control);
        if let Some(reason) = counts.refusals.keys().find(|reason| odd(reason)) {
            return Err(format!("report.counts.refusals: {reason:?}: not a reason's name"));
        }
        if counts.refusals.len() > REASONS.1 {
            return Err(format!("report.counts.refusals: {} reasons, at most {}", counts.refusals.len(), REASONS.1));
        }
        let id = (app, report.connection);
        if !self.live.contains_key(&id) {
            if self.live.len() >= MOST_CONNECTIONS {
                return Err(format!("report.connection: {}: more than {MOST_CONNECTIONS} are open", report.connection));
            }
            let mut key = (report.application, policy.to_string());
            if !self.rows.contains_key(&key) && self.rows.len() >= MOST_ROWS {
                key = (OTHERS.to_owned(), OTHERS.to_owned());
            }
            let row = self.rows.entry(key.clone()).or_default();
            (row.connections, row.open) = (row.connections + 1, row.open + 1);
            self.live.insert(id, Live { key, counts: Counts::default(), since: now });
        }
        if let Some(live) = self.live.get_mut(&id)
            && let Some(row) = self.rows.get_mut(&live.key)
        {
            row.time += now.saturating_duration_since(live.since);
            live.since = now;
            metrics::counter!("mimiq_agent_hops_total").increment(counts.hops.saturating_sub(live.counts.hops));
            metrics::counter!("mimiq_agent_rollovers_total")
                .increment(counts.rollovers.saturating_sub(live.counts.rollovers));
            row.counts.add_difference(&live.counts, &counts);
            live.counts = counts;
        }
        if report.closed {
            self.closed(now, id);
        }
        Ok(())
    }

    /// An application is gone, and its connections with it.
    pub fn gone(&mut self, now: Instant, app: AppId) {
        let of_app: Vec<_> = self.live.keys().filter(|(of, _)| *of == app).copied().collect();
        for id in of_app {
            self.closed(now, id);
        }
    }

    /// The sums so far.
    #[must_use]
    pub fn rows(&self, now: Instant) -> Vec<Usage> {
        let mut times: HashMap<&Key, Duration> = HashMap::new();
        for live in self.live.values() {
            *times.entry(&live.key).or_default() += now.saturating_duration_since(live.since);
        }
        let row = |(key, row): (&Key, &Row)| Usage {
            application: key.0.clone(),
            policy: key.1.clone(),
            connections: row.connections,
            open: row.open,
            open_ms: u64::try_from((row.time + times.remove(key).unwrap_or_default()).as_millis()).unwrap_or(u64::MAX),
            counts: Some(row.counts.clone()),
        };
        self.rows.iter().map(row).collect()
    }

    fn closed(&mut self, now: Instant, id: (AppId, u64)) {
        if let Some(live) = self.live.remove(&id)
            && let Some(row) = self.rows.get_mut(&live.key)
        {
            row.open -= 1;
            row.time += now.saturating_duration_since(live.since);
        }
    }
}

/// Sums of counts.
pub(crate) trait AddDifference {
    /// Adds what came between two reports of one connection; a count that went down adds nothing.
    fn add_difference(&mut self, before: &Self, after: &Self);
}

impl AddDifference for Counts {
    fn add_difference(&mut self, before: &Self, after: &Self) {
        let add = |sum: &mut u64, before: u64, after: u64| *sum = sum.saturating_add(after.saturating_sub(before));
        add(&mut self.hops, before.hops, after.hops);
        add(&mut self.rollovers, before.rollovers, after.rollovers);
        add(&mut self.packets, before.packets, after.packets);
        add(&mut self.bytes, before.bytes, after.bytes);
        add(&mut self.padding_bytes, before.padding_bytes, after.padding_bytes);
        add(&mut self.probe_bytes, before.probe_bytes, after.probe_bytes);
        add(&mut self.duplicate_bytes, before.duplicate_bytes, after.duplicate_bytes);
        add(&mut self.validations, before.validations, after.validations);
        add(&mut self.validation_us, before.validation_us, after.validation_us);
        for (reason, count) in &after.refusals {
            if self.refusals.len() < REASONS.1 || self.refusals.contains_key(reason) {
                let sum = self.refusals.entry(reason.clone()).or_default();
                add(sum, before.refusals.get(reason).copied().unwrap_or(0), *count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(connection: u64, hops: u64, closed: bool) -> Report {
        let refusals = [("no_address".to_owned(), hops / 2)].into();
        let counts = Counts { hops, bytes: 100 * hops, refusals, ..Counts::default() };
        Report { connection, application: "web".into(), policy: "never".into(), closed, counts: Some(counts) }
    }

    #[test]
    fn reports_add_up_over_connections_and_applications() {
        let (mut usages, start) = (Usages::default(), Instant::now());
        let after = |s| start + Duration::from_secs(s);
        usages.report(start, AppId(1), report(1, 0, false)).unwrap();
        usages.report(start, AppId(2), report(1, 0, false)).unwrap();
        usages.report(after(1), AppId(1), report(1, 4, false)).unwrap();
        usages.report(after(2), AppId(1), report(1, 6, true)).unwrap();
        // What a report says twice counts once, and a count that goes down takes nothing away.
        usages.report(after(2), AppId(2), report(1, 4, false)).unwrap();
        usages.report(after(2), AppId(2), report(1, 4, false)).unwrap();
        usages.report(after(3), AppId(2), report(1, 2, false)).unwrap();
        let rows = usages.rows(after(5));
        let counts = rows[0].counts.clone().unwrap();
        assert_eq!((rows.len(), rows[0].connections, rows[0].open, rows[0].open_ms), (1, 2, 1, 7000));
        assert_eq!((counts.hops, counts.bytes, counts.refusals["no_address"]), (10, 1000, 5));
        usages.gone(after(6), AppId(2));
        usages.gone(after(7), AppId(1));
        assert_eq!((usages.rows(after(9))[0].open, usages.rows(after(9))[0].open_ms), (0, 8000));
    }

    #[test]
    fn refusals_name_field_and_value() {
        let good = report(1, 1, false);
        let reasons = |name: &dyn Fn(usize) -> String, count| {
            let refusals = (0..count).map(|n| (name(n), 1)).collect();
            Some(Counts { refusals, ..Counts::default() })
        };
        for (report, expected) in [
            (Report { application: String::new(), ..good.clone() }, "report.application: 0 characters"),
            (Report { application: "x".repeat(65), ..good.clone() }, "report.application: 65 characters"),
            (Report { application: "a\x1b".into(), ..good.clone() }, "report.application: \"a\\u{1b}\""),
            (Report { policy: "often".into(), ..good.clone() }, "report.policy: often"),
            (Report { counts: reasons(&|_| "a\n".into(), 1), ..good.clone() }, "report.counts.refusals: \"a\\n\""),
            (Report { counts: reasons(&|n| format!("r{n}"), 17), ..good.clone() }, "report.counts.refusals: 17"),
        ] {
            let refusal = Usages::default().report(Instant::now(), AppId(0), report).unwrap_err();
            assert!(refusal.contains(expected), "{refusal}");
        }
    }

    #[test]
    fn many_applications_share_a_row_in_the_end() {
        let (mut usages, now) = (Usages::default(), Instant::now());
        for n in 0..1000 {
            let report = Report { application: format!("a{n}"), ..report(n, 1, false) };
            usages.report(now, AppId(0), report).unwrap();
        }
        let rows = usages.rows(now);
        assert_eq!(rows.len(), MOST_ROWS + 1);
        assert_eq!(rows.iter().map(|row| row.connections).sum::<u64>(), 1000);
    }
}

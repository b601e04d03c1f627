//! That errors of an implementation would be found: runner and fuzzer against a pipeline that has one.

use anyhow::Result;
use mimiq_contract::{
    Entry, MacAddr,
    tables::{RouteV6Action, SwitchInfoAction},
};
use mimiq_vectors::{
    entry::State,
    file::{self, Meter, Vector},
    fuzz::{self, Plan},
    run,
    subject::{Drops, Hits, Memory, PortFrame, Sent, Subject},
};

/// The pipeline with other entries than it was told.
struct Altered {
    inner: Memory,
    alter: fn(&mut Entry),
}

impl Altered {
    fn new(alter: fn(&mut Entry)) -> Self {
        Self { inner: Memory::default(), alter }
    }
}

impl Subject for Altered {
    fn name(&self) -> String {
        "altered".into()
    }

    fn set(&mut self, state: &State, meter: Option<Meter>) -> Result<()> {
        let mut state = state.clone();
        state.values_mut().for_each(self.alter);
        self.inner.set(&state, meter)
    }

    fn obstacle(&self, frame: &[u8]) -> Option<String> {
        self.inner.obstacle(frame)
    }

    fn run(&mut self, frames: &[PortFrame]) -> Result<Vec<Sent>> {
        self.inner.run(frames)
    }

    fn drops(&mut self) -> Result<Drops> {
        self.inner.drops()
    }

    fn hits(&mut self) -> Result<Hits> {
        self.inner.hits()
    }
}

/// One more than the fabric's MTU: seen at one size only.
fn larger_mtu(entry: &mut Entry) {
    if let Entry::SwitchInfo(_, SwitchInfoAction::SetSwitchInfo { fabric_mtu, .. }) = entry {
        *fabric_mtu = fabric_mtu.saturating_add(1);
    }
}

fn other_mac(entry: &mut Entry) {
    if let Entry::RouteV6(_, RouteV6Action::Forward { dst_mac, .. }) = entry {
        *dst_mac = MacAddr([2, 0, 0, 0, 0xff, 0xff]);
    }
}

fn vectors() -> Vec<Vector> {
    file::read_all(&file::directory()).unwrap()
}

#[test]
fn vectors_fail_where_an_entry_is_not_what_it_should_be() {
    for (alter, least, expected) in [
        (larger_mtu as fn(&mut Entry), 5, "mtu.vec"),
        (other_mac, 50, "another frame left by port 10, different from byte 4 on"),
    ] {
        let report = run::run(&mut Altered::new(alter), &vectors()).unwrap();
        assert!(report.failed.len() >= least, "{} failed", report.failed.len());
        assert!(report.to_string().contains(expected), "{report}");
    }
}

#[test]
fn every_kind_of_wrong_expectation_is_reported() {
    let good = "table port_role port=1 -> set_role(role=fabric)\n\
                table port_role port=2 -> set_role(role=fabric)\n\
                table gateway_v4 role=fabric target_addr=10.0.0.1 -> answer_v4(mac=02:00:00:00:00:01)\n\
                vector \"x\"\n\
                in 1 eth(src=02:00:00:00:00:02, dst=ff:ff:ff:ff:ff:ff)/arp(op=request, sender_mac=02:00:00:00:00:02, sender_ip=10.0.0.2, target_ip=10.0.0.1)\n\
                out 1 eth(src=02:00:00:00:00:01, dst=02:00:00:00:00:02)/arp(op=reply, sender_mac=02:00:00:00:00:01, sender_ip=10.0.0.1, target_mac=02:00:00:00:00:02, target_ip=10.0.0.2)\n\
                in 1 zeros(14)\n\
                drop bad_source_mac\n\
                hits 2 port_role port=1\n\
                hits 0 port_role port=2\n";
    let failures = |text: &str| {
        let vectors = file::parse("test.vec", text, &|_| unreachable!()).unwrap_or_else(|error| panic!("{error:#}"));
        run::run(&mut Memory::default(), &vectors).unwrap().failed.join("\n")
    };
    assert_eq!(failures(good), "");
    for (from, to, expected) in [
        ("out 1 eth(src=02:00:00:00:00:01", "out 1 eth(src=02:00:00:00:00:03", "different from byte 11 on"),
        ("out 1 eth", "out 2 eth", "no frame left by port 2"),
        ("out 1 eth", "out 2 eth", "a frame too many left by port 1"),
        ("drop bad_source_mac", "drop no_role", "1 dropped as bad_source_mac, 0 expected"),
        ("drop bad_source_mac", "drop no_role", "0 dropped as no_role, 1 expected"),
        ("drop bad_source_mac", "out 1 zeros(14)", "no frame left by port 1"),
        ("hits 2 port_role port=1", "hits 1 port_role port=1", "2 packets hit port_role port=1, 1 expected"),
        ("hits 0 port_role port=2", "hits 1 port_role port=2", "0 packets hit port_role port=2, 1 expected"),
    ] {
        assert!(good.contains(from));
        let text = failures(&good.replace(from, to));
        assert!(text.contains(expected), "{expected:?} is not in {text:?}");
    }
}

#[test]
fn the_fuzzer_finds_an_altered_entry_and_writes_a_vector() {
    let directory = tempfile::tempdir().unwrap();
    for (seed, alter) in [(1, larger_mtu as fn(&mut Entry)), (2, other_mac)] {
        let plan = Plan { seed, frames: 100_000, out: directory.path().to_owned() };
        let (mut reference, mut altered) = (Memory::default(), Altered::new(alter));
        let summary = fuzz::run(&plan, &mut reference, &mut altered, &mut |_| {}).unwrap();
        assert!(!summary.differences.is_empty(), "{summary}");
        assert!(summary.to_string().contains("THEY DIFFER"), "{summary}");
        for difference in &summary.differences {
            assert_eq!(difference.frames.len(), 1, "bisected to single frames");
            assert!(difference.state.len() < 8, "{} entries are left", difference.state.len());
        }
        let files: Vec<_> = (0..summary.differences.len())
            .map(|n| directory.path().join(format!("fuzz-{seed}-{}-{n}.vec", summary.states - 1)))
            .collect();
        for file in files {
            // It is a vector of what is right: the pipeline passes, what is altered does not.
            let vectors = file::read(&file).unwrap_or_else(|error| panic!("{error:#}"));
            let [pass, fail] =
                [&mut reference as &mut dyn Subject, &mut altered].map(|s| run::run(s, &vectors).unwrap());
            assert_eq!((pass.passed, fail.failed.len()), (1, 1), "{pass} {fail}");
        }
    }
}

#[test]
fn the_fuzzer_finds_nothing_where_nothing_is_wrong_and_reaches_everything() {
    let directory = tempfile::tempdir().unwrap();
    let plan = Plan { seed: 7, frames: 40_000, out: directory.path().to_owned() };
    let (mut a, mut b) = (Memory::default(), Memory::default());
    let summary = fuzz::run(&plan, &mut a, &mut b, &mut |_| {}).unwrap();
    assert!(summary.differences.is_empty() && summary.frames >= 40_000, "{summary}");
    // All tables that have counters; all reasons but the one of packet I/O.
    let tables = mimiq_contract::Entry::TABLES.len() - 1;
    let reasons = mimiq_contract::DropReason::ALL.len() - 1;
    assert_eq!((summary.hits.len(), summary.dropped.len()), (tables, reasons), "{summary}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

//! All vectors against all implementations.

use std::io::Write as _;

use mimiq_vectors::{
    file::{self, Vector},
    run::{self, Report},
    subject::{Backend, Bmv2, Memory, Subject, Switch, switch_obstacle},
};

/// To the terminal: what a test that passes prints is not shown.
fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

fn vectors() -> Vec<Vector> {
    file::read_all(&file::directory()).unwrap_or_else(|error| panic!("{error:#}"))
}

/// Runs them all and says what could not be run.
fn all(subject: &mut dyn Subject, vectors: &[Vector]) -> Report {
    let report = run::run(subject, vectors).unwrap_or_else(|error| panic!("{error:#}"));
    say(&format!("vectors, {}: {report}", subject.name()));
    assert!(report.failed.is_empty(), "{} vectors failed", report.failed.len());
    report
}

#[test]
fn pipeline() {
    let report = all(&mut Memory::default(), &vectors());
    assert!(report.impossible.is_empty());
}

fn switch(backend: Backend) {
    if let Some(obstacle) = switch_obstacle() {
        return say(&format!("skipped: {obstacle}"));
    }
    // The namespace is the thread's.
    std::thread::spawn(move || {
        let vectors = vectors();
        let mut switch = Switch::start(backend, &vectors).unwrap_or_else(|error| panic!("{error:#}"));
        let report = all(&mut switch, &vectors);
        assert!(report.impossible.len() < 40, "most frames can be carried");
    })
    .join()
    .unwrap();
}

#[test]
fn switch_with_af_xdp() {
    switch(Backend::AfXdp);
}

#[test]
fn switch_with_packet_sockets() {
    switch(Backend::AfPacket);
}

#[test]
fn bmv2() {
    match Bmv2::start().unwrap_or_else(|error| panic!("{error:#}")) {
        Some(mut bmv2) => {
            // It takes no empty frames.
            assert_eq!(all(&mut bmv2, &vectors()).impossible.len(), 1);
        }
        None => say("skipped: simple_switch_grpc not found"),
    }
}

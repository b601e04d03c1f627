//! All vectors against all implementations.

use std::{collections::BTreeSet, io::Write as _};

use mimiq_vectors::{
    file,
    run::{self, Report},
    subject::{Backend, Bmv2, Memory, Subject, Switch},
};

/// To the terminal: what a test that passes prints is not shown.
fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

fn all(subject: &mut dyn Subject) -> Report {
    let vectors = file::read_all(&file::directory()).unwrap();
    let report = run::run(subject, &vectors).unwrap();
    say(&format!("vectors, {}: {report}", subject.name()));
    assert!(report.failed.is_empty(), "{} vectors failed", report.failed.len());
    report
}

#[test]
fn pipeline() {
    let report = all(&mut Memory::default());
    assert!(report.impossible.is_empty());
}

//! Holds vectors against an implementation.

use std::{collections::BTreeMap, fmt};

use anyhow::{Context as _, Result};
use mimiq_contract::{DropReason, PortId};

use crate::{
    entry,
    file::Vector,
    frame,
    subject::{Count, Drops, Sent, Subject},
};

/// What came of all vectors.
#[derive(Debug, Default)]
pub struct Report {
    /// How many were as expected.
    pub passed: usize,
    /// What was otherwise, a text a vector.
    pub failed: Vec<String>,
    /// Vectors whose frames this implementation cannot be given, and why.
    pub impossible: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for text in &self.failed {
            writeln!(f, "{text}\n")?;
        }
        for text in &self.impossible {
            writeln!(f, "not carried: {text}")?;
        }
        write!(f, "{} passed, {} failed", self.passed, self.failed.len())?;
        if !self.impossible.is_empty() {
            write!(f, ", {} not carried", self.impossible.len())?;
        }
        Ok(())
    }
}

/// How often a vector with a meter is tried.
const TRIES: usize = 3;

/// Runs all vectors.
///
/// # Errors
/// If the implementation is gone. That it does something else is no error, but in the report.
pub fn run(subject: &mut dyn Subject, vectors: &[Vector]) -> Result<Report> {
    let mut report = Report::default();
    for vector in vectors {
        let place = || format!("{}: {}", vector.place, vector.name);
        if let Some(obstacle) = obstacle(subject, vector) {
            report.impossible.push(format!("{}: {obstacle}", place()));
            continue;
        }
        let mut differences = one(subject, vector).with_context(place)?;
        if vector.meter.is_some() {
            // A meter goes by the clock: the machine may have been slow, or a second just over.
            for _ in 1..TRIES {
                if !differences.is_empty() {
                    differences = one(subject, vector).with_context(place)?;
                }
            }
        }
        if differences.is_empty() {
            report.passed += 1;
        } else {
            report.failed.push(format!("{}\n  {}", place(), differences.join("\n  ")));
        }
    }
    Ok(report)
}

fn obstacle(subject: &dyn Subject, vector: &Vector) -> Option<String> {
    let frames = vector.inputs.iter().flat_map(|i| [Some(&i.frame), i.out.as_ref().map(|(_, frame)| frame)]);
    let mut obstacles = frames.flatten().filter_map(|frame| {
        let obstacle = subject.obstacle(frame)?;
        Some(format!("a frame of {} bytes {obstacle}", frame.len()))
    });
    obstacles.next()
}

/// Runs a vector and returns what is not as expected.
fn one(subject: &mut dyn Subject, vector: &Vector) -> Result<Vec<String>> {
    subject.set(&vector.state, vector.meter)?;
    let (drops, hits) = (subject.drops()?, subject.hits()?);
    let frames: Vec<_> = vector.inputs.iter().map(|input| (input.port, input.frame.clone())).collect();
    let sent = subject.run(&frames)?;
    let mut differences = compare_frames(vector, &sent);
    compare_drops(vector, &drops, &subject.drops()?, &mut differences);
    let after = subject.hits()?;
    for (key, expected) in &vector.hits {
        let packets = |hits: &crate::subject::Hits| hits.get(key).map_or(0, |count| count.packets);
        let found = packets(&after).wrapping_sub(packets(&hits));
        if found != *expected {
            differences.push(format!("{found} packets hit {}, {expected} expected", entry::print_key(key)));
        }
    }
    Ok(differences)
}

/// The frames that should leave by a port, and those that do.
#[derive(Default)]
struct Leaving<'a> {
    expected: Vec<&'a [u8]>,
    found: Vec<&'a [u8]>,
}

fn compare_frames(vector: &Vector, sent: &[Sent]) -> Vec<String> {
    let mut ports: BTreeMap<PortId, Leaving<'_>> = BTreeMap::new();
    for (port, frame) in vector.inputs.iter().filter_map(|input| input.out.as_ref()) {
        ports.entry(*port).or_default().expected.push(frame);
    }
    for Sent { port, frame, .. } in sent {
        ports.entry(*port).or_default().found.push(frame);
    }
    let mut differences = Vec::new();
    for (PortId(port), Leaving { expected, found }) in ports {
        for index in 0..expected.len().max(found.len()) {
            match (expected.get(index), found.get(index)) {
                (Some(expected), Some(found)) if expected != found => {
                    let at = expected.iter().zip(*found).position(|(a, b)| a != b);
                    let at = at.unwrap_or(expected.len().min(found.len()));
                    let (expected, found) = (frame::print(expected), frame::print(found));
                    differences.push(format!(
                        "another frame left by port {port}, different from byte {at} on\n    expected {expected}\n    found    {found}"
                    ));
                }
                (Some(expected), None) => {
                    differences.push(format!("no frame left by port {port}\n    expected {}", frame::print(expected)));
                }
                (None, Some(found)) => {
                    differences
                        .push(format!("a frame too many left by port {port}\n    found    {}", frame::print(found)));
                }
                _ => {}
            }
        }
    }
    differences
}

fn compare_drops(vector: &Vector, before: &Drops, after: &Drops, differences: &mut Vec<String>) {
    let mut expected: BTreeMap<usize, u64> = BTreeMap::new();
    for reason in vector.inputs.iter().filter_map(|input| input.drop) {
        *expected.entry(reason as usize).or_default() += 1;
    }
    let packets = |drops: &Drops, index| drops.get(&index).map_or(0, |count: &Count| count.packets);
    let indices = after.keys().chain(expected.keys());
    for index in indices.copied().collect::<std::collections::BTreeSet<_>>() {
        let found = packets(after, index).wrapping_sub(packets(before, index));
        let expected = expected.get(&index).copied().unwrap_or(0);
        if found != expected {
            let name = DropReason::ALL.iter().find(|reason| **reason as usize == index);
            let name = name.map_or_else(|| index.to_string(), |reason| reason.label().to_owned());
            differences.push(format!("{found} dropped as {name}, {expected} expected"));
        }
    }
}

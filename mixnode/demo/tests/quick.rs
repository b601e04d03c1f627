//! The demo as its user runs it, but quick. It needs `mimiq-mix` of the same build beside it, and says so if that is missing.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

fn demo(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mimiq-mix-demo"));
    command.args(["--quick", "--clients", "40", "--out"]).arg(folder.join("out"));
    // Where the network's files are.
    let files = folder.join("files");
    fs::create_dir(&files).unwrap();
    command.env("TMPDIR", files).stdin(Stdio::null());
    command
}

/// Neither files nor processes.
fn assert_nothing_is_left(folder: &Path) {
    let files = folder.join("files");
    assert_eq!(fs::read_dir(&files).unwrap().count(), 0, "files are left");
    let files = files.to_str().unwrap();
    let commands = fs::read_dir("/proc").unwrap().flatten().map(|process| process.path().join("cmdline"));
    let left = commands.filter_map(|file| fs::read(file).ok());
    let left: Vec<_> =
        left.map(|line| String::from_utf8_lossy(&line).into_owned()).filter(|line| line.contains(files)).collect();
    assert!(left.is_empty(), "processes are left: {left:?}");
}

#[test]
fn shows_everything_and_writes_a_report_and_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path()).output().unwrap();
    let (shown, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let logs = fs::read_to_string(folder.path().join("out/logs.txt")).unwrap_or_default();
    assert!(output.status.success(), "{shown}\n{error}\n{logs}");
    assert!(shown.contains("the network is ready") && shown.contains("m2-1 noticed"), "{shown}");

    let report = fs::read_to_string(folder.path().join("out/report.md")).unwrap();
    let rows = |from: &str, to: &str| {
        let (_, part) = report.split_once(from).unwrap();
        let part = part.split_once(to).map_or(part, |(part, _)| part);
        let rows = part
            .lines()
            .filter(|line| line.starts_with("| "))
            .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
        rows.skip(1).collect::<Vec<_>>()
    };
    let seconds = |cell: &str| cell.strip_suffix(" s").unwrap().parse::<f64>().unwrap();

    let lines = rows("## Alice and Bob", "\n## ");
    assert_eq!(lines.len(), 7);
    assert!(lines.iter().all(|row| seconds(&row[2]) >= 0.0 && seconds(&row[3]) >= 0.0), "{report}");
    assert_eq!(lines.iter().filter(|row| row[1].contains("Bob is away")).count(), 3);

    let traffic = rows("## Traffic", "\n## ");
    assert_eq!(traffic.len(), 10);
    for row in &traffic {
        assert!(row[1].parse::<f64>().unwrap() > 0.0 && row[3].parse::<f64>().unwrap() > 0.0, "{report}");
    }

    let loops = rows("## Mixes' loops", "\n## ");
    let measured = loops.iter().find(|row| row[0].starts_with("measured")).unwrap();
    // Delays alone are 0.15 s on average, and nothing makes a loop faster.
    assert!(seconds(&measured[1]) > 0.1 && seconds(&measured[2]) > 0.0, "{report}");

    let attack = rows("## An attack on m2-1", "\n## ");
    let victim = attack.iter().find(|row| row[0] == "m2-1").unwrap();
    assert!(seconds(&victim[1]) > 0.0 && victim[2].contains("m2-1"), "{report}");
    assert!(report.contains("clients 40, connected at the end 40"), "{report}");

    let picture = fs::read_to_string(folder.path().join("out/picture.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n") && !picture.contains("NaN"), "{picture}");
    assert_nothing_is_left(folder.path());
}

#[test]
fn an_interrupt_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = demo(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("are connected")), "it ended before");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let status = child.wait().unwrap();
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    // A backtrace may follow.
    assert_eq!((status.code(), error.lines().next()), (Some(1), Some("Error: interrupted")));
    assert_nothing_is_left(folder.path());
}

#[test]
fn what_cannot_be_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_mimiq-mix-demo")).args(["--clients", "0"]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("--clients") && error.contains("'0'"), "{error}");
}

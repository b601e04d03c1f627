//! The commands as people call them: `mimiq-get --policy` and `mimiq-agent status`.

use std::net::SocketAddr;
use std::time::Duration;

use mimiq_agent::policy::Rules;
use tokio::process::Command;

use crate::support::agent::{TestAgent, somewhere};
use crate::support::server::{Identity, quinn_server};

/// Exit status, standard output, standard error.
async fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.kill_on_drop(true).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn mimiq_get(agent: &TestAgent, identity: &Identity, server: SocketAddr, policy: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mimiq-get"));
    command.arg("--agent").arg(&agent.socket).arg("--ca").arg(identity.certificate());
    command.args(["--connect", &server.to_string(), "--requests", "60", "--policy", policy]);
    command.arg("https://localhost/2700");
    command
}

fn status(agent: &TestAgent, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mimiq-agent"));
    command.args(["status", "--socket"]).arg(&agent.socket).args(more);
    command
}

#[tokio::test]
async fn a_fetch_by_policy_shows_in_the_status() {
    let rules: Rules =
        serde_yaml::from_str("- { application: mimiq-get, policy: { random_packets: { min: 20, max: 40 } } }").unwrap();
    let agent = TestAgent::start_with(somewhere(), Duration::from_secs(600), rules);
    let (_, empty, _) = output(&mut status(&agent, &[])).await;
    assert!(empty.contains("IPv4") && empty.contains("No application has opened a connection."), "{empty}");

    let identity = Identity::new();
    let server = quinn_server(&identity, true);
    let mut hops = Vec::new();
    for policy in ["every_packets: 20", "agent"] {
        let (code, report, error) = output(&mut mimiq_get(&agent, &identity, server, policy)).await;
        assert_eq!(code, Some(0), "{error}");
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        hops.push(report["summary"]["hops"].as_u64().unwrap());
    }
    assert!(hops.iter().all(|hops| *hops >= 3), "{hops:?}");

    let (_, table, _) = output(&mut status(&agent, &[])).await;
    for (policy, hops) in [("every_packets: 20", hops[0]), ("random_packets: {min: 20, max: 40}", hops[1])] {
        let row = table.lines().find(|line| line.starts_with("mimiq-get") && line.contains(policy)).expect(&table);
        let numbers = row.split(policy).nth(1).unwrap().split_whitespace().take(4).collect::<Vec<_>>();
        assert_eq!(numbers, ["1", "0", &hops.to_string(), "0"], "connections, open, hops, rollovers: {table}");
    }
    let (_, json, _) = output(&mut status(&agent, &["--json"])).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["usage"][0]["hops"], hops[0]);
    assert!(json["usage"][0]["validation_ms"].as_f64().unwrap() > 0.0, "{json}");
    assert_eq!(json["stocks"][0]["ip_version"], 4);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_name() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let server = quinn_server(&identity, true);
    let (code, _, error) = output(&mut mimiq_get(&agent, &identity, server, "every_packets: 0")).await;
    assert!(code == Some(2) && error.contains("policy.every_packets: 0: at least 1"), "{error}");
    let mut long = mimiq_get(&agent, &identity, server, "agent");
    let (code, _, error) = output(long.args(["--label", &"x".repeat(65)])).await;
    assert!(code == Some(2) && error.contains("choose.application: 65 characters"), "{error}");
    let mut nobody = Command::new(env!("CARGO_BIN_EXE_mimiq-agent"));
    let (code, _, error) = output(nobody.args(["status", "--socket", "/nonexistent/agent.sock"])).await;
    assert!(code == Some(1) && error.contains("socket: /nonexistent/agent.sock"), "{error}");
}

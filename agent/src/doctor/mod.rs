//! `mimiq-agent doctor`: looks at each thing that the agent needs, and says what to do where it is missing.

mod controller;
mod files;
mod link;
mod pki;
mod system;

use std::path::PathBuf;

use serde::Serialize;

use crate::config::Config;
use crate::netlink::Netlink;

/// Where packages and the systemd unit have the configuration.
pub const DEFAULT_CONFIG: &str = "/etc/mimiq/agent.yaml";

/// What the command is told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The configuration file (YAML).
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it must be.
    Ok,
    /// The agent will not work, or not for long.
    Problem,
    /// It could not be looked at, for the reason given.
    Skipped,
}

/// What one check found.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The check's name.
    pub check: &'static str,
    /// How it ended.
    pub status: Status,
    /// What is there.
    pub found: String,
    /// What to do, if it is a problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, found: found.into(), advice: None }
    }

    fn problem(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, status: Status::Problem, found: found.into(), advice: Some(advice.into()) }
    }

    fn skipped(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, status: Status::Skipped, found: found.into(), advice: None }
    }
}

/// Checks and prints; true if there is no problem.
///
/// # Errors
/// If standard output cannot be written to.
pub async fn run(arguments: &Arguments) -> std::io::Result<bool> {
    let findings = match Config::load(&arguments.config) {
        Ok(config) => {
            let mut findings = vec![Finding::ok("configuration", arguments.config.display().to_string())];
            findings.extend(examine(&config).await);
            findings
        }
        Err(error) => {
            let advice = "start from mimiq-agent.example.yaml, or name the file with --config";
            vec![Finding::problem("configuration", error.to_string(), advice)]
        }
    };
    print(&findings, arguments.json)?;
    Ok(findings.iter().all(|finding| finding.status != Status::Problem))
}

/// All checks but that of the configuration itself.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let agent = files::agent_listens(&config.socket);
    let mut findings = vec![system::capability()];
    match Netlink::open() {
        Ok(netlink) => {
            findings.extend(system::any_ip(config, &netlink).await);
            findings.extend(link::examine(config, &netlink).await);
        }
        Err(error) => findings.push(Finding::problem("netlink", error.to_string(), "allow AF_NETLINK sockets")),
    }
    findings.extend(system::sysctls(config));
    findings.extend(pki::examine(&config.pki));
    findings.push(files::socket(&config.socket, agent));
    findings.extend(config.metrics.map(|address| files::metrics(address, agent)));
    findings.push(controller::examine(config, agent).await);
    findings
}

fn print(findings: &[Finding], json: bool) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    if json {
        return writeln!(out, "{}", serde_json::to_string_pretty(findings)?);
    }
    for finding in findings {
        let status = match finding.status {
            Status::Ok => "ok     ",
            Status::Problem => "PROBLEM",
            Status::Skipped => "skipped",
        };
        writeln!(out, "{status}  {:<14} {}", finding.check, finding.found)?;
        if let Some(advice) = &finding.advice {
            writeln!(out, "{:9}{:<14} -> {advice}", "", "")?;
        }
    }
    Ok(())
}

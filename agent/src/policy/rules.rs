//! Whose connections follow which policy.

use std::net::SocketAddr;

use ipnetwork::IpNetwork;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{Policy, Problem, Span};

/// What the agent's own proxy calls itself.
pub const PROXY: &str = "mimiq-proxy";

/// A connection that is about to be opened.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The application, as it calls itself.
    pub application: &'a str,
    /// Where to.
    pub server: SocketAddr,
    /// The name that the server has to prove.
    pub server_name: &'a str,
}

/// The policy of the connections for which everything that is given holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The application's name.
    #[serde(default)]
    application: Option<String>,
    /// A prefix with the server's address.
    #[serde(default, deserialize_with = "prefix")]
    destination: Option<IpNetwork>,
    /// The server's port.
    #[serde(default)]
    port: Option<u16>,
    /// The server's name; `*.example.org` for all names below `example.org`.
    #[serde(default)]
    server_name: Option<String>,
    /// What to follow.
    #[serde(deserialize_with = "Policy::field")]
    policy: Policy,
}

fn prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpNetwork>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|error| D::Error::custom(format_args!("destination: {text}: {error}")))
}

impl Rule {
    fn holds(&self, opening: &Opening<'_>) -> bool {
        self.application.as_ref().is_none_or(|application| application == opening.application)
            && self.destination.is_none_or(|prefix| prefix.contains(opening.server.ip()))
            && self.port.is_none_or(|port| port == opening.server.port())
            && self.server_name.as_ref().is_none_or(|pattern| name_fits(pattern, opening.server_name))
    }

    fn holds_always(&self) -> bool {
        self.application.is_none() && self.destination.is_none() && self.port.is_none() && self.server_name.is_none()
    }
}

fn is_pattern(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    !name.is_empty() && !name.contains('*')
}

/// Names are compared as DNS does, without regard to case.
fn name_fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => name
            .len()
            .checked_sub(suffix.len())
            .filter(|start| *start > 0)
            .and_then(|start| name.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(suffix)),
        None => name.eq_ignore_ascii_case(pattern),
    }
}

/// Rules in the order of their trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// The policy of the first rule that holds; without one, `per_connection`, or `random_time: {min: 2s, max: 10s}` for the
    /// proxy, whose few connections carry everything for as long as there is something to carry.
    #[must_use]
    pub fn choose(&self, opening: &Opening<'_>) -> Policy {
        let otherwise = || match opening.application {
            PROXY => Policy::RandomTime { min: Span::from_secs(2), max: Span::from_secs(10) },
            _ => Policy::PerConnection,
        };
        self.0.iter().find(|rule| rule.holds(opening)).map_or_else(otherwise, |rule| rule.policy)
    }

    /// Checks all values; `field` is where the rules stand.
    ///
    /// # Errors
    /// If one makes no sense.
    pub fn check(&self, field: &str) -> Result<(), Problem> {
        for (index, rule) in self.0.iter().enumerate() {
            let field = format!("{field}[{index}]");
            let refuse = |name: &str, value: &str, problem: &str| {
                let field = format!("{field}.{name}");
                Err(Problem { field, value: value.to_owned(), problem: problem.to_owned() })
            };
            rule.policy.check(&format!("{field}.policy"))?;
            if rule.port == Some(0) {
                return refuse("port", "0", "at least 1");
            }
            if let Some(name) = rule.application.as_deref().filter(|name| name.is_empty()) {
                return refuse("application", name, "empty");
            }
            if let Some(pattern) = rule.server_name.as_deref().filter(|pattern| !is_pattern(pattern)) {
                return refuse("server_name", pattern, "neither a name nor `*.` and a name");
            }
            if rule.holds_always() && index + 1 < self.0.len() {
                let next = index + 1;
                return refuse(
                    "policy",
                    &rule.policy.to_string(),
                    &format!("holds always: rule [{next}] is never tried"),
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Result<Rules, String> {
        let rules: Rules = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        rules.check("policies").map_err(|problem| problem.to_string())?;
        Ok(rules)
    }

    #[test]
    fn the_first_that_holds_wins() {
        let rules = rules(
            "
            - { application: backup, policy: never }
            - { server_name: '*.Example.org', port: 443, policy: { every_packets: 25 } }
            - { server_name: example.org, policy: { once_after_packets: 30 } }
            - { destination: 2001:db8::/32, policy: { between_bursts: { gap: 500ms } } }
            - { destination: 192.0.2.0/24, policy: { random_time: { min: 1s, max: 2s } } }
            ",
        )
        .unwrap();
        for (application, server, server_name, expected) in [
            ("backup", "[2001:db8::1]:443", "a.example.org", "never"),
            ("web", "[2001:db8::1]:443", "a.EXAMPLE.org", "every_packets: 25"),
            ("web", "[2001:db8::1]:444", "a.example.org", "between_bursts: {gap: 500ms}"),
            ("web", "[2001:db8::1]:443", "example.org", "once_after_packets: 30"),
            ("web", "[2001:db8::1]:443", "badexample.org", "between_bursts: {gap: 500ms}"),
            ("web", "192.0.2.7:443", ".example.org", "random_time: {min: 1s, max: 2s}"),
            ("web", "192.0.3.7:443", "ö.example.or", "per_connection"),
            (PROXY, "192.0.3.7:443", "exit.example", "random_time: {min: 2s, max: 10s}"),
            (PROXY, "[2001:db8::1]:443", "exit.example", "between_bursts: {gap: 500ms}"),
        ] {
            let server = server.parse().unwrap();
            let chosen = rules.choose(&Opening { application, server, server_name });
            assert_eq!(chosen.to_string(), expected, "{application} {server} {server_name}");
        }
    }

    #[test]
    fn refusals_name_field_and_value() {
        for (text, expected) in [
            ("- { aplication: a, policy: never }", "aplication"),
            ("- { application: a }", "policy"),
            ("- { application: '', policy: never }", "policies[0].application: : empty"),
            ("- { destination: 2001:db8::/129, policy: never }", "destination: 2001:db8::/129"),
            ("- { port: 70000, policy: never }", "70000"),
            ("- { port: 0, policy: never }", "policies[0].port: 0"),
            ("- { server_name: '*', policy: never }", "policies[0].server_name: *"),
            ("- { server_name: '*.', policy: never }", "policies[0].server_name: *."),
            ("- { server_name: 'a.*.org', policy: never }", "policies[0].server_name: a.*.org"),
            ("- { server_name: '*a.org', policy: never }", "policies[0].server_name: *a.org"),
            ("- { port: 1, policy: never }\n- { policy: { every_packets: 0 } }", "policies[1].policy.every_packets: 0"),
            ("- { port: 1, policy: { evry: 3 } }", "evry"),
            ("- { policy: never }\n- { port: 1, policy: never }", "rule [1] is never tried"),
        ] {
            let error = rules(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}

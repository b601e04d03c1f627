use mimiq_core::Rate;

use super::ReloadError;
use crate::config::{Config, Limits, Switch};

/// What is different between two configurations, if all of it can be changed while the controller runs.
pub(super) struct Changes<'a> {
    pub(super) added: Vec<&'a Switch>,
    pub(super) removed: Vec<String>,
    /// For people.
    pub(super) said: Vec<String>,
}

impl<'a> Changes<'a> {
    pub(super) fn between(old: &Config, new: &'a Config) -> Result<Self, ReloadError> {
        let mut fixed = Vec::new();
        let fields = [
            ("relay", old.relay == new.relay),
            ("state_file", old.state_file == new.state_file),
            ("http", old.http == new.http),
            ("admin", old.admin == new.admin),
            ("pools", old.pools == new.pools),
            ("aliases_per_sid", old.aliases_per_sid == new.aliases_per_sid),
            ("timing.t_ip", old.timing.t_ip == new.timing.t_ip),
            ("timing.t_remove", old.timing.t_remove == new.timing.t_remove),
            ("timing.t_sid", old.timing.t_sid == new.timing.t_sid),
            ("timing.k", old.timing.k == new.timing.k),
            ("timing.cool_down", old.timing.cool_down == new.timing.cool_down),
        ];
        fixed.extend(fields.into_iter().filter(|(_, same)| !same).map(|(field, _)| field.to_owned()));
        let mut changes = Self { added: Vec::new(), removed: Vec::new(), said: limits(&old.limits, &new.limits) };
        for (n, switch) in new.switches.iter().enumerate() {
            match old.switches.iter().find(|other| other.name == switch.name) {
                Some(other) => {
                    let field = |field: &str| format!("switches[{n}].{field} of {}", switch.name);
                    fixed.extend(fixed_fields(other, switch).map(field));
                    if other != switch {
                        changes.said.push(format!("switches: {} changed", switch.name));
                    }
                }
                None => {
                    changes.said.push(format!("switches: {} added", switch.name));
                    changes.added.push(switch);
                }
            }
        }
        for switch in &old.switches {
            if !new.switches.iter().any(|other| other.name == switch.name) {
                changes.said.push(format!("switches: {} removed", switch.name));
                changes.removed.push(switch.name.clone());
            }
        }
        if fixed.is_empty() { Ok(changes) } else { Err(ReloadError::Restart(fixed)) }
    }
}

/// What a switch is: to change it, remove the switch, and add it when its last lease has ended.
fn fixed_fields(old: &Switch, new: &Switch) -> impl Iterator<Item = &'static str> {
    let fields = [
        ("device_id", old.device_id == new.device_id),
        ("p4runtime", old.p4runtime == new.p4runtime),
        ("device_config", old.device_config == new.device_config),
        ("sid", old.sid == new.sid),
        ("edge", old.edge == new.edge),
        ("tunnel_addr", old.tunnel_addr == new.tunnel_addr),
    ];
    fields.into_iter().filter(|(_, same)| !same).map(|(field, _)| field)
}

fn limits(old: &Limits, new: &Limits) -> Vec<String> {
    let rate = |rate: Rate| format!("{}/s", rate.per_second);
    let values = |limits: &Limits| {
        [
            ("addresses_per_client", limits.addresses_per_client.to_string()),
            ("requests_per_client", rate(limits.requests_per_client)),
            ("requests_per_port", rate(limits.requests_per_port)),
            ("datagrams_per_port", rate(limits.datagrams_per_port)),
        ]
    };
    let pairs = values(old).into_iter().zip(values(new));
    let changed = pairs.filter(|(old, new)| old != new);
    changed.map(|((field, old), (_, new))| format!("limits.{field}: {old} is {new} now")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const EXAMPLE: &str = include_str!("../../mimiq-controller.example.yaml");

    fn changes(replace: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let parse = |text: &str| Config::parse(text, Path::new("/nowhere")).unwrap();
        let text = replace.iter().fold(EXAMPLE.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let new = parse(&text);
        match Changes::between(&parse(EXAMPLE), &new) {
            Ok(changes) => Ok(changes.said),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn what_can_be_changed_is_said() {
        assert_eq!(changes(&[]), Ok(vec![]));
        let limits = changes(&[("requests_per_client: 100/s", "requests_per_client: 7/s")]);
        assert_eq!(limits, Ok(vec!["limits.requests_per_client: 100/s is 7/s now".to_owned()]));
        let route = changes(&[("{prefix: 0.0.0.0/0, port: 0,", "{prefix: 10.0.0.0/8, port: 0,")]);
        assert_eq!(route, Ok(vec!["switches: access1 changed".to_owned()]));
        let renamed = changes(&[("name: access2", "name: access3")]);
        assert_eq!(renamed, Ok(vec!["switches: access3 added".to_owned(), "switches: access2 removed".to_owned()]));
    }

    #[test]
    fn what_needs_a_restart_is_named() {
        let refusal = |replace: &[(&str, &str)]| changes(replace).unwrap_err();
        let both =
            refusal(&[("t_remove: 30s", "t_remove: 31s"), ("requests_per_client: 100/s", "requests_per_client: 7/s")]);
        assert_eq!(both, "cannot be changed while the controller runs: timing.t_remove");
        let several = refusal(&[("9571", "9573"), ("device_id: 2", "device_id: 3"), ("sid: 2", "sid: 3")]);
        let fields = "http, switches[1].device_id of access2, switches[1].sid of access2";
        assert_eq!(several, format!("cannot be changed while the controller runs: {fields}"));
    }
}

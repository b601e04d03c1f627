//! What operators and users copy is right.

use std::fs;

use mimiq_authority::Config;
use mimiq_directory::Policy;
use mimiq_mix::config::{ClientConfig, Limits, NodeConfig};
use tempfile::TempDir;

use crate::{CLIENT, NODE, PROVIDER, check, path, run};

const AUTHORITY: &str = include_str!("../../../authority/authority.example.yaml");
const POLICY: &str = include_str!("../../../authority/policy.example.yaml");

#[test]
fn the_examples_are_valid() {
    for (kind, text, said) in [
        ("node", NODE, "valid: Mix { layer: 1 }\n"),
        ("node", PROVIDER, "valid: Provider { name: \"p1\", access: 192.0.2.20:9582 }\n"),
        ("client", CLIENT, "valid: a client of \"p1\"\n"),
    ] {
        let (valid, text) = check(kind, text);
        assert!(valid && text.ends_with(said), "{text}");
    }
}

#[test]
fn the_examples_show_the_defaults() {
    let folder = TempDir::new().unwrap();
    let load = |text: &str| {
        let file = folder.path().join("node.yaml");
        fs::write(&file, text).unwrap();
        NodeConfig::load(&file).unwrap()
    };
    let (mix, provider) = (load(NODE), load(PROVIDER));
    for limits in [mix.limits, provider.limits] {
        assert_eq!(format!("{limits:?}"), format!("{:?}", Limits::default()));
    }
    assert_eq!(mix.identity, folder.path().join("identity.key"));
    assert_eq!(mix.data.to_str(), Some("/var/lib/mimiq-mix"));
    assert_eq!(mix.geometry().unwrap(), mimiq_sphinx::Geometry::default());
    let access = provider.provider.unwrap().access;
    assert_eq!((access.limits, access.inbox), (Default::default(), Default::default()));

    let file = folder.path().join("client.yaml");
    fs::write(&file, CLIENT).unwrap();
    let client = ClientConfig::load(&file).unwrap();
    assert_eq!(client.folder, folder.path().join("mimiq-client"));
    assert!(client.token().unwrap().is_some());
    let text: String = CLIENT
        .lines()
        .filter(|line| !line.starts_with("timeout_s") && !line.starts_with("attempts"))
        .collect::<Vec<_>>()
        .join("\n");
    fs::write(&file, text).unwrap();
    assert_eq!(ClientConfig::load(&file).unwrap().outbox(), client.outbox());
}

#[test]
fn all_examples_are_of_one_network() {
    let policy = Policy::from_yaml(POLICY).unwrap();
    assert_eq!((policy.authorities.len(), policy.threshold, policy.layers.len()), (4, 3, 3));
    assert_eq!(policy.packet.hops, policy.layers.len() + 2);
    let folder = TempDir::new().unwrap();
    for text in [NODE, PROVIDER] {
        let file = folder.path().join("node.yaml");
        fs::write(&file, text).unwrap();
        let config = NodeConfig::load(&file).unwrap();
        assert_eq!((config.epochs, config.packet), (policy.epochs, policy.packet));
        assert_eq!((&config.network.name, config.network.threshold), (&policy.network, policy.threshold));
        let authorities: Vec<_> = config.network.authorities.iter().map(|authority| authority.identity).collect();
        assert_eq!(authorities, policy.authorities);
    }
}

/// Keys are made by the commands of the guide, and put where the examples have placeholders.
#[test]
fn an_authority_is_set_up_with_the_commands_and_examples() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (made, own) = run(&["authority", "init", path(&at("authority.key"))]);
    let own = own.trim_end();
    assert!(made && own.len() == 64, "{own}");
    assert_eq!(run(&["authority", "identity", path(&at("authority.key"))]), (true, format!("{own}\n")));
    let (made, said) = run(&["authority", "init", path(&at("authority.key"))]);
    assert!(!made && said.contains("authority.key"), "a key is never overwritten: {said}");

    // It is the fourth of the example's authorities. The third is missing among the peers of authority.example.yaml.
    fs::write(at("policy.yaml"), POLICY.replacen(&"4".repeat(64), own, 1)).unwrap();
    let third = format!("- identity: {}\n  url: http://198.51.100.3:9580\n\n# Where Prometheus", "3".repeat(64));
    let text = AUTHORITY.replace("\n# Where Prometheus", &third);
    fs::write(at("authority.yaml"), &text).unwrap();
    assert_eq!(Config::load(&at("authority.yaml")).unwrap().peers.len(), 3);
    let (valid, said) = run(&["authority", "config", "check", path(&at("authority.yaml"))]);
    assert!(valid && said.ends_with(&format!("valid: authority {own} of example\n")), "{said}");

    fs::write(at("authority.yaml"), AUTHORITY).unwrap();
    let (valid, said) = run(&["authority", "config", "check", path(&at("authority.yaml"))]);
    assert!(
        !valid && said.contains(&format!("peers: {}: an authority of the policy is missing", "3".repeat(64))),
        "{said}"
    );
}

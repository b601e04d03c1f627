//! The configuration file.

use std::fs;
use std::path::PathBuf;

use mimiq_authority::Config;
use mimiq_directory::{Epochs, SigningKey};
use rand::SeedableRng as _;
use tempfile::TempDir;

use crate::setup::{identity, yaml};

const EXAMPLE: &str = include_str!("../../authority.example.yaml");

/// The example with files beside it; the peers are 102 and 103.
struct Files {
    folder: TempDir,
    text: String,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let key = SigningKey::create(&folder.path().join("authority.key"), &mut rng).unwrap();
        let epochs = Epochs { genesis: 1_700_000_000, length: 86_400 };
        let policy = yaml(3, 2, 60, epochs).replace(&identity(101).to_string(), &key.public_key().to_string());
        fs::write(folder.path().join("policy.yaml"), policy).unwrap();
        let text = EXAMPLE.replace(&"1".repeat(64), &identity(102).to_string());
        let text = text.replace(&"2".repeat(64), &identity(103).to_string());
        Self { folder, text }
    }

    fn load(&self, text: &str) -> Result<Config, String> {
        let path: PathBuf = self.folder.path().join("authority.yaml");
        fs::write(&path, text).unwrap();
        Config::load(&path).map_err(|error| error.to_string())
    }
}

#[test]
fn the_example_is_valid() {
    let files = Files::new();
    let config = files.load(&files.text).unwrap();
    assert_eq!(config.peers.len(), 2);
    assert_eq!(config.peers[0].identity, identity(102));
    assert_eq!(config.peers[1].url.to_string(), "http://authority.example:9580");
    assert_eq!(config.data.to_str(), Some("/var/lib/mimiq-authority"));
    assert_eq!(config.metrics.unwrap().port(), 9682);
}

#[test]
fn refusals_name_field_and_value() {
    let files = Files::new();
    let own = files.load(&files.text).unwrap().key.public_key().to_string();
    let (second, third, stranger) = (identity(102).to_string(), identity(103).to_string(), identity(104).to_string());
    let alone = files.text.split("- identity").next().unwrap().replace("peers:", "peers: []");
    for (from, to, expected) in [
        ("listen: \"[::]:9580\"", "listen: everywhere", "listen"),
        ("policy: policy", "policy: missing", "missing.yaml: No such file"),
        ("policy: policy.yaml", "policy: authority.key", "authority.key"),
        ("key: authority", "key: missing", "missing.key: No such file"),
        ("metrics:", "metrix:", "metrix"),
        ("http://192", "https://192", "\"https://192.0.2.2:9580\" is not http://HOST[:PORT][/PATH]"),
        (&second, &own, &format!("peers.identity: {own}: that is this authority")),
        (&second, &third, &format!("peers.identity: {third}: twice")),
        (&second, &stranger, &format!("peers.identity: {stranger}: not among the policy's authorities")),
        (&second, "12", "peers[0]: \"12\" is not 64"),
        (&files.text, &alone, &format!("peers: {second}: an authority of the policy is missing")),
    ] {
        assert!(files.text.contains(from), "{from}");
        let error = files.load(&files.text.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(expected), "{from} -> {to}: {error}");
    }
    let policy = files.folder.path().join("policy.yaml");
    let text = fs::read_to_string(&policy).unwrap();
    fs::write(&policy, text.replace("round: 60", "round: 0")).unwrap();
    assert!(files.load(&files.text).unwrap_err().ends_with("policy.yaml: policy: round: 0 is not 1 to 86400 seconds"));
    fs::write(&policy, text.replace(&own, &stranger)).unwrap();
    let expected = format!("key: {own}: its public key is not among the policy's authorities");
    assert_eq!(files.load(&files.text).unwrap_err(), expected);
}

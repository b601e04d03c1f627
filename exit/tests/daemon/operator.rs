//! Command line, metrics, logs.

use std::process::Command;

use crate::process::{BINARY, Files};

fn run(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(BINARY).args(arguments).output().unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn a_configuration_is_checked_with_its_files() {
    let files = Files::new();
    let path = files.configuration();
    let check = || run(&["config", "check", path.to_str().unwrap()]);
    let (valid, text) = check();
    assert!(valid && text.ends_with("valid: 1 users\n"), "{text}");
    std::fs::write(files.folder.path().join("exit.key"), "no key").unwrap();
    let (valid, text) = check();
    assert!(!valid && text.contains("tls.key: ") && text.contains("exit.key"), "{text}");
    std::fs::write(&path, "listen: nowhere\n").unwrap();
    let (valid, text) = check();
    assert!(!valid && text.contains("listen"), "{text}");
}

#[test]
fn a_new_token_comes_with_the_line_for_the_configuration() {
    let (fine, text) = run(&["token"]);
    let (token, line) = text.trim_end().split_once('\n').unwrap();
    assert!(fine && token.len() == 64);
    let hash = line.strip_prefix("token_sha256: ").unwrap();
    assert_eq!(hash, mimiq_exit::users::TokenHash::of(token).to_string());
}

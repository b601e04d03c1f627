use std::{fs, os::unix::fs::PermissionsExt as _};

use proptest::prelude::*;

use super::*;

fn authority() -> (tempfile::TempDir, PathBuf) {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("pki");
    init(&dir).unwrap();
    (temporary, dir)
}

#[test]
fn keys_are_private_and_nothing_is_overwritten() {
    let (_temporary, dir) = authority();
    enrol(&dir, Kind::Client, "alice").unwrap();
    for key in ["ca.key", "controller.key", "operator.key", "alice.key", "index.txt"] {
        assert_eq!(fs::metadata(dir.join(key)).unwrap().permissions().mode() & 0o777, 0o600, "{key}");
    }
    assert!(matches!(init(&dir), Err(PkiError::File { path, .. }) if path.ends_with("ca.key")));
    assert!(matches!(enrol(&dir, Kind::Client, "alice"), Err(PkiError::Enrolled(name)) if name == "alice"));
    fs::write(dir.join("bob.pem"), "kept").unwrap();
    assert!(matches!(enrol(&dir, Kind::Client, "bob"), Err(PkiError::File { path, .. }) if path.ends_with("bob.pem")));
    assert!(!list(&dir).unwrap().iter().any(|issued| issued.name == "bob"));
    for name in ["", "../x", ".x", "ca", "controller", "crl", "mimiq-controller", "a b", "a\tb", &"x".repeat(65)] {
        assert!(matches!(enrol(&dir, Kind::Client, name), Err(PkiError::Name(_))), "{name:?}");
    }
}

#[test]
fn a_name_is_a_client_or_an_operator_for_good() {
    let (_temporary, dir) = authority();
    enrol(&dir, Kind::Client, "alice").unwrap();
    revoke(&dir, "alice").unwrap();
    for (name, kind, other) in [("operator", Kind::Client, Kind::Operator), ("alice", Kind::Operator, Kind::Client)] {
        assert!(matches!(enrol(&dir, kind, name), Err(PkiError::Kind { kind, .. }) if kind == other), "{name}");
    }
}

#[test]
fn switches_have_names_of_their_own() {
    let (_temporary, dir) = authority();
    enrol(&dir, Kind::Client, "access1").unwrap();
    enrol(&dir, Kind::Client, "switch-access2").unwrap();
    enrol(&dir, Kind::Switch, "access1").unwrap();
    assert!(dir.join("switch-access1.key").exists());
    let latest = list(&dir).unwrap().pop().unwrap();
    assert_eq!((latest.kind, &*latest.name), (Kind::Switch, "switch-access1"));
    assert!(matches!(enrol(&dir, Kind::Switch, "access2"), Err(PkiError::Kind { kind: Kind::Client, .. })));
    assert!(matches!(enrol(&dir, Kind::Switch, &"x".repeat(58)), Err(PkiError::Name(_))));
}

#[test]
fn revoked_certificates_are_in_the_list_and_make_room() {
    let (_temporary, dir) = authority();
    enrol(&dir, Kind::Client, "alice").unwrap();
    enrol(&dir, Kind::Operator, "olga").unwrap();
    assert!(matches!(revoke(&dir, "bob"), Err(PkiError::NotEnrolled(_))));
    assert!(matches!(revoke(&dir, "mimiq-controller"), Err(PkiError::NotEnrolled(_))));
    let first = revoke(&dir, "alice").unwrap();
    assert!(!dir.join("alice.pem").exists() && dir.join(format!("revoked/alice-{}.key", first.serial)).exists());
    enrol(&dir, Kind::Client, "alice").unwrap();
    let issued = list(&dir).unwrap();
    let states: Vec<_> = issued.iter().map(|i| (i.name.as_str(), i.kind, i.revoked.is_some())).collect();
    let expected = [
        (SERVER_NAME, Kind::Controller, false),
        ("operator", Kind::Operator, false),
        ("alice", Kind::Client, true),
        ("olga", Kind::Operator, false),
        ("alice", Kind::Client, false),
    ];
    assert_eq!(states, expected);
    assert_ne!(issued[2].serial, issued[4].serial);
    // Again: the list is made again, and the number goes on; a list that was lost comes back.
    revoke(&dir, "olga").unwrap();
    assert_eq!(Folder::open(&dir).unwrap().crl_number().unwrap(), 3);
    fs::remove_file(dir.join("crl.pem")).unwrap();
    let again = revoke(&dir, "olga").unwrap();
    assert_eq!(again.revoked, list(&dir).unwrap()[3].revoked);
    assert_eq!(Folder::open(&dir).unwrap().crl_number().unwrap(), 1);
}

#[test]
fn a_damaged_index_is_refused_by_line() {
    let (_temporary, dir) = authority();
    let text = fs::read_to_string(dir.join("index.txt")).unwrap();
    fs::write(dir.join("index.txt"), text + "R\t40960101000000Z\tyesterday\t40\tunknown\t/CN=x\n").unwrap();
    let error = enrol(&dir, Kind::Client, "alice").unwrap_err();
    assert!(error.to_string().ends_with("index.txt: line 3: revoked: 20yesterday: is no time"), "{error}");
}

proptest! {
    #[test]
    fn any_index_is_read_or_refused(text in "([VR]\t[0-9]{14}Z?\t([0-9]{12}Z)?\t[0-9A-F]{0,4}\tunknown\t(/OU=(operators|switches|x))?/CN=[a-z]{0,3}\n|\\PC*)*") {
        if let Ok(index) = Index::parse(&text) {
            prop_assert_eq!(Index::parse(&index.to_string()), Ok(index));
        }
    }
}

//! Keys that sign, in files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use mimiq_directory::{KeyFileError, SigningKey};

use crate::setup::rng;

/// As if the machine had crashed while it was written.
#[test]
fn a_key_is_there_completely_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (path, unfinished) = (folder.path().join("link.key"), folder.path().join("link.key.new"));
    // It cannot be written.
    fs::create_dir(&unfinished).unwrap();
    assert!(matches!(SigningKey::create(&path, &mut rng(1)), Err(KeyFileError::Io { .. })));
    assert!(!path.exists());
    fs::remove_dir(&unfinished).unwrap();
    fs::write(&unfinished, b"half a key").unwrap();
    let made = SigningKey::create(&path, &mut rng(1)).unwrap().public_key();
    assert_eq!(SigningKey::read(&path).unwrap().public_key(), made);
    assert!(SigningKey::create(&path, &mut rng(2)).is_err());
    assert!(!unfinished.exists());
}

#[test]
fn a_key_is_made_once_and_read_by_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority.key");
    assert!(matches!(SigningKey::read(&path), Err(KeyFileError::Io { .. })));
    let made = SigningKey::create(&path, &mut rng(1)).unwrap().public_key();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(SigningKey::read(&path).unwrap().public_key(), made);
    assert!(matches!(SigningKey::create(&path, &mut rng(2)), Err(KeyFileError::Io { .. })));
    assert_eq!(SigningKey::read(&path).unwrap().public_key(), made, "it is still there");

    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let refused = SigningKey::read(&path).unwrap_err().to_string();
    assert_eq!(refused, format!("{}: mode 640 is not 600", path.display()));
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    for bytes in [&[7; 31][..], &[7; 33]] {
        fs::write(&path, bytes).unwrap();
        assert!(matches!(SigningKey::read(&path), Err(KeyFileError::Length { .. })));
    }
}

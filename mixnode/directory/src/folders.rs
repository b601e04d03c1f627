//! Folders on disk: a file outlives a crash of the machine only if its name does, and so the names of the folders that it is in.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Makes a folder that is its owner's alone (mode 0700), and those above it, unless they are there. Their names are on disk when it returns.
///
/// # Errors
/// If the system refuses, or something else has the name.
pub fn make_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_folder_of(path),
        Err(_) if path.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_folder(above(path).ok_or(error)?)?;
            make_folder(path)
        }
        Err(error) => Err(error),
    }
}

/// Puts on disk what a file or a folder is called, or that it is gone.
///
/// # Errors
/// If the system refuses.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(above(path).unwrap_or(Path::new(".")))?.sync_all()
}

fn above(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn folders_are_made_with_those_above() {
        let home = tempfile::tempdir().unwrap();
        let inner = home.path().join("a/b/c");
        for _ in 0..2 {
            make_folder(&inner).unwrap();
            assert!([&inner, inner.parent().unwrap()].iter().all(|folder| {
                let metadata = folder.metadata().unwrap();
                metadata.is_dir() && metadata.permissions().mode() & 0o777 == 0o700
            }));
        }
        fs::write(home.path().join("file"), "").unwrap();
        for path in ["file", "file/folder"] {
            assert!(make_folder(&home.path().join(path)).is_err(), "{path}");
        }
        assert_eq!(make_folder(Path::new("")).unwrap_err().kind(), io::ErrorKind::NotFound);
        sync_folder_of(Path::new("file")).unwrap();
        assert!(sync_folder_of(&home.path().join("nowhere/file")).is_err());
    }
}

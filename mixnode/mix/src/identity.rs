//! A node's secrets: its identity, and that of its links.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use mimiq_directory::{Hex32, SigningKey, make_folder};
use mimiq_sphinx::SecretKey;
use zeroize::Zeroizing;

/// What a node signs with, and the seed of it for TLS.
pub(crate) struct Identity {
    pub(crate) key: SigningKey,
    pub(crate) seed: Zeroizing<[u8; 32]>,
}

pub(crate) fn read(path: &Path) -> anyhow::Result<Identity> {
    let key = SigningKey::read(path)?;
    Ok(Identity { key, seed: seed(path)? })
}

/// The secret of a node's links, in its folder, which is made the first time.
pub(crate) fn link(folder: &Path) -> anyhow::Result<(Zeroizing<[u8; 32]>, Hex32)> {
    make_folder(folder).with_context(|| folder.display().to_string())?;
    let path = folder.join("link.key");
    if !path.exists() {
        SigningKey::create(&path, &mut rand::rng())?;
    }
    // The same file as for an identity: 32 random bytes that only the owner can read.
    SigningKey::read(&path)?;
    let secret = seed(&path)?;
    let public = SecretKey::from_bytes(*secret).public_key();
    Ok((secret, (*public.as_bytes()).into()))
}

fn seed(path: &Path) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(fs::read(path).with_context(|| path.display().to_string())?);
    let seed = <[u8; 32]>::try_from(&bytes[..]).ok().with_context(|| format!("{}: not 32 bytes", path.display()))?;
    Ok(Zeroizing::new(seed))
}

//! Who the simulated clients are: certificates that `mimiqctl pki enrol` made, or new ones of the operator's authority.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use mimiq_api::allocation::{ALPN, MAX_MESSAGE};
use quinn_proto::{ClientConfig, IdleTimeout, TransportConfig, VarInt, crypto::rustls::QuicClientConfig};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{RootCertStore, client::Resumption};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

/// The name in the controller's certificate.
pub(crate) const SERVER_NAME: &str = "mimiq-controller";
/// Idle connections are kept, at little cost.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const IDLE: Duration = Duration::from_secs(60);

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// QUIC configurations of as many clients. With `ca.key` in the folder they are enrolled here and now, as `perf-N` with N
/// counted from `first`; without it they are those whose certificates and keys the folder has, in the order of their
/// names, the first `first` left out.
///
/// # Errors
/// If a file is missing or of no use, or the folder has too few clients.
pub(crate) fn identities(folder: &Path, first: u32, clients: u32) -> anyhow::Result<Vec<ClientConfig>> {
    let named = |name: &str| folder.join(name);
    let (ca, ca_key) = (named("ca.pem"), named("ca.key"));
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&ca)? {
        roots.add(certificate).with_context(|| format!("pki: {}", ca.display()))?;
    }
    let identities: Vec<Identity> = if ca_key.exists() {
        let key = fs::read_to_string(&ca_key).with_context(|| format!("pki: {}", ca_key.display()))?;
        let key = KeyPair::from_pem(&key).with_context(|| format!("pki: {}", ca_key.display()))?;
        let certificate = fs::read_to_string(&ca).with_context(|| format!("pki: {}", ca.display()))?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, key).with_context(|| format!("pki: {}", ca.display()))?;
        let numbers = (0..clients).map(|n| u64::from(first) + u64::from(n));
        numbers.map(|n| enrol(&issuer, &format!("perf-{n}"))).collect::<anyhow::Result<_>>()?
    } else {
        enrolled(folder, first, clients)?
    };
    let (roots, transport) = (Arc::new(roots), Arc::new(transport()?));
    identities.into_iter().map(|identity| config(identity, &roots, &transport)).collect()
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let found = found.with_context(|| format!("pki: {}", path.display()))?;
    ensure!(!found.is_empty(), "pki: {}: no certificate in it", path.display());
    Ok(found)
}

/// As the controller's own `pki` module does, but with nothing written.
fn enrol(issuer: &Issuer<'_, KeyPair>, name: &str) -> anyhow::Result<Identity> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok((vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
}

fn enrolled(folder: &Path, first: u32, clients: u32) -> anyhow::Result<Vec<Identity>> {
    let listed = fs::read_dir(folder).with_context(|| format!("pki: {}", folder.display()))?;
    let mut keys = listed.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    keys.retain(|path| path.extension().is_some_and(|extension| extension == "key"));
    keys.sort();
    let mut enrolled = Vec::new();
    for key in keys {
        let chain = certificates(&key.with_extension("pem"))?;
        if chain.first().is_some_and(is_client) {
            enrolled.push((chain, key));
        }
    }
    let needed = first as usize + clients as usize;
    ensure!(
        enrolled.len() >= needed,
        "pki: {}: {} clients are enrolled, {needed} are needed; with ca.key in the folder they would be enrolled now",
        folder.display(),
        enrolled.len()
    );
    let chosen = enrolled.into_iter().skip(first as usize).take(clients as usize);
    let identity = |(chain, path): (Vec<CertificateDer<'static>>, PathBuf)| {
        let key = PrivateKeyDer::from_pem_file(&path).with_context(|| format!("pki: {}", path.display()))?;
        Ok((chain, key))
    };
    chosen.map(identity).collect()
}

/// Whether it is neither the controller's certificate nor an operator's, which names a unit.
fn is_client(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
    let usage = certificate.extended_key_usage().ok().flatten();
    // The controller comes to switches with its own, which is good for both sides.
    usage.is_some_and(|usage| usage.value.client_auth && !usage.value.server_auth)
        && certificate.subject().iter_organizational_unit().next().is_none()
}

fn config(
    (chain, key): Identity,
    roots: &Arc<RootCertStore>,
    transport: &Arc<TransportConfig>,
) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots.clone())
        .with_client_auth_cert(chain, key)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    // Agents connect rarely: each handshake is a full one.
    tls.resumption = Resumption::disabled();
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport.clone());
    Ok(config)
}

fn transport() -> anyhow::Result<TransportConfig> {
    let mut transport = TransportConfig::default();
    // As agents: what is wrapped must fit the fabric.
    transport.mtu_discovery_config(None);
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    transport.max_idle_timeout(Some(IdleTimeout::try_from(IDLE)?));
    transport.max_concurrent_bidi_streams(VarInt::from_u32(0));
    transport.stream_receive_window(VarInt::from_u32(MAX_MESSAGE as u32 + 1));
    transport.datagram_receive_buffer_size(None);
    Ok(transport)
}

use std::io::Cursor;

use ::ring::rand::SystemRandom;
use ::ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use mimiq_directory::SigningKey;
use rustls::{ClientConnection, ServerConnection};

use super::*;

const PROVIDER: [u8; 32] = [7; 32];

fn public(seed: &[u8; 32]) -> Hex32 {
    SigningKey::from_seed(seed).unwrap().public_key()
}

/// The client's key as the provider saw it, or who found what wrong.
fn handshake(client: ClientConfig, server: ServerConfig) -> Result<Option<[u8; 32]>, String> {
    let mut client = ClientConnection::new(Arc::new(client), "provider".try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let mut bytes = Vec::new();
    while client.is_handshaking() || server.is_handshaking() || client.wants_write() || server.wants_write() {
        bytes.clear();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut Cursor::new(&bytes)).unwrap();
        server.process_new_packets().map_err(|error| format!("server: {error}"))?;
        bytes.clear();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut Cursor::new(&bytes)).unwrap();
        client.process_new_packets().map_err(|error| format!("client: {error}"))?;
    }
    assert_eq!(client.alpn_protocol(), Some(ALPN));
    Ok(server.peer_certificates().and_then(|certificates| key(&certificates[0])))
}

/// A client of our own making.
fn client(keys: Option<Arc<CertifiedKey>>) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(crypto())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned(public(&PROVIDER).0)));
    let mut config = match keys {
        Some(keys) => builder.with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(keys))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    config
}

#[test]
fn both_ends_know_each_other() {
    let server = || server_tls(&PROVIDER).unwrap();
    let found = handshake(client_tls(&[1; 32], &public(&PROVIDER)).unwrap(), server()).unwrap();
    assert_eq!(found, Some(public(&[1; 32]).0));
    // Another provider than that in the network's state.
    let error = handshake(client_tls(&[1; 32], &public(&[8; 32])).unwrap(), server()).unwrap_err();
    assert!(error.starts_with("client: "), "{error}");
}

#[test]
fn clients_need_an_ed25519_key() {
    let server = || server_tls(&PROVIDER).unwrap();
    assert!(handshake(client(Some(certified(&[1; 32]).unwrap())), server()).unwrap().is_some());
    let error = handshake(client(None), server()).unwrap_err();
    assert!(error.starts_with("server: "), "{error}");
    let other = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
    let other = ring::sign::any_ecdsa_type(&PrivatePkcs8KeyDer::from(other.as_ref()).into()).unwrap();
    let spki = CertificateDer::from(other.public_key().unwrap().as_ref().to_vec());
    assert!(key(&spki).is_none());
    let error = handshake(client(Some(Arc::new(CertifiedKey::new(vec![spki], other)))), server()).unwrap_err();
    assert!(error.starts_with("server: ") || error.starts_with("client: "), "{error}");
    // Somebody else's key, without the secret.
    let stolen = certified(&[1; 32]).unwrap().cert.clone();
    let own = certified(&[2; 32]).unwrap().key.clone();
    let error = handshake(client(Some(Arc::new(CertifiedKey::new(stolen, own)))), server()).unwrap_err();
    assert!(error.starts_with("server: "), "{error}");
}

#[test]
fn keys_have_one_encoding() {
    let spki = certified(&[1; 32]).unwrap().cert[0].clone();
    assert_eq!(key(&spki), Some(public(&[1; 32]).0));
    for length in 0..spki.len() {
        assert_eq!(key(&CertificateDer::from(&spki[..length])), None);
    }
    let longer = [spki.as_ref(), &[0]].concat();
    assert_eq!(key(&CertificateDer::from(longer)), None);
}

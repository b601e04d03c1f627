//! The server's transport parameters. quinn does not show them, so the TLS session is watched while it hands them over. And what it
//! encrypts and decrypts, for [`Answers`].

use std::any::Any;
use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use quinn::crypto::{
    ClientConfig, CryptoError, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, Session,
};
use quinn::{ConnectError, ConnectionId, Side, VarInt};
use quinn_proto::TransportError;
use quinn_proto::coding::Codec as _;
use quinn_proto::transport_parameters::TransportParameters;

use super::answers::Answers;

/// `disable_active_migration` (RFC 9000 §18.2).
const DISABLE_ACTIVE_MIGRATION: u64 = 0x0c;
/// `active_connection_id_limit` (RFC 9000 §18.2), and its default.
const ACTIVE_CONNECTION_ID_LIMIT: (u64, u64) = (0x0e, 2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parameters {
    forbids_migration: bool,
    id_limit: u64,
}

/// What the server said; empty until its parameters came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer(Arc<OnceLock<Parameters>>);

impl Peer {
    /// True also while nothing is known.
    pub(crate) fn forbids_migration(&self) -> bool {
        self.0.get().is_none_or(|parameters| parameters.forbids_migration)
    }

    /// How many connection IDs the server keeps.
    pub(crate) fn id_limit(&self) -> u64 {
        self.0.get().map_or(ACTIVE_CONNECTION_ID_LIMIT.1, |parameters| parameters.id_limit)
    }

    /// A configuration like `inner` whose one session tells this, and `answers`.
    pub(crate) fn watch(&self, inner: Arc<dyn ClientConfig>, answers: Answers) -> Arc<dyn ClientConfig> {
        Arc::new(WatchedConfig { inner, peer: self.clone(), answers })
    }
}

struct WatchedConfig {
    inner: Arc<dyn ClientConfig>,
    peer: Peer,
    answers: Answers,
}

impl ClientConfig for WatchedConfig {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let inner = self.inner.clone().start_session(version, server_name, params)?;
        Ok(Box::new(WatchedSession { inner, peer: self.peer.clone(), answers: self.answers.clone() }))
    }
}

struct WatchedSession {
    inner: Box<dyn Session>,
    peer: Peer,
    answers: Answers,
}

impl WatchedSession {
    fn watched(&self, keys: KeyPair<Box<dyn PacketKey>>) -> KeyPair<Box<dyn PacketKey>> {
        let watched = |inner| Box::new(WatchedKey { inner, answers: self.answers.clone() });
        KeyPair { local: watched(keys.local), remote: watched(keys.remote) }
    }
}

impl Session for WatchedSession {
    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        let found = self.inner.transport_parameters()?;
        if let Some(parameters) = &found {
            self.peer.0.get_or_init(|| read(parameters));
        }
        Ok(found)
    }

    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        self.inner.initial_keys(dst_cid, side)
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        self.inner.handshake_data()
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        self.inner.peer_identity()
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        self.inner.early_crypto()
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.inner.early_data_accepted()
    }

    fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        self.inner.read_handshake(buf)
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let keys = self.inner.write_handshake(buf)?;
        Some(Keys { header: keys.header, packet: self.watched(keys.packet) })
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        let keys = self.inner.next_1rtt_keys()?;
        Some(self.watched(keys))
    }

    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.inner.is_valid_retry(orig_dst_cid, header, payload)
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        self.inner.export_keying_material(output, label, context)
    }
}

struct WatchedKey {
    inner: Box<dyn PacketKey>,
    answers: Answers,
}

impl PacketKey for WatchedKey {
    fn encrypt(&self, packet: u64, buf: &mut [u8], header_len: usize) {
        // The tag's place is at the end.
        let payload = buf.get(header_len..buf.len().saturating_sub(self.inner.tag_len())).unwrap_or_default();
        self.answers.sends(packet, buf, payload);
        self.inner.encrypt(packet, buf, header_len);
    }

    fn decrypt(&self, packet: u64, header: &[u8], payload: &mut BytesMut) -> Result<(), CryptoError> {
        self.inner.decrypt(packet, header, payload)?;
        self.answers.hears(header, payload);
        Ok(())
    }

    fn tag_len(&self) -> usize {
        self.inner.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.inner.confidentiality_limit()
    }

    fn integrity_limit(&self) -> u64 {
        self.inner.integrity_limit()
    }
}

/// The fields of quinn's structure are private, its wire format (RFC 9000 §18) is not.
fn read(parameters: &TransportParameters) -> Parameters {
    let mut found = Parameters { forbids_migration: false, id_limit: ACTIVE_CONNECTION_ID_LIMIT.1 };
    let mut bytes = Vec::new();
    parameters.write(&mut bytes);
    let mut rest = bytes.as_slice();
    while let (Ok(id), Ok(length)) = (VarInt::decode(&mut rest), VarInt::decode(&mut rest)) {
        let Some((mut value, next)) =
            usize::try_from(length.into_inner()).ok().and_then(|at| rest.split_at_checked(at))
        else {
            break;
        };
        rest = next;
        if id.into_inner() == DISABLE_ACTIVE_MIGRATION {
            found.forbids_migration = true;
        } else if id.into_inner() == ACTIVE_CONNECTION_ID_LIMIT.0
            && let Ok(limit) = VarInt::decode(&mut value)
        {
            found.id_limit = limit.into_inner();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_between_others() {
        for (bytes, forbids_migration, id_limit) in [
            (&[0x04u8, 2, 0x40, 0x80, 0x0c, 0, 0x0e, 1, 4][..], true, 4),
            (&[0x04, 2, 0x4c, 0x0c, 0x0e, 1, 8][..], false, 8),
            (&[][..], false, 2),
        ] {
            let parameters = TransportParameters::read(Side::Client, &mut &bytes[..]).unwrap();
            assert_eq!(read(&parameters), Parameters { forbids_migration, id_limit }, "{bytes:?}");
        }
    }
}

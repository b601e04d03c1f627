//! How QUIC is set up at both ends.

use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, EndpointConfig, IdleTimeout, ServerConfig, TransportConfig};
use quinn_proto::HashedConnectionIdGenerator;
use ring::hmac;

use crate::ConstantRate;

/// A connection without a packet for that long is dead.
const IDLE: Duration = Duration::from_secs(30);
/// So that one that lives is not taken for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// UDP payload of the first packets on every path, bytes: what QUIC works with everywhere (RFC 9000 §14), and a Sphinx packet fits.
const FIRST_PACKETS: u16 = 1200;
/// Streams that a client has open: that for pulls, and some for states.
const STREAMS: u32 = 4;
/// What a client's requests may take, bytes: they are small.
const REQUESTS: u32 = 4096;
/// Answers that wait for a client, bytes.
const ANSWERS: u64 = 256 * 1024;
/// Datagrams that wait for a task, bytes. Beyond that the oldest are dropped.
const DATAGRAMS: usize = 64 * 1024;

/// A client's setup for plain quinn.
///
/// # Errors
/// If the TLS settings lack the cipher suite of QUIC's initial packets.
pub fn client_quic(tls: rustls::ClientConfig) -> Result<ClientConfig, NoInitialCipherSuite> {
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    let mut transport = common();
    transport
        .max_concurrent_bidi_streams(0u8.into())
        .datagram_send_buffer_size(DATAGRAMS)
        .congestion_controller_factory(Arc::new(ConstantRate));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// A provider's setup. Clients may migrate: they hop from address to address.
pub(crate) fn server_quic(tls: rustls::ServerConfig) -> Result<ServerConfig, NoInitialCipherSuite> {
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    let mut transport = common();
    transport
        .max_concurrent_bidi_streams(STREAMS.into())
        .stream_receive_window(REQUESTS.into())
        .receive_window((STREAMS * REQUESTS).into())
        .send_window(ANSWERS);
    config.migration(true).transport_config(Arc::new(transport));
    Ok(config)
}

/// What recognises connection IDs and signs stateless resets (RFC 9000 §10.3) comes from the identity: so a provider that was
/// restarted tells clients at once that it has forgotten their connections.
pub(crate) fn endpoint(seed: &[u8; 32]) -> EndpointConfig {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, seed);
    let derive = |purpose: &[u8]| hmac::sign(&secret, purpose);
    let reset = hmac::Key::new(hmac::HMAC_SHA256, derive(b"mimiq-access stateless reset").as_ref());
    let ids = derive(b"mimiq-access connection IDs");
    let ids = ids.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
    let mut config = EndpointConfig::new(Arc::new(reset));
    config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)));
    config
}

fn common() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_uni_streams(0u8.into())
        .datagram_receive_buffer_size(Some(DATAGRAMS))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(IdleTimeout::try_from(IDLE).ok())
        .initial_mtu(FIRST_PACKETS);
    transport
}

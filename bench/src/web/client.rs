//! The client's side.

use std::{
    net::{Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
};

use anyhow::Context as _;
use mimiq_agent::sdk::{Agent, Connector, Padding};
use rustls_pki_types::CertificateDer;
use socket2::{Domain, Socket, Type};

use super::agent;

/// The first address of all runs: the number of the run stands at this bit, an address's at 0.
const FIRST: u128 = 0x2001_0db8_0001_0000 << 64;
const RUN: u32 = 48;

/// The run that an address belongs to.
pub(super) fn run_of(address: Ipv6Addr) -> u16 {
    (address.to_bits() >> RUN) as u16
}

/// What a run has.
pub(crate) struct Client {
    /// TLS settings with ALPN `h3`.
    pub(crate) tls: rustls::ClientConfig,
    run: u16,
    directory: tempfile::TempDir,
}

impl Client {
    pub(super) fn new(run: u16, certificate: CertificateDer<'static>) -> anyhow::Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h3".to_vec()];
        Ok(Self { tls, run, directory: tempfile::tempdir()? })
    }

    /// Never the same address twice.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = Ipv6Addr> + Send + 'static {
        let first = FIRST | u128::from(self.run) << RUN;
        (1u32..).map(move |number| Ipv6Addr::from_bits(first | u128::from(number)))
    }

    /// The SDK, with an agent that has a full stock.
    pub(crate) async fn connector(&self) -> anyhow::Result<Connector> {
        let path = self.directory.path().join("agent.sock");
        agent::serve(&path, self.addresses())?;
        Ok(Connector::new(Agent::connect(&path).await?, self.tls.clone(), Padding::Http3)?)
    }
}

/// Any port at an address that is local without being configured.
pub(crate) fn bind(address: Ipv6Addr) -> anyhow::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, None)?;
    socket.set_freebind_v6(true)?;
    socket.bind(&SocketAddr::from((address, 0)).into()).with_context(|| address.to_string())?;
    Ok(socket.into())
}

//! s2n-quic, as it comes. There is no HTTP/3 for it in the registry: a request is a number on a stream, the reply as many bytes.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use s2n_quic::Server;
use s2n_quic::stream::BidirectionalStream;
use tokio::io::AsyncReadExt as _;

use super::server::Identity;

/// Starts it in this process. It asks for ALPN `h3` by default.
pub(crate) fn s2n_server(identity: &Identity) -> SocketAddr {
    let (certificate, key) = (identity.certificate(), identity.key());
    let tls = (certificate.as_path(), key.as_path());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut server = Server::builder().with_tls(tls).unwrap().with_io(address).unwrap().start().unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(async move {
        while let Some(mut connection) = server.accept().await {
            tokio::spawn(async move {
                while let Ok(Some(stream)) = connection.accept_bidirectional_stream().await {
                    tokio::spawn(answer(stream));
                }
            });
        }
    });
    address
}

async fn answer(mut stream: BidirectionalStream) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let size = stream.read_u16().await?;
    stream.send(Bytes::from(vec![b'Z'; size.into()])).await?;
    stream.close().await?;
    Ok(())
}

//! Providers that do not follow the protocol.

use std::net::Ipv4Addr;

use mimiq_directory::{Rates, SigningKey};
use mimiq_sphinx::Geometry;

use super::*;
use crate::{client_quic, client_tls, quic, tls};

const PROVIDER: [u8; 32] = [7; 32];

fn shape() -> Shape {
    let (mu, lambda_p, lambda_l, lambda_d, lambda_m) = (1.0, 1.0, 1.0, 1.0, 1.0);
    let rates = Rates { mu, lambda_p, lambda_l, lambda_d, lambda_m, pull: 1.0, messages_per_pull: 3 };
    Shape::new(Geometry::default(), &rates).unwrap()
}

/// Both ends of a connection, and what keeps them alive.
async fn pair() -> ((Connection, Connection), [quinn::Endpoint; 2]) {
    let server = quic::server_quic(tls::server_tls(&PROVIDER).unwrap()).unwrap();
    let server = quinn::Endpoint::server(server, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let mut client = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let key = SigningKey::from_seed(&PROVIDER).unwrap().public_key();
    client.set_default_client_config(client_quic(client_tls(&[1; 32], &key).unwrap()).unwrap());
    let connecting = client.connect(server.local_addr().unwrap(), "provider").unwrap();
    let accepting = async { server.accept().await.unwrap().await.unwrap() };
    let (connection, accepted) = tokio::join!(connecting, accepting);
    ((connection.unwrap(), accepted), [server, client])
}

async fn hello_answered_with(bytes: &[u8]) -> ClientError {
    let ((connection, accepted), _endpoints) = pair().await;
    let serve = async {
        let (mut send, _receive) = accepted.accept_bi().await.unwrap();
        send.write_all(bytes).await.unwrap();
        send.finish().unwrap();
    };
    tokio::join!(serve, Client::hello(connection, shape(), None)).1.unwrap_err()
}

#[tokio::test]
async fn a_status_is_understood_or_refused() {
    assert!(matches!(hello_answered_with(&[9]).await, ClientError::Malformed(_)));
    assert!(matches!(hello_answered_with(&[]).await, ClientError::Read(_)));
    assert!(matches!(hello_answered_with(&[2]).await, ClientError::Refused(Refusal::Blocked)));
    assert!(matches!(hello_answered_with(&[0]).await, ClientError::Read(_)));
    assert!(matches!(hello_answered_with(&[0, 0, 0, 0, 0]).await, ClientError::Malformed(_)));
    assert!(matches!(hello_answered_with(&[0, 255, 0, 0, 0]).await, ClientError::Malformed(_)));
}

#[tokio::test]
async fn no_answer_makes_a_client_panic_or_wait_for_gigabytes() {
    let ((connection, accepted), _endpoints) = pair().await;
    let serve = async {
        let (mut pulls, _requests) = accepted.accept_bi().await.unwrap();
        pulls.write_all(&frames::welcome(Ok(shape()))).await.unwrap();
        let (mut state, _request) = accepted.accept_bi().await.unwrap();
        state.write_all(&(Envelope::MOST_BYTES as u32 + 1).to_be_bytes()).await.unwrap();
        // All slots have the same number.
        pulls.write_all(&vec![1; shape().answer_len()]).await.unwrap();
        accepted.closed().await;
    };
    let ask = async {
        let client = Client::hello(connection, shape(), None).await.unwrap();
        assert!(matches!(client.state(0).await, Err(ClientError::Malformed(_))));
        assert!(matches!(client.pull(Pull::after(0)).await, Err(ClientError::Malformed(_))));
        assert!(matches!(client.pull(Pull::after(0)).await, Err(ClientError::Broken)));
        client.connection().close(codes::STOPPED.into(), b"");
    };
    tokio::join!(serve, ask);
}

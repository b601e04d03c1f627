//! How a connection begins: whether its client is served, and registered before.

use std::sync::Arc;
use std::time::Duration;

use mimiq_directory::Hex32;
use quinn::{Connection, RecvStream, SendStream};
use tokio::time::timeout;

use crate::AccountId;
use crate::config::Registration;
use crate::connection::{End, read, read_store};
use crate::frames::{self, HELLO, Refusal};
use crate::inbox::Registered;
use crate::server::Shared;
use crate::shape::Shape;

/// How long a client that is refused may take to read why.
const LINGER: Duration = Duration::from_secs(1);

/// The first stream, once it is clear that the client is served, and the shape of its connection.
pub(crate) async fn hello(
    shared: &Arc<Shared>,
    connection: &Connection,
    account: AccountId,
    key: &[u8; 32],
) -> Result<(SendStream, RecvStream, Shape), End> {
    let (mut send, mut receive) = connection.accept_bi().await.map_err(|_| End::Closed)?;
    let mut hello = [0; HELLO];
    read(&mut receive, &mut hello, "hello").await?.ok_or(End::Malformed("hello"))?;
    let token = frames::parse_hello(&hello)?;
    let admitted = match token {
        Ok(token) => admit(shared, account, key, token.map(|token| token.hash())).await,
        Err(refusal) => Err(refusal),
    };
    let admitted = admitted.map(|()| shared.shape());
    send.write_all(&frames::welcome(admitted)).await.map_err(|_| End::Closed)?;
    let refusal = match admitted {
        Ok(shape) => return Ok((send, receive, shape)),
        Err(refusal) => refusal,
    };
    metrics::counter!("mimiq_provider_connections_refused_total", "reason" => refusal.name()).increment(1);
    let _ = send.finish();
    // Until the client has it, and closes: closed here, the connection might take it along.
    let _ = timeout(LINGER, connection.closed()).await;
    Err(End::Refused)
}

/// Whether an account is served; makes it if it may be made.
async fn admit(shared: &Arc<Shared>, account: AccountId, key: &[u8; 32], token: Option<Hex32>) -> Result<(), Refusal> {
    if shared.blocked.contains(&account) {
        return Err(Refusal::Blocked);
    }
    if read_store(shared, move |store| store.is_registered(account)).await.ok_or(Refusal::Unavailable)? {
        return Ok(());
    }
    let token = match shared.registration {
        Registration::Open => None,
        Registration::Tokens => Some(token.filter(|hash| shared.tokens.contains(hash)).ok_or(Refusal::Token)?),
    };
    match shared.store.register(key, token).await {
        Ok(Registered::New | Registered::Already) => Ok(()),
        Ok(Registered::TokenUsed) => Err(Refusal::Token),
        Err(_) => Err(Refusal::Unavailable),
    }
}

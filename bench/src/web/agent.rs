//! In place of the agent's daemon: a Unix socket that gives away addresses at once, as from a full stock.

use std::{net::Ipv6Addr, path::Path};

use mimiq_api::{
    framing,
    local::{
        AgentMessage, AppRequest, Chosen, Reported, Returned, Taken, agent_message::Message, app_request::Request,
    },
};
use tokio::net::{UnixListener, UnixStream};

/// Serves until the runtime ends.
pub(super) fn serve(path: &Path, mut addresses: impl Iterator<Item = Ipv6Addr> + Send + 'static) -> anyhow::Result<()> {
    let listener = UnixListener::bind(path)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Err(error) = answer(stream, &mut addresses).await {
                eprintln!("agent's socket: {error:#}");
            }
        }
    });
    Ok(())
}

async fn answer(mut stream: UnixStream, addresses: &mut impl Iterator<Item = Ipv6Addr>) -> anyhow::Result<()> {
    while let Some(request) = framing::read::<AppRequest>(&mut stream).await? {
        let message = match request.request {
            Some(Request::Take(_)) => addresses.next().map(|address| {
                let address = address.octets().to_vec();
                Message::Taken(Taken { address, lifetime_ms: 3_600_000, mtu: 1500 })
            }),
            Some(Request::Return(_)) => Some(Message::Returned(Returned {})),
            Some(Request::Choose(_)) => Some(Message::Chosen(Chosen { policy: "per_connection".into() })),
            Some(Request::Report(_)) => Some(Message::Reported(Reported {})),
            Some(Request::GetStatus(_) | Request::Reclaim(_)) | None => None,
        };
        framing::write(&mut stream, &AgentMessage { message }).await?;
    }
    Ok(())
}

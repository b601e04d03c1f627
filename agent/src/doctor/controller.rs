//! Whether the controller answers.

use std::time::Duration;

use mimiq_api::allocation;

use super::Finding;
use crate::config::Config;
use crate::netlink::Netlink;
use crate::session;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Makes a session and closes it. Not if an agent runs here: the controller would send what it pushes to this session.
pub(super) async fn examine(config: &Config, agent: bool) -> Finding {
    const CHECK: &str = "controller";
    if agent {
        return Finding::skipped(CHECK, "an agent runs here and has the session: see its log, or stop it first");
    }
    let attempt = async {
        let client = session::client_config(&config.pki)?;
        let (endpoint, connection) = session::connect(&config.interface, &client, &Netlink::open()?).await?;
        // In TLS 1.3 the client is done before the server has seen the certificate; so something is asked. An empty request is
        // refused, whatever the client's state.
        let asked = async {
            let (mut send, mut receive) = connection.open_bi().await?;
            send.finish()?;
            receive.read_to_end(allocation::MAX_MESSAGE).await?;
            anyhow::Ok(())
        };
        asked.await?;
        anyhow::Ok((endpoint, connection))
    };
    match tokio::time::timeout(TIMEOUT, attempt).await {
        Ok(Ok((endpoint, connection))) => {
            connection.close(quinn::VarInt::from_u32(0), b"");
            // That it is closed should be known at the other end, but need not.
            let _ = tokio::time::timeout(TIMEOUT, endpoint.wait_idle()).await;
            Finding::ok(CHECK, "it answers and takes the certificate")
        }
        Ok(Err(error)) => Finding::problem(
            CHECK,
            format!("{error:#}"),
            "if a certificate is refused see `authority` and `validity`, and ask the operator whether it is revoked",
        ),
        Err(_) => Finding::problem(
            CHECK,
            format!("no answer within {TIMEOUT:?}"),
            "is this the port of a client-facing switch? On a veth: ethtool -K INTERFACE tx off. Else ask the operator",
        ),
    }
}

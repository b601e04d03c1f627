//! One connection to the exit, which hops.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use h3::client::SendRequest;
use h3_quinn::OpenStreams;
use mimiq_masque::Flows;
use tokio::sync::watch;
use tokio::time::timeout;

use super::config::ExitConfig;
use super::error::LinkError;
use crate::policy::PROXY as APPLICATION;
use crate::sdk::{Agent, Connector, Hopping, Padding};

/// For the handshake, an address to start from included.
const PATIENCE: Duration = Duration::from_secs(8);
/// A connection that nobody uses for so long is closed, and its address goes back.
const UNUSED: Duration = Duration::from_secs(60);
/// UDP payload of the first packets, bytes. With the usual 1200 no datagram could carry the packets of a QUIC connection inside, which
/// are as large, until the path has been probed. The exit does the same after each hop.
const FIRST_PACKETS: u16 = 1350;
/// The count of tunnels of a connection that takes none any more.
const RETIRED: usize = usize::MAX;

/// A connection to the exit. Closes when the last tunnel and the pool have let go of it.
pub(crate) struct Link {
    pub(super) hopping: Hopping,
    pub(super) sender: SendRequest<OpenStreams, Bytes>,
    pub(super) flows: Flows,
    tunnels: watch::Sender<usize>,
}

/// A tunnel's share in its connection.
pub(crate) struct Share(Arc<Link>);

impl Link {
    pub(super) async fn open(
        agent: &Path,
        exit: &ExitConfig,
        tls: rustls::ClientConfig,
    ) -> Result<Arc<Self>, LinkError> {
        let opened = async {
            // An own connection to the agent: what one link holds does not depend on another, or on the agent's past.
            let agent = Agent::connect(agent).await?;
            let connector =
                Connector::new(agent, tls, Padding::Http3)?.application(APPLICATION).first_packets(FIRST_PACKETS);
            let hopping = connector.connect(exit.address, &exit.name).await?;
            let connection = hopping.connection().clone();
            let mut builder = h3::client::builder();
            builder.enable_datagram(true).send_grease(false);
            let (mut driver, sender) =
                builder.build::<_, _, Bytes>(h3_quinn::Connection::new(connection.clone())).await?;
            let (tunnels, _) = watch::channel(0);
            let link = Arc::new(Self { hopping, sender, flows: Flows::start(connection), tunnels });
            let weak = Arc::downgrade(&link);
            tokio::spawn(async move {
                let error = std::future::poll_fn(|cx| driver.poll_close(cx)).await;
                tracing::debug!(%error, "a connection to the exit ended");
                if let Some(link) = weak.upgrade() {
                    link.retire();
                }
            });
            Ok(link)
        };
        let link = timeout(PATIENCE, opened).await.unwrap_or(Err(LinkError::Timeout))?;
        metrics::counter!("mimiq_agent_proxy_exit_connections_total").increment(1);
        tokio::spawn(close_unused(Arc::downgrade(&link), link.tunnels.subscribe()));
        Ok(link)
    }

    /// A share for one more tunnel; none if the connection takes no more.
    pub(super) fn share(self: &Arc<Self>) -> Option<Share> {
        let open = self.hopping.connection().close_reason().is_none();
        let counted = self.tunnels.send_if_modified(|count| {
            let counts = open && *count != RETIRED;
            *count += usize::from(counts);
            counts
        });
        counted.then(|| Share(self.clone()))
    }

    /// No more tunnels; those under way go on.
    pub(super) fn retire(&self) {
        self.tunnels.send_replace(RETIRED);
    }

    /// How many tunnels there are.
    pub(super) fn tunnels(&self) -> usize {
        *self.tunnels.borrow()
    }

    fn retire_if_unused(&self) -> bool {
        self.tunnels.send_if_modified(|count| {
            let unused = *count == 0;
            if unused {
                *count = RETIRED;
            }
            unused
        })
    }
}

impl Share {
    pub(super) fn link(&self) -> &Link {
        &self.0
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.tunnels.send_if_modified(|count| {
            let counts = *count != RETIRED && *count > 0;
            *count -= usize::from(counts);
            counts
        });
    }
}

async fn close_unused(link: Weak<Link>, mut tunnels: watch::Receiver<usize>) {
    // Ends with the connection, too.
    while tunnels.wait_for(|count| *count == 0).await.is_ok() {
        if timeout(UNUSED, tunnels.wait_for(|count| *count > 0)).await.is_err() {
            let Some(link) = link.upgrade() else { return };
            if link.retire_if_unused() {
                link.hopping.connection().close(quinn::VarInt::from_u32(0x100), b"");
                return;
            }
        }
    }
}

//! A connection that is opened before it is needed.

use tokio::task::JoinHandle;

use super::super::connector::ConnectError;
use super::super::hopping::Hopping;

/// The next connection, or its handshake. Given up when dropped.
pub(super) struct Standby(JoinHandle<Result<Hopping, ConnectError>>);

impl Standby {
    pub(super) fn open(connecting: impl Future<Output = Result<Hopping, ConnectError>> + Send + 'static) -> Self {
        Self(tokio::spawn(connecting))
    }

    /// The connection, when it is there; none if it failed, or has ended since.
    pub(super) async fn connection(mut self) -> Option<Hopping> {
        let hopping = match (&mut self.0).await {
            Ok(Ok(hopping)) => hopping,
            Ok(Err(error)) => {
                tracing::debug!(%error, "no connection ahead of time");
                return None;
            }
            Err(_) => return None,
        };
        let usable = hopping.connection().close_reason().is_none() && !hopping.has_expired();
        usable.then_some(hopping)
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        self.0.abort();
    }
}

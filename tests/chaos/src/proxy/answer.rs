//! What a controller gets to hear.

use std::future::pending;

use tokio::task::JoinHandle;
use tonic::Status;

pub(super) enum Answer<T> {
    Given(Result<T, Status>),
    /// Not before the controller gives up or the connection ends.
    Never,
}

/// Waits for what a task decides. The task goes on if the controller does not wait.
pub(super) async fn of<T>(task: JoinHandle<Answer<T>>) -> Result<T, Status> {
    match task.await {
        Ok(Answer::Given(result)) => result,
        Ok(Answer::Never) => pending().await,
        Err(error) => Err(Status::internal(error.to_string())),
    }
}

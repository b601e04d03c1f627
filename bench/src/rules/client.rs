//! The controller's own connection, and what the generated client does for the same.

use anyhow::anyhow;
use mimiq_contract::Entry;
use mimiq_controller::p4rt::{Connection, ElectionId, Target};
use mimiq_core::Operation;
use p4runtime::v1::{Update, update::Type};

use super::LISTEN;
use crate::p4rt::{self, Controller, DEVICE};

pub(super) enum Client {
    Own(Box<Connection>),
    Prost(Controller),
}

impl Client {
    pub(super) async fn own() -> anyhow::Result<Self> {
        let target = Target {
            name: "bench".into(),
            uri: format!("http://{LISTEN}"),
            tls: None,
            device_id: DEVICE,
            election_id: ElectionId(1),
            device_config: [].into(),
        };
        Ok(Self::Own(Connection::open(target, 0).await?.into()))
    }

    pub(super) async fn prost() -> anyhow::Result<Self> {
        Ok(Self::Prost(Controller::connect(LISTEN, &[]).await?))
    }

    /// Writes a batch; an error if anything is refused.
    pub(super) async fn write(&mut self, operations: &[Operation]) -> anyhow::Result<()> {
        match self {
            Self::Own(connection) => match connection.writer().write(operations).await?.into_iter().flatten().next() {
                Some((code, message)) => Err(anyhow!("{code:?}: {message}")),
                None => Ok(()),
            },
            Self::Prost(controller) => {
                controller.write(vec![p4rt::request(operations.iter().map(message).collect())]).await
            }
        }
    }

    pub(super) async fn read(&mut self) -> anyhow::Result<Vec<Entry>> {
        match self {
            Self::Own(connection) => Ok(connection.read().await?),
            Self::Prost(controller) => controller.read(0).await,
        }
    }
}

/// The message of an operation.
pub(super) fn message(operation: &Operation) -> Update {
    match operation {
        Operation::Insert(entry) => p4rt::update(Type::Insert, entry.to_p4()),
        Operation::Modify(entry) => p4rt::update(Type::Modify, entry.to_p4()),
        Operation::Delete(key) => p4rt::update(Type::Delete, key.to_p4()),
    }
}

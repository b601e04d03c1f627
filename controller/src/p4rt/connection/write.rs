//! Writes.

use bytes::Bytes;
use mimiq_contract::wire::Update;
use mimiq_core::Operation;
use p4runtime::{
    BytesClient, rpc,
    v1::{Uint128, WriteRequest},
};
use prost::Message as _;
use tokio::time::timeout;
use tonic::{Code, Status};

use super::{CALL, Lost};

/// What became of one update: `None`, or the error with its code and message.
pub type Outcome = Option<(Code, String)>;

/// Bytes of most updates.
const UPDATE: usize = 100;

/// Writes on a connection; several may do so at a time.
#[derive(Clone)]
pub struct Writer {
    device_id: u64,
    election_id: Uint128,
    bytes: BytesClient,
}

impl Writer {
    pub(super) fn new(device_id: u64, election_id: Uint128, bytes: BytesClient) -> Self {
        Self { device_id, election_id, bytes }
    }

    /// Writes a batch without two updates of one entry, as P4Runtime may apply them in any order (§12).
    ///
    /// # Errors
    /// [`Lost::NoDetails`] if nobody knows which updates were applied, and whatever ends the connection.
    pub async fn write(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>, Lost> {
        let request = self.encode(operations);
        self.send(request, operations.len()).await
    }

    /// The bytes of the write of a batch.
    fn encode(&self, operations: &[Operation]) -> Bytes {
        let mut request = Vec::with_capacity(UPDATE * (1 + operations.len()));
        request.extend(self.request().encode_to_vec());
        for operation in operations {
            let update = match operation {
                Operation::Insert(entry) => Update::Insert(*entry),
                Operation::Modify(entry) => Update::Modify(*entry),
                Operation::Delete(key) => Update::Delete(*key),
            };
            update.put(&mut request);
        }
        request.into()
    }

    /// Without updates.
    pub(super) fn request(&self) -> WriteRequest {
        WriteRequest { device_id: self.device_id, election_id: Some(self.election_id), ..Default::default() }
    }

    /// Sends a write of so many updates.
    pub(super) async fn send(&mut self, request: Bytes, count: usize) -> Result<Vec<Outcome>, Lost> {
        match timeout(CALL, self.bytes.write(request)).await.map_err(|_| Lost::Timeout("write"))? {
            Ok(()) => Ok(vec![None; count]),
            Err(status) => outcomes(&status, count).ok_or_else(|| Lost::NoDetails(status.code())),
        }
    }
}

/// §12.3: one p4.v1.Error for each update, the good ones included. Without them, as when the trailer was too large
/// (RESOURCE_EXHAUSTED), nobody knows which were applied.
fn outcomes(status: &Status, count: usize) -> Option<Vec<Outcome>> {
    let details = rpc::Status::decode(status.details()).ok()?.details;
    if details.len() != count {
        return None;
    }
    let outcome = |error: p4runtime::v1::Error| {
        Some((Code::from_i32(error.canonical_code), error.message)).filter(|(code, _)| *code != Code::Ok)
    };
    details.iter().map(|any| p4runtime::v1::Error::decode(any.value.as_slice()).ok().map(outcome)).collect()
}

//! Write requests, read before any lock is taken.

use mimiq_contract::wire::{self, Field, Fields};
use p4runtime::v1::{Update, WriteRequest};
use prost::Message as _;
use tonic::Status;

use crate::{error::ItemError, operation::Operation};

/// Most updates of a Write, or entities of a Read.
pub const MAX_ITEMS: usize = 20_000;

/// A Write whose updates are checked one by one, but not yet against the tables.
#[derive(Debug, Clone)]
pub struct Write {
    /// The request without its updates.
    pub(crate) header: WriteRequest,
    pub(crate) operations: Vec<Result<Operation, ItemError>>,
}

impl From<&WriteRequest> for Write {
    fn from(request: &WriteRequest) -> Self {
        let operations = request.updates.iter().map(Operation::from_p4).collect();
        let WriteRequest { device_id, role_id, ref role, election_id, atomicity, .. } = *request;
        let header =
            WriteRequest { device_id, role_id, role: role.clone(), election_id, atomicity, updates: Vec::new() };
        Self { header, operations }
    }
}

impl Write {
    /// Reads a request's bytes. What is usual goes straight from bytes to operations; the rest through the messages.
    ///
    /// # Errors
    /// INTERNAL if they are no `WriteRequest`, as the generated code says it too; INVALID_ARGUMENT if it has more than
    /// [`MAX_ITEMS`] updates.
    pub fn decode(bytes: &[u8]) -> Result<Self, Status> {
        let (mut header, mut operations, mut count) = (Vec::new(), Vec::new(), 0);
        let mut fields = Fields::updates(bytes);
        for field in &mut fields {
            match field {
                Field::Other(field) => header.extend_from_slice(field),
                Field::Item(_) if count >= MAX_ITEMS => count += 1,
                Field::Item(update) => {
                    count += 1;
                    operations.push(match wire::Update::take(update) {
                        Some(wire::Update::Insert(entry)) => Ok(Operation::Insert(entry, None)),
                        Some(wire::Update::Modify(entry)) => Ok(Operation::Modify(entry, None)),
                        Some(wire::Update::Delete(key)) => Ok(Operation::Delete(key)),
                        None => Operation::from_p4(&Update::decode(update).map_err(malformed)?),
                    });
                }
            }
        }
        if fields.is_complete() {
            check_items("updates", count)?;
            let header = WriteRequest::decode(header.as_slice()).map_err(malformed)?;
            // There is an update whose tag is longer than it need be.
            if header.updates.is_empty() {
                return Ok(Self { header, operations });
            }
        }
        let request = WriteRequest::decode(bytes).map_err(malformed)?;
        check_items("updates", request.updates.len())?;
        Ok(Self::from(&request))
    }
}

pub(crate) fn malformed(error: prost::DecodeError) -> Status {
    Status::internal(error.to_string())
}

pub(crate) fn check_items(field: &str, count: usize) -> Result<(), Status> {
    if count <= MAX_ITEMS {
        return Ok(());
    }
    Err(Status::invalid_argument(format!("{field}: {count} in one request, at most {MAX_ITEMS}")))
}

//! StreamChannels: each is a sender of responses; the arbitration says who hears what.

use std::collections::{HashMap, VecDeque};

use p4runtime::{
    rpc,
    v1::{
        DigestListAckError, MasterArbitrationUpdate, PacketOutError, Role, StreamError, StreamMessageRequest,
        StreamMessageResponse, StreamOtherError, Uint128, stream_error, stream_message_request,
        stream_message_response,
    },
};
use tokio::sync::mpsc;
use tonic::{Code, Status};
use tracing::{info, warn};

use crate::{
    arbitration::{ArbitrationError, Notice, Standing, StreamId},
    device::{Device, election_id},
};

type Response = Result<StreamMessageResponse, Status>;

/// Messages a controller may leave unread before its stream is closed.
pub(crate) const BACKLOG: usize = 128;

/// The device and the streams to its controllers.
pub(crate) struct Shared {
    pub(crate) device: Device,
    streams: HashMap<StreamId, mpsc::Sender<Response>>,
    next: u64,
}

impl Shared {
    pub(crate) fn new(device: Device) -> Self {
        Self { device, streams: HashMap::new(), next: 0 }
    }

    /// A new stream, and what is to be sent on it.
    pub(crate) fn open(&mut self) -> (StreamId, mpsc::Receiver<Response>) {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let id = StreamId(self.next);
        self.next += 1;
        self.streams.insert(id, sender);
        (id, receiver)
    }

    /// Handles a message; `false` if the stream was closed.
    pub(crate) fn receive(&mut self, stream: StreamId, request: StreamMessageRequest) -> bool {
        let result = match request.update {
            Some(stream_message_request::Update::Arbitration(update)) => self.arbitrate(stream, update),
            Some(other) => {
                self.send(stream, Ok(stream_error(other)));
                Ok(())
            }
            None => Err(Status::invalid_argument("update: missing")),
        };
        if let Err(status) = result {
            info!(stream = stream.0, code = ?status.code(), reason = status.message(), "stream closed");
            self.send(stream, Err(status));
            self.close(stream);
        }
        self.streams.contains_key(&stream)
    }

    fn arbitrate(&mut self, stream: StreamId, update: MasterArbitrationUpdate) -> Result<(), Status> {
        self.device.check_id(update.device_id)?;
        let role = update.role.unwrap_or_default();
        if role.id != 0 {
            return Err(Status::invalid_argument(format!("role.id: {}: roles have names, see role.name", role.id)));
        }
        if role.config.is_some() {
            return Err(Status::invalid_argument("role.config: no scheme is agreed on; a role has full access"));
        }
        let id = update.election_id.map(election_id);
        let notices = self.device.arbitration.update(stream, &role.name, id).map_err(arbitration_status)?;
        self.notify(notices);
        Ok(())
    }

    /// Forgets a stream that was closed by either side.
    pub(crate) fn close(&mut self, stream: StreamId) {
        self.streams.remove(&stream);
        let notices = self.device.arbitration.disconnect(stream);
        self.notify(notices);
    }

    /// Ends all streams, so that their connections can close.
    pub(crate) fn close_all(&mut self) {
        self.streams.clear();
    }

    fn notify(&mut self, notices: Vec<Notice>) {
        let mut notices = VecDeque::from(notices);
        while let Some(notice) = notices.pop_front() {
            if notice.standing == Standing::Primary {
                info!(stream = notice.to.0, role = notice.role, election_id = notice.election_id, "primary");
            }
            let message = arbitration_message(self.device.id(), &notice);
            if !self.send(notice.to, Ok(message)) {
                notices.extend(self.device.arbitration.disconnect(notice.to));
            }
        }
    }

    /// A controller that does not read loses its stream: it may not make the switch remember more and more. Returns
    /// whether the stream lives.
    fn send(&mut self, stream: StreamId, response: Response) -> bool {
        let Some(sender) = self.streams.get(&stream) else { return false };
        if sender.try_send(response).is_err() {
            warn!(stream = stream.0, "controller is gone or does not read its stream: closed");
            self.streams.remove(&stream);
            return false;
        }
        true
    }
}

fn arbitration_status(error: ArbitrationError) -> Status {
    let code = match error {
        ArbitrationError::Duplicate(_) | ArbitrationError::RoleName(_) => Code::InvalidArgument,
        ArbitrationError::RoleChanged { .. } => Code::FailedPrecondition,
        ArbitrationError::Roles | ArbitrationError::Streams => Code::ResourceExhausted,
    };
    Status::new(code, error.to_string())
}

fn arbitration_message(device_id: u64, notice: &Notice) -> StreamMessageResponse {
    let (code, message) = match notice.standing {
        Standing::Primary => (Code::Ok, "you are primary"),
        Standing::Backup => (Code::AlreadyExists, "you are backup: another controller is primary"),
        Standing::NoPrimary => (Code::NotFound, "you are backup: there is no primary"),
    };
    let update = MasterArbitrationUpdate {
        device_id,
        role: (!notice.role.is_empty()).then(|| Role { name: notice.role.clone(), ..Role::default() }),
        election_id: notice.election_id.map(|id| Uint128 { high: (id >> 64) as u64, low: id as u64 }),
        status: Some(rpc::Status { code: code as i32, message: message.into(), details: Vec::new() }),
    };
    StreamMessageResponse { update: Some(stream_message_response::Update::Arbitration(update)) }
}

/// The pipeline has neither packet I/O nor digests (§16.6).
fn stream_error(update: stream_message_request::Update) -> StreamMessageResponse {
    use stream_message_request::Update;
    let (message, details) = match update {
        Update::Packet(_) => {
            let details = stream_error::Details::PacketOut(PacketOutError { packet_out: None });
            ("packet: this pipeline has no packet-out", details)
        }
        Update::DigestAck(ack) => {
            let details = stream_error::Details::DigestListAck(DigestListAckError { digest_list_ack: Some(ack) });
            ("digest_ack: this pipeline has no digests", details)
        }
        Update::Other(_) | Update::Arbitration(_) => {
            ("other: unknown message", stream_error::Details::Other(StreamOtherError { other: None }))
        }
    };
    let error = StreamError {
        canonical_code: Code::Unimplemented as i32,
        message: message.into(),
        details: Some(details),
        ..StreamError::default()
    };
    StreamMessageResponse { update: Some(stream_message_response::Update::Error(error)) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mimiq_pipeline::DropCounters;
    use p4runtime::config::v1::P4Info;

    use super::*;
    use crate::{pipeline_config::PipelineConfig, tables::Tables};

    fn arbitration(id: u64) -> StreamMessageRequest {
        let update = MasterArbitrationUpdate {
            device_id: 1,
            election_id: Some(Uint128 { high: 0, low: id }),
            ..MasterArbitrationUpdate::default()
        };
        StreamMessageRequest { update: Some(stream_message_request::Update::Arbitration(update)) }
    }

    #[test]
    fn a_controller_that_does_not_read_loses_its_stream_and_primacy() {
        let (writer, _) = mimiq_pipeline::tables(&mimiq_pipeline::TableSizes::uniform(1));
        let tables = Tables::new(writer, Arc::new(DropCounters::default()), &P4Info::default());
        let mut shared = Shared::new(Device::new(1, PipelineConfig::new(P4Info::default()), tables));
        let (backup, mut backup_inbox) = shared.open();
        let (primary, primary_inbox) = shared.open();
        assert!(shared.receive(backup, arbitration(1)));
        assert!(shared.receive(primary, arbitration(2)));
        while shared.receive(primary, arbitration(2)) {
            assert!(primary_inbox.len() <= BACKLOG);
        }
        assert!(!shared.device.arbitration.is_primary("", 2));
        let mut last = None;
        while let Ok(message) = backup_inbox.try_recv() {
            last = Some(message);
        }
        let Some(Ok(StreamMessageResponse { update: Some(stream_message_response::Update::Arbitration(update)) })) =
            last
        else {
            panic!("{last:?}");
        };
        assert_eq!(update.status.map(|s| s.code), Some(Code::NotFound as i32));
    }
}

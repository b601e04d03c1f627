//! One switch as controllers see it: arbitration, pipeline configuration and tables behind one lock, so that a write is
//! checked against the primary and applied in one step.

use p4runtime::v1::{ForwardingPipelineConfig, ReadRequest, SetForwardingPipelineConfigRequest, Uint128};
use tonic::Status;

use crate::{
    arbitration::Arbitration,
    error::ItemError,
    outcome::Outcome,
    pipeline_config::{Effect, PipelineConfig},
    read,
    request::Write,
    tables::Tables,
};

/// The switch.
pub struct Device {
    id: u64,
    /// Who may write.
    pub arbitration: Arbitration,
    config: PipelineConfig,
    tables: Tables,
}

/// The number of a P4Runtime election ID.
pub(crate) fn election_id(id: Uint128) -> u128 {
    u128::from(id.high) << 64 | u128::from(id.low)
}

impl Device {
    /// A switch that was given no pipeline configuration yet.
    pub fn new(id: u64, config: PipelineConfig, tables: Tables) -> Self {
        Self { id, arbitration: Arbitration::default(), config, tables }
    }

    /// The switch's number.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The tables, to look at.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// # Errors
    /// NOT_FOUND if the request is for another device.
    pub fn check_id(&self, device_id: u64) -> Result<(), Status> {
        if device_id == self.id {
            return Ok(());
        }
        Err(Status::not_found(format!("device_id: {device_id} is not this switch, which is {}", self.id)))
    }

    /// §12: the device and the role must exist, and the caller must be the role's primary.
    fn authorize(&self, device_id: u64, role_id: u64, role: &str, id: Option<Uint128>) -> Result<(), Status> {
        self.check_id(device_id)?;
        if role_id != 0 {
            return Err(Status::invalid_argument(format!("role_id: {role_id}: roles have names, see role")));
        }
        if !self.arbitration.knows_role(role) {
            return Err(Status::not_found("role: no controller has this role"));
        }
        let id = id.map_or(0, election_id);
        if self.arbitration.is_primary(role, id) {
            return Ok(());
        }
        Err(Status::permission_denied(format!("election_id: {id} is not the primary's")))
    }

    /// Applies a batch and publishes it to the data plane; one result an update.
    ///
    /// # Errors
    /// NOT_FOUND, PERMISSION_DENIED or FAILED_PRECONDITION if nothing was tried.
    pub fn write(&mut self, request: impl Into<Write>) -> Result<Vec<Result<(), ItemError>>, Status> {
        let Write { header, operations } = request.into();
        self.authorize(header.device_id, header.role_id, &header.role, header.election_id)?;
        self.check_config()?;
        self.tables.apply(operations, header.atomicity)
    }

    /// Answers a read as of now.
    ///
    /// # Errors
    /// NOT_FOUND or FAILED_PRECONDITION if nothing was tried; errors of single entities are in the outcome.
    pub fn read(&self, request: &ReadRequest) -> Result<Outcome, Status> {
        self.check_id(request.device_id)?;
        self.check_config()?;
        Ok(read::read(&self.tables, &request.entities))
    }

    fn check_config(&self) -> Result<(), Status> {
        if self.config.is_committed() {
            return Ok(());
        }
        Err(Status::failed_precondition("this switch has no forwarding pipeline configuration yet"))
    }

    /// See [`PipelineConfig::set`].
    ///
    /// # Errors
    /// As there, and NOT_FOUND or PERMISSION_DENIED as for writes.
    pub fn set_config(&mut self, request: SetForwardingPipelineConfigRequest) -> Result<(), Status> {
        self.authorize(request.device_id, request.role_id, &request.role, request.election_id)?;
        if self.config.set(request.action, request.config)? == Effect::Clear {
            self.tables.clear();
        }
        Ok(())
    }

    /// See [`PipelineConfig::get`].
    ///
    /// # Errors
    /// As there, and NOT_FOUND if the request is for another device.
    pub fn config(&self, device_id: u64, response_type: i32) -> Result<Option<ForwardingPipelineConfig>, Status> {
        self.check_id(device_id)?;
        self.config.get(response_type)
    }
}

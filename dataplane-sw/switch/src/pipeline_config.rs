//! The forwarding pipeline configuration. The pipeline is fixed: a controller's p4info must be the contract's.

use p4runtime::config::v1::P4Info;
use p4runtime::v1::{
    ForwardingPipelineConfig, get_forwarding_pipeline_config_request::ResponseType,
    set_forwarding_pipeline_config_request::Action as ConfigAction,
};
use tonic::{Code, Status};

use crate::differences::differences;

/// What the caller must do to the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Keep,
    /// Remove all entries and reset all counters.
    Clear,
}

/// The saved and the committed configuration.
#[derive(Debug)]
pub struct PipelineConfig {
    contract: P4Info,
    saved: Option<ForwardingPipelineConfig>,
    committed: Option<ForwardingPipelineConfig>,
}

impl PipelineConfig {
    /// A switch that was given no configuration yet, and accepts `contract` alone.
    pub fn new(contract: P4Info) -> Self {
        Self { contract, saved: None, committed: None }
    }

    /// Whether tables may be read and written.
    pub fn is_committed(&self) -> bool {
        self.committed.is_some()
    }

    /// SetForwardingPipelineConfig. As every accepted configuration is the same pipeline, COMMIT and
    /// RECONCILE_AND_COMMIT keep the entries.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the configuration is missing, not the contract's (the message says what differs) or given
    /// with COMMIT; NOT_FOUND if COMMIT has nothing saved.
    pub fn set(&mut self, action: i32, config: Option<ForwardingPipelineConfig>) -> Result<Effect, Status> {
        let action = ConfigAction::try_from(action).unwrap_or_default();
        if action == ConfigAction::Commit {
            if config.is_some() {
                return Err(Status::invalid_argument("config: must be absent with COMMIT"));
            }
            let saved = self.saved.take();
            let saved = saved.ok_or_else(|| Status::not_found("action: COMMIT without a saved config"))?;
            self.committed = Some(saved);
            return Ok(Effect::Keep);
        }
        if action == ConfigAction::Unspecified {
            return Err(Status::invalid_argument("action: unspecified or unknown"));
        }
        let config = self.verify(config)?;
        match action {
            ConfigAction::VerifyAndSave => self.saved = Some(config),
            ConfigAction::VerifyAndCommit | ConfigAction::ReconcileAndCommit => {
                self.committed = Some(config);
                self.saved = None;
            }
            _ => {}
        }
        Ok(if action == ConfigAction::VerifyAndCommit { Effect::Clear } else { Effect::Keep })
    }

    fn verify(&self, config: Option<ForwardingPipelineConfig>) -> Result<ForwardingPipelineConfig, Status> {
        let config = config.ok_or_else(|| Status::invalid_argument("config: missing"))?;
        let info = config.p4info.as_ref().ok_or_else(|| Status::invalid_argument("config.p4info: missing"))?;
        let mut differences = differences(&self.contract, info);
        if differences.is_empty() {
            return Ok(config);
        }
        let more = differences.len().saturating_sub(5);
        differences.truncate(5);
        let mut message = format!("config.p4info is not this switch's pipeline: {}", differences.join("; "));
        if more > 0 {
            message.push_str(&format!("; and {more} more"));
        }
        Err(Status::new(Code::InvalidArgument, message.chars().take(1_000).collect::<String>()))
    }

    /// GetForwardingPipelineConfig: the committed configuration, `None` before the first.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the response type is unknown.
    pub fn get(&self, response_type: i32) -> Result<Option<ForwardingPipelineConfig>, Status> {
        let kind = ResponseType::try_from(response_type)
            .map_err(|_| Status::invalid_argument(format!("response_type: {response_type} is unknown")))?;
        let Some(config) = &self.committed else { return Ok(None) };
        let p4info = matches!(kind, ResponseType::All | ResponseType::P4infoAndCookie);
        let device = matches!(kind, ResponseType::All | ResponseType::DeviceConfigAndCookie);
        Ok(Some(ForwardingPipelineConfig {
            p4info: if p4info { config.p4info.clone() } else { None },
            p4_device_config: if device { config.p4_device_config.clone() } else { Vec::new() },
            cookie: config.cookie,
        }))
    }
}

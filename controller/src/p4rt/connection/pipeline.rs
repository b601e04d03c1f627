//! The pipeline configuration: the contract's, set unless it is there.

use std::time::Duration;

use mimiq_contract::P4INFO_TEXT;
use p4runtime::{
    config::v1::P4Info,
    v1::{
        ForwardingPipelineConfig, GetForwardingPipelineConfigRequest, SetForwardingPipelineConfigRequest,
        forwarding_pipeline_config::Cookie, get_forwarding_pipeline_config_request::ResponseType,
        set_forwarding_pipeline_config_request::Action,
    },
};
use tokio::time::timeout;
use tonic::Code;

use super::{CALL, Connection, Lost, call, puzzling};

/// How long a switch may take to load a program.
const LOAD: Duration = Duration::from_secs(30);

impl Connection {
    pub(super) async fn set_pipeline(&mut self) -> Result<(), Lost> {
        let (device_id, device_config) = (self.target.device_id, self.target.device_config.to_vec());
        let cookie = cookie(&device_config);
        let request = GetForwardingPipelineConfigRequest { device_id, response_type: ResponseType::CookieOnly as i32 };
        let known = timeout(CALL, self.client.get_forwarding_pipeline_config(request))
            .await
            .map_err(|_| Lost::Timeout("get pipeline config"))?;
        match known {
            Ok(response) => {
                if response.into_inner().config.and_then(|c| c.cookie).is_some_and(|c| c.cookie == cookie) {
                    return Ok(());
                }
            }
            // There is none yet.
            Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::NotFound) => {}
            Err(status) => return Err(call("get pipeline config")(status)),
        }
        let cookie = Some(Cookie { cookie });
        let config = ForwardingPipelineConfig { p4info: Some(p4info()?), p4_device_config: device_config, cookie };
        let request = SetForwardingPipelineConfigRequest {
            device_id,
            election_id: self.writer.request().election_id,
            action: Action::VerifyAndCommit as i32,
            config: Some(config),
            ..Default::default()
        };
        let question = format!("is its device ID {device_id}, and {}", self.target.about_program());
        timeout(LOAD, self.client.set_forwarding_pipeline_config(request))
            .await
            .map_err(|_| Lost::Timeout("set pipeline config"))?
            .map_err(puzzling("set pipeline config", question))?;
        tracing::info!(switch = %self.target.name, "pipeline configuration set");
        Ok(())
    }
}

fn p4info() -> Result<P4Info, p4runtime::TextError> {
    p4runtime::p4info_from_text(P4INFO_TEXT)
}

/// Names what is loaded: FNV-1a of the p4info's text and the compiled program.
fn cookie(device_config: &[u8]) -> u64 {
    (P4INFO_TEXT.bytes().chain(device_config.iter().copied()))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

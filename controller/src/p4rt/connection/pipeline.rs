//! The pipeline configuration: the contract's, set unless it is there.

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

use super::{CALL, Connection, Lost, Target, call};

impl Connection {
    pub(super) async fn set_pipeline(&mut self) -> Result<(), Lost> {
        let Target { device_id, election_id, .. } = self.target;
        let cookie = cookie();
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
        tracing::info!(switch = %self.target.name, "setting the pipeline configuration");
        let config =
            ForwardingPipelineConfig { p4info: Some(p4info()?), cookie: Some(Cookie { cookie }), ..Default::default() };
        let request = SetForwardingPipelineConfigRequest {
            device_id,
            election_id: Some(election_id.into()),
            action: Action::VerifyAndCommit as i32,
            config: Some(config),
            ..Default::default()
        };
        timeout(CALL, self.client.set_forwarding_pipeline_config(request))
            .await
            .map_err(|_| Lost::Timeout("set pipeline config"))?
            .map_err(call("set pipeline config"))?;
        Ok(())
    }
}

fn p4info() -> Result<P4Info, p4runtime::TextError> {
    p4runtime::p4info_from_text(P4INFO_TEXT)
}

/// Names the contract's p4info: FNV-1a of its text.
fn cookie() -> u64 {
    P4INFO_TEXT
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

//! The calls, one by one.

use std::time::Duration;

use futures::stream;
use mimiq_api::admin::{self as api, admin_server, *};
use mimiq_core::Status as CoreStatus;
use tonic::{Request, Response, Status};

use super::{
    Admin,
    doors::Operator,
    network::{aliases, occupancy, pools},
};
use crate::{
    advise::{SAMPLES_NEEDED, SHARE, Timing, advise},
    live::ReloadError,
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl admin_server::Admin for Admin {
    async fn get_status(&self, _: Request<GetStatusRequest>) -> Answer<api::Status> {
        let connected = self.live.service.connections().len();
        let uptime = self.start.elapsed();
        let election_id = self.live.election_id.0;
        Ok(Response::new(self.live.allocator.with(|core, _| {
            let not_ready = core.not_ready();
            api::Status {
                version: env!("CARGO_PKG_VERSION").into(),
                uptime_ms: millis(uptime),
                ready: not_ready.is_empty(),
                not_ready,
                election_id,
                connected_clients: connected as u32,
                switches: core.switches().count() as u32,
                synced_switches: core.switches().filter(|(_, s)| s.status() == CoreStatus::Synced).count() as u32,
                occupancy: Some(occupancy(core.pools().occupancy())),
                alias_epoch_pending: core.epoch_pending(),
            }
        })))
    }

    async fn list_clients(&self, request: Request<ListClientsRequest>) -> Answer<ListClientsResponse> {
        self.clients(request.get_ref()).map(Response::new)
    }

    async fn get_client(&self, request: Request<GetClientRequest>) -> Answer<Client> {
        self.client(&request.get_ref().name).map(Response::new)
    }

    async fn revoke_client(&self, request: Request<RevokeClientRequest>) -> Answer<RevokeClientResponse> {
        let response = self.expel(request.get_ref())?;
        let (operator, client) = (&*Operator::of(&request), &request.get_ref().name);
        let RevokeClientResponse { revoked_addresses, closed_connections } = response;
        tracing::info!(
            operator,
            client,
            revoked_addresses,
            closed_connections,
            "an operator revoked a client's leases"
        );
        Ok(Response::new(response))
    }

    async fn list_leases(&self, request: Request<ListLeasesRequest>) -> Answer<ListLeasesResponse> {
        self.leases(request.get_ref()).map(Response::new)
    }

    async fn revoke_leases(&self, request: Request<RevokeLeasesRequest>) -> Answer<RevokeLeasesResponse> {
        let response = self.revoke(request.get_ref())?;
        let (operator, addresses) = (&*Operator::of(&request), response.revoked_addresses);
        tracing::info!(operator, addresses, "an operator revoked leases");
        Ok(Response::new(response))
    }

    async fn list_pools(&self, _: Request<ListPoolsRequest>) -> Answer<ListPoolsResponse> {
        let configured = self.live.config().await.pools;
        let pools = self.live.allocator.with(|core, now| pools(core, now, &configured));
        Ok(Response::new(ListPoolsResponse { pools }))
    }

    async fn list_switches(&self, _: Request<ListSwitchesRequest>) -> Answer<ListSwitchesResponse> {
        Ok(Response::new(ListSwitchesResponse { switches: self.switches(None) }))
    }

    async fn drain_switch(&self, request: Request<DrainSwitchRequest>) -> Answer<Switch> {
        let switch = self.drain(&request.get_ref().name, true)?;
        tracing::info!(operator = &*Operator::of(&request), switch = switch.name, "an operator drains a switch");
        Ok(Response::new(switch))
    }

    async fn undrain_switch(&self, request: Request<UndrainSwitchRequest>) -> Answer<Switch> {
        let switch = self.drain(&request.get_ref().name, false)?;
        tracing::info!(operator = &*Operator::of(&request), switch = switch.name, "an operator undrains a switch");
        Ok(Response::new(switch))
    }

    async fn list_aliases(&self, _: Request<ListAliasesRequest>) -> Answer<ListAliasesResponse> {
        Ok(Response::new(ListAliasesResponse { aliases: self.live.allocator.with(|core, _| aliases(core)) }))
    }

    type DumpTableStream = stream::Iter<std::vec::IntoIter<Result<DumpTableResponse, Status>>>;

    async fn dump_table(&self, request: Request<DumpTableRequest>) -> Answer<Self::DumpTableStream> {
        let messages: Vec<_> = self.dump(request.get_ref()).await?.into_iter().map(Ok).collect();
        Ok(Response::new(stream::iter(messages)))
    }

    async fn advise(&self, _: Request<AdviseRequest>) -> Answer<Advice> {
        let timing = self.live.config().await.timing;
        let current = Timing { t_ip_max: timing.t_ip.max, t_remove: timing.t_remove, t_sid: timing.t_sid, k: timing.k };
        let seen = self.advisor.histogram();
        let advice = advise(&seen, current);
        let buckets = seen.buckets().map(|(until, packets)| LateBucket { until_ms: millis(until), packets });
        let shown = |timing: Timing| api::Timing {
            t_ip_max_ms: millis(timing.t_ip_max),
            t_remove_ms: millis(timing.t_remove),
            t_sid_ms: millis(timing.t_sid),
            k: timing.k,
        };
        Ok(Response::new(Advice {
            samples: seen.samples(),
            samples_needed: SAMPLES_NEEDED,
            late_packets: seen.packets(),
            last_interval_packets: seen.buckets().last().map_or(0, |(_, packets)| packets),
            buckets: buckets.collect(),
            missed_packets: seen.missed(),
            share: SHARE,
            current: Some(shown(current)),
            proposal: advice.proposal.map(shown),
            reasons: advice.reasons,
        }))
    }

    async fn reload_config(&self, request: Request<ReloadConfigRequest>) -> Answer<ReloadConfigResponse> {
        tracing::info!(operator = &*Operator::of(&request), "an operator has the configuration read again");
        match self.live.reload().await {
            Ok(changes) => Ok(Response::new(ReloadConfigResponse { changes })),
            Err(error) => {
                let mut message = error.to_string();
                let mut source = std::error::Error::source(&error);
                while let Some(cause) = source {
                    message += &format!(": {cause}");
                    source = cause.source();
                }
                Err(match error {
                    ReloadError::Config(_) | ReloadError::Tls(_) => Status::invalid_argument(message),
                    _ => Status::failed_precondition(message),
                })
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

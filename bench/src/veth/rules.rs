//! The switch's entries, written through P4Runtime as the controller would.

use std::net::Ipv6Addr;

use anyhow::Context as _;
use mimiq_contract::{
    Entry, MacAddr, P4INFO_TEXT, PortId, Prefix, Role,
    tables::{
        EgressRoleAction, EgressRoleKey, PortRoleAction, PortRoleKey, RouteV6Action, RouteV6Key, SourceGuardV6Action,
        SourceGuardV6Key,
    },
};
use p4runtime::v1::{
    Entity, ForwardingPipelineConfig, MasterArbitrationUpdate, SetForwardingPipelineConfigRequest,
    StreamMessageRequest, Uint128, Update, WriteRequest, entity, p4_runtime_client::P4RuntimeClient,
    set_forwarding_pipeline_config_request::Action, stream_message_request, update,
};

/// Updates in one request.
const WRITE: usize = 1_000;
/// The device ID of the switch's configuration.
pub(super) const DEVICE: u64 = 1;
const ELECTION: Uint128 = Uint128 { high: 0, low: 1 };

/// What the switch needs to forward from the first port to the second one.
pub(super) fn entries(
    client_mac: MacAddr,
    sources: &[Ipv6Addr],
    src_mac: MacAddr,
    dst_mac: MacAddr,
) -> anyhow::Result<Vec<Entry>> {
    let [client, upstream] = [PortId(1), PortId(2)];
    let roles = [(client, Role::Client), (upstream, Role::Upstream)].into_iter().flat_map(|(port, role)| {
        [
            Entry::PortRole(PortRoleKey { port }, PortRoleAction::SetRole { role }),
            Entry::EgressRole(EgressRoleKey { port }, EgressRoleAction::SetEgressRole { role }),
        ]
    });
    let any = Prefix::new(Ipv6Addr::UNSPECIFIED, 0).context("prefix")?;
    let route = RouteV6Action::Forward { port: upstream, src_mac, dst_mac };
    let guard = |src_addr: &Ipv6Addr| {
        let key = SourceGuardV6Key { port: client, src_mac: client_mac, src_addr: *src_addr };
        Entry::SourceGuardV6(key, SourceGuardV6Action::Permit {})
    };
    let route = Entry::RouteV6(RouteV6Key { dst_addr: any }, route);
    Ok(roles.chain([route]).chain(sources.iter().map(guard)).collect())
}

/// Becomes primary, sets the pipeline, writes the entries.
pub(super) async fn write(address: &str, entries: &[Entry]) -> anyhow::Result<()> {
    let mut client = P4RuntimeClient::connect(format!("http://{address}")).await.context("P4Runtime")?;
    let arbitration = MasterArbitrationUpdate { device_id: DEVICE, election_id: Some(ELECTION), ..Default::default() };
    let hello = StreamMessageRequest { update: Some(stream_message_request::Update::Arbitration(arbitration)) };
    // The stream stays open, and this controller primary, until the sender is dropped.
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    requests.send(hello).await?;
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    let mut answers = client.stream_channel(stream).await.context("StreamChannel")?.into_inner();
    answers.message().await.context("arbitration")?.context("arbitration: the stream ended")?;

    let p4info = p4runtime::p4info_from_text(P4INFO_TEXT)?;
    let config = ForwardingPipelineConfig { p4info: Some(p4info), ..Default::default() };
    client
        .set_forwarding_pipeline_config(SetForwardingPipelineConfigRequest {
            device_id: DEVICE,
            election_id: Some(ELECTION),
            action: Action::VerifyAndCommit.into(),
            config: Some(config),
            ..Default::default()
        })
        .await
        .context("SetForwardingPipelineConfig")?;
    for entries in entries.chunks(WRITE) {
        let insert = |entry: &Entry| Update {
            r#type: update::Type::Insert.into(),
            entity: Some(Entity { entity: Some(entity::Entity::TableEntry(entry.to_p4())) }),
        };
        let updates = entries.iter().map(insert).collect();
        let request = WriteRequest { device_id: DEVICE, election_id: Some(ELECTION), updates, ..Default::default() };
        client.write(request).await.context("Write")?;
    }
    Ok(())
}

//! The limit on ICMP errors: a meter, which no switch limits by itself (P4Runtime §9.3: unconfigured, it is always green).

use mimiq_contract::ids::METER_ICMP_ERROR_METER;
use p4runtime::v1::{Entity, Index, MeterConfig, MeterEntry, ReadRequest, Update, WriteRequest, entity, update};
use prost::Message as _;
use tokio::time::timeout;

use super::{CALL, Connection, Lost, call, write::Outcome};

/// ICMP errors a second, for each switch.
const RATE: i64 = 100;
/// How many may come at once.
const BURST: i64 = 10;

impl Connection {
    /// Sets the limit unless it is there; a refusal by the switch is returned.
    pub(crate) async fn limit_icmp_errors(&mut self) -> Result<Outcome, Lost> {
        if self.read_meter().await?.as_ref().is_some_and(is_right) {
            return Ok(None);
        }
        tracing::info!(switch = %self.target.name, rate = RATE, burst = BURST, "limiting ICMP errors");
        let config = MeterConfig { cir: RATE, pir: RATE, cburst: BURST, pburst: BURST, ..Default::default() };
        let entity = Some(entity(MeterEntry { config: Some(config), ..meter() }));
        let update = Update { r#type: update::Type::Modify as i32, entity };
        let request = WriteRequest { updates: vec![update], ..self.writer.request() };
        Ok(self.writer.send(request.encode_to_vec().into(), 1).await?.into_iter().next().flatten())
    }

    async fn read_meter(&mut self) -> Result<Option<MeterConfig>, Lost> {
        let entities = vec![entity(meter())];
        let request = ReadRequest { device_id: self.target.device_id, entities, ..Default::default() };
        let reading = async {
            let mut responses = self.client.read(request).await.map_err(call("read meter"))?.into_inner();
            let mut found = None;
            while let Some(response) = responses.message().await.map_err(call("read meter"))? {
                found = response.entities.into_iter().find_map(config).or(found);
            }
            Ok(found)
        };
        timeout(CALL, reading).await.map_err(|_| Lost::Timeout("read meter"))?
    }
}

fn meter() -> MeterEntry {
    MeterEntry { meter_id: METER_ICMP_ERROR_METER, index: Some(Index { index: 0 }), ..Default::default() }
}

fn entity(entry: MeterEntry) -> Entity {
    Entity { entity: Some(entity::Entity::MeterEntry(entry)) }
}

fn config(entity: Entity) -> Option<MeterConfig> {
    match entity.entity {
        Some(entity::Entity::MeterEntry(entry)) => entry.config,
        _ => None,
    }
}

/// Switches that keep rates as floating-point numbers may return one less.
fn is_right(found: &MeterConfig) -> bool {
    let rate = |rate: i64| rate.abs_diff(RATE) <= 1;
    rate(found.cir) && rate(found.pir) && found.cburst == BURST && found.pburst == BURST
}

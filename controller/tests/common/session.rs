use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use mimiq_addressing::{EpochPolicy, LeasePolicy};
use mimiq_contract::{Entry, EntryKey, MacAddr, PortId, Role, tables::*};
use mimiq_controller::{
    allocator::Allocator,
    p4rt::{ElectionId, Target},
};
use mimiq_core::{Limits, Rate, Settings, Status, Stored, SwitchId, SwitchSpec};

use super::{eventually, p4::P4, proxy::Proxy};

/// What sessions of these tests keep in a switch.
pub fn always() -> Vec<Entry> {
    let (port, role) = (PortId(1), Role::Fabric);
    let info = SwitchInfoAction::SetSwitchInfo {
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        tunnel_addr: "fd00::1".parse().unwrap(),
        icmp_addr_v6: "fd00::1".parse().unwrap(),
        icmp_addr_v4: [10, 0, 0, 1].into(),
        fabric_mtu: 1540,
    };
    vec![
        Entry::SwitchInfo(SwitchInfoKey {}, info),
        Entry::PortRole(PortRoleKey { port }, PortRoleAction::SetRole { role }),
        Entry::EgressRole(EgressRoleKey { port }, EgressRoleAction::SetEgressRole { role }),
        // Values whose shortest form has fewer bytes than the field.
        gateway(0),
        Entry::RouteV6(
            RouteV6Key { dst_addr: mimiq_contract::Prefix::new("::".parse().unwrap(), 0).unwrap() },
            RouteV6Action::Forward { port, src_mac: MacAddr([0, 0, 0, 0, 0, 2]), dst_mac: MacAddr([0, 0, 0, 0, 1, 0]) },
        ),
    ]
}

/// One of many different entries.
pub fn gateway(n: u16) -> Entry {
    let target_addr = std::net::Ipv6Addr::new(0, 0, 0, 0, 0, 0, 1, n);
    let mac = MacAddr([2, 0, 0, 0, 0, 0]);
    Entry::GatewayV6(GatewayV6Key { role: Role::Client, target_addr }, GatewayV6Action::Answer { mac })
}

pub fn keys(entries: &[Entry]) -> HashSet<EntryKey> {
    entries.iter().map(Entry::key).collect()
}

/// A controller of one switch, without clients: what the switch must always have is changed as an operator would.
pub struct Operator {
    allocator: Arc<Allocator>,
    switch: SwitchId,
    fixed: Mutex<BTreeMap<EntryKey, Entry>>,
}

/// Starts a controller's session with a switch.
pub fn start(switch: &P4, uri: String, program: &Arc<[u8]>, election_id: u64) -> Operator {
    let second = Duration::from_secs(1);
    let rate = Rate { per_second: 1 };
    let settings = Settings {
        pools: Vec::new(),
        epochs: EpochPolicy { t_sid: second, k: 1, aliases_per_sid: 1 },
        leases: LeasePolicy { lifetime_min: second, lifetime_max: second, grace: second, cool_down: second, quota: 1 },
        mtu: 1500,
        limits: Limits { per_client: rate, per_port: rate },
    };
    let target = Target {
        name: "tested".into(),
        uri,
        device_id: switch.device_id,
        election_id: ElectionId(election_id),
        device_config: program.clone(),
    };
    let allocator = Arc::new(Allocator::new(settings, Stored::default()).unwrap());
    let switch = allocator.add_switch(spec(always()), target).unwrap();
    let fixed = always().into_iter().map(|entry| (entry.key(), entry)).collect();
    Operator { allocator, switch, fixed: Mutex::new(fixed) }
}

fn spec(fixed: Vec<Entry>) -> SwitchSpec {
    SwitchSpec { name: "tested".into(), sid: None, edge: false, tunnel_addr: "fd00::1".parse().unwrap(), fixed }
}

impl Operator {
    pub fn is_synced(&self) -> bool {
        self.allocator.with(|core, _| core.switch(self.switch).unwrap().status() == Status::Synced)
    }

    /// Adds entries; says whether the switch has them.
    pub async fn set(&self, entries: Vec<Entry>) -> Result<(), String> {
        self.change(|fixed| fixed.extend(entries.iter().map(|entry| (entry.key(), *entry)))).await
    }

    /// Takes entries away; says whether the switch has none of them.
    pub async fn remove(&self, keys: Vec<EntryKey>) -> bool {
        self.change(|fixed| fixed.retain(|key, _| !keys.contains(key))).await.is_ok()
    }

    async fn change(&self, change: impl FnOnce(&mut BTreeMap<EntryKey, Entry>)) -> Result<(), String> {
        if !self.is_synced() {
            return Err("not available".into());
        }
        let entries: Vec<Entry> = {
            let mut fixed = self.fixed.lock().unwrap();
            change(&mut fixed);
            fixed.values().copied().collect()
        };
        let refused = self.allocator.with(|core, _| {
            core.update_switch(spec(entries)).unwrap();
            core.stats().refused_entries
        });
        let look = || async {
            self.allocator.with(|core, _| {
                let switch = core.switch(self.switch).unwrap();
                (switch.status(), switch.pending(), core.stats().refused_entries)
            })
        };
        let (status, _, now) = eventually("settled", look, |(status, n, _)| *n == 0 || *status == Status::Away).await;
        if status == Status::Synced && now == refused { Ok(()) } else { Err(format!("{status:?}, {now} refused")) }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.allocator.leave_switches();
    }
}

pub async fn in_sync(operator: &Operator) {
    eventually("in sync", || async { operator.is_synced() }, |synced| *synced).await;
}

/// A connection is lost, and the switch does not notice: its controller must get in again all the same.
pub async fn survives_half_open_connections(switch: &P4, program: &Arc<[u8]>) {
    let proxy = Proxy::start(switch.address).await;
    let handle = start(switch, format!("http://{}", proxy.address), program, 7);
    for lost in 1..4 {
        in_sync(&handle).await;
        proxy.cut();
        eventually("lost", || async { handle.is_synced() }, |synced| !synced).await;
        in_sync(&handle).await;
        assert_eq!(proxy.half_open(), lost);
        handle.set(vec![gateway(lost as u16)]).await.unwrap();
    }
    let entries: HashSet<EntryKey> = switch.entries().await.into_keys().collect();
    let expected: Vec<Entry> = always().into_iter().chain((1..4).map(gateway)).collect();
    assert_eq!(entries, keys(&expected));
}

/// Of several controllers the one with the highest election ID has the switch, and the next when it goes.
pub async fn the_higher_election_id_has_the_switch(switch: &P4, program: &Arc<[u8]>) {
    let low = start(switch, switch.uri(), program, 7);
    in_sync(&low).await;
    let same = start(switch, switch.uri(), program, 7);
    let high = start(switch, switch.uri(), program, 9);
    in_sync(&high).await;
    eventually("deposed", || async { low.is_synced() }, |synced| !synced).await;
    high.set(vec![gateway(1)]).await.unwrap();
    assert!(low.set(vec![gateway(2)]).await.is_err() && same.set(vec![gateway(3)]).await.is_err());
    let entries: HashSet<EntryKey> = switch.entries().await.into_keys().collect();
    assert_eq!(entries, keys(&[always(), vec![gateway(1)]].concat()));
}

/// Every update of a large write fails, and each is told so: the entries are there already, or gone already.
pub async fn every_error_of_a_large_write_is_heard(switch: &P4, program: &Arc<[u8]>) {
    use p4runtime::v1::update::Type;

    let handle = start(switch, switch.uri(), program, 7);
    in_sync(&handle).await;
    let many: Vec<Entry> = (1..=250).map(gateway).collect();
    switch.meddle(many.iter().map(|entry| (Type::Insert, entry.to_p4())).collect()).await;
    handle.set(many.clone()).await.unwrap();
    assert_eq!(switch.entries().await.len(), always().len() + many.len());
    switch.meddle(many.iter().map(|entry| (Type::Delete, entry.key().to_p4())).collect()).await;
    assert!(handle.remove(many.iter().map(Entry::key).collect()).await);
    assert!(handle.is_synced(), "the connection was given up");
    assert_eq!(switch.entries().await.len(), always().len());
}

//! The operator's decisions and the network.

use std::{net::Ipv6Addr, time::Duration};

use mimiq_addressing::{AliasCodec, Codec, EpochPolicy, LeasePolicy, NaiveCodec};
use mimiq_contract::{Entry, MacAddr, PortId, Role, tables::*};
use mimiq_core::{Limits, PoolSpec, Rate, Settings, SwitchSpec};
use rand::{Rng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

use crate::world::{COOL_DOWN, GRACE, K, LIFETIME, T_SID};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn spec(n: u16) -> SwitchSpec {
    let edge = n > 3;
    let tunnel_addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n);
    let action = SwitchInfoAction::SetSwitchInfo {
        mac: MacAddr([2, 0, 0, 0, 0, n as u8]),
        tunnel_addr,
        icmp_addr_v6: tunnel_addr,
        icmp_addr_v4: [10, 0, 0, n as u8].into(),
        fabric_mtu: 1540,
    };
    let mut fixed = vec![Entry::SwitchInfo(SwitchInfoKey {}, action)];
    if !edge {
        let role = PortRoleAction::SetRole { role: Role::Client };
        fixed.push(Entry::PortRole(PortRoleKey { port: PortId(1) }, role));
    }
    SwitchSpec { name: format!("s{n}").as_str().into(), sid: (!edge).then_some(n), edge, tunnel_addr, fixed }
}

pub(crate) fn settings(rng: &mut ChaCha8Rng) -> Settings {
    // Few aliases, or few addresses behind each.
    let alias_bits = *[9, 10, 29].choose(rng).unwrap();
    let alias = AliasCodec::new("2001:db8::/96".parse().unwrap(), alias_bits).unwrap();
    let naive = NaiveCodec::new("198.51.100.0/28".parse().unwrap()).unwrap();
    let mut pools = vec![PoolSpec { name: "naive".into(), codec: Codec::Naive(naive) }];
    if rng.random_bool(0.8) {
        pools.push(PoolSpec { name: "alias".into(), codec: Codec::Alias(alias) });
    }
    if rng.random_bool(0.3) {
        let small = NaiveCodec::new("2001:db8:1::/125".parse().unwrap()).unwrap();
        pools.push(PoolSpec { name: "small".into(), codec: Codec::Naive(small) });
    }
    let rate = Rate { per_second: 1000 };
    Settings {
        pools,
        epochs: EpochPolicy { t_sid: ms(T_SID), k: K, aliases_per_sid: 2 },
        leases: LeasePolicy {
            lifetime_min: ms(LIFETIME.0),
            lifetime_max: ms(LIFETIME.1),
            grace: ms(GRACE),
            cool_down: ms(COOL_DOWN),
            quota: 12,
        },
        mtu: 1500,
        limits: Limits { per_client: rate, per_port: rate },
    }
}

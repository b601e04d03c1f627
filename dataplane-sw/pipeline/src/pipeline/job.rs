use std::net::Ipv6Addr;

use mimiq_contract::{DropReason, MacAddr, PortId, Role, tables::*};

use super::{
    Context, Reject, forward,
    ip::{Header, Ip},
};
use crate::{
    Packet, Tables,
    counters::Counters,
    tables::location,
    wire::{ethernet::Ethernet, icmp::IcmpError},
};

/// What a table found: the action and the entry's counters.
type Hit<'t, A> = (A, &'t Counters);

/// An IP packet on its way through lines 4 to 11, with what the large tables say about it. They are looked up for all packets
/// of a batch before any of them is decided, so that the processor waits for several cache misses at a time.
pub(super) struct Job<'t> {
    role: Role,
    /// The Ethernet header it arrived with.
    pub(super) frame: Ethernet,
    pub(super) ip: Ip,
    /// It came in a tunnel, whose header has been stripped.
    decapsulated: bool,
    source_guard: Option<&'t Counters>,
    client: Option<Hit<'t, (PortId, MacAddr)>>,
    /// Of either family: pools of IPv4 are binding pools.
    pool: Option<Hit<'t, PoolV6Action>>,
    tunnel: Option<Hit<'t, Ipv6Addr>>,
}

impl<'t> Job<'t> {
    #[inline]
    pub(super) fn new(role: Role, frame: Ethernet, ip: Ip, decapsulated: bool) -> Self {
        Self { role, frame, ip, decapsulated, source_guard: None, client: None, pool: None, tunnel: None }
    }

    /// Looks up the source where it must be a client's.
    #[inline]
    pub(super) fn look_up_source(&mut self, tables: &'t Tables, port: PortId) {
        if self.role != Role::Client {
            return;
        }
        let at = location(port, self.frame.src);
        self.source_guard = match &self.ip.header {
            Header::V4(ip) => tables.source_guard_v4.find((at, ip.src.to_bits())).map(|slot| &slot.counters),
            Header::V6(ip) => tables.source_guard_v6.find((at, ip.src.to_bits().into())).map(|slot| &slot.counters),
        };
    }

    /// Looks up the destination among the clients of this switch.
    #[inline]
    pub(super) fn look_up_client(&mut self, tables: &'t Tables) {
        self.client = match &self.ip.header {
            Header::V4(ip) => tables.client_v4.find(ip.dst.to_bits()).map(|slot| {
                let ClientV4Action::Deliver { port, mac } = slot.action;
                ((port, mac), &slot.counters)
            }),
            Header::V6(ip) => tables.client_v6.find(ip.dst.to_bits().into()).map(|slot| {
                let ClientV6Action::Deliver { port, mac } = slot.action;
                ((port, mac), &slot.counters)
            }),
        };
    }

    /// Looks up the pool of a destination that is no client of this switch.
    #[inline]
    pub(super) fn look_up_pool(&mut self, tables: &'t Tables) {
        if self.client.is_some() || self.decapsulated {
            return;
        }
        self.pool = match &self.ip.header {
            Header::V4(ip) => tables.pool_v4.find(u128::from(ip.dst.to_bits())).map(|slot| {
                let PoolV4Action::BindingPool {} = slot.action;
                (PoolV6Action::BindingPool {}, &slot.counters)
            }),
            Header::V6(ip) => tables.pool_v6.find(ip.dst.to_bits()).map(|slot| (slot.action, &slot.counters)),
        };
    }

    /// Looks up the tunnel of a destination in a pool.
    #[inline]
    pub(super) fn look_up_tunnel(&mut self, tables: &'t Tables) {
        let Some((pool, _)) = self.pool else { return };
        self.tunnel = match (&self.ip.header, pool) {
            (Header::V4(ip), _) => tables.binding_v4.find(ip.dst.to_bits()).map(|slot| {
                let BindingV4Action::Tunnel { switch_addr } = slot.action;
                (switch_addr, &slot.counters)
            }),
            (Header::V6(ip), PoolV6Action::BindingPool {}) => {
                tables.binding_v6.find(ip.dst.to_bits().into()).map(|slot| {
                    let BindingV6Action::Tunnel { switch_addr } = slot.action;
                    (switch_addr, &slot.counters)
                })
            }
            (Header::V6(ip), PoolV6Action::AliasPool { mask }) => {
                tables.alias.find((ip.dst.to_bits() & mask.to_bits()).into()).map(|slot| {
                    let AliasAction::Tunnel { switch_addr } = slot.action;
                    (switch_addr, &slot.counters)
                })
            }
        };
    }

    /// Decides and edits the packet: the second half of line 4, lines 5 to 11.
    #[inline]
    pub(super) fn run(&self, context: &mut Context<'t>, packet: &mut Packet<'_>) -> Result<PortId, Reject> {
        if self.role == Role::Client {
            context.tally.source_guard.hit(self.source_guard.ok_or(DropReason::SourceGuard)?, packet.len);
        }
        if self.decapsulated && self.client.is_none() {
            return Err(DropReason::ClientMiss.into());
        }
        if self.role == Role::Upstream {
            self.check_denied_source(context, packet.len)?;
        }
        if !self.ip.is_forwardable() {
            return Err(DropReason::NotForwardable.into());
        }
        if self.ip.hop_limit() <= 1 {
            return Err(Reject { reason: DropReason::HopLimit, error: Some(IcmpError::TimeExceeded) });
        }
        if let Some((client, counters)) = self.client {
            context.tally.client.hit(counters, packet.len);
            return forward::deliver(context, packet, &self.ip, client);
        }
        let Some((pool, counters)) = self.pool else {
            return forward::route(context, packet, &self.ip);
        };
        context.tally.pool.hit(counters, packet.len);
        let (switch_addr, counters) = self.tunnel.ok_or(match pool {
            PoolV6Action::AliasPool { .. } => DropReason::AliasMiss,
            PoolV6Action::BindingPool {} => DropReason::BindingMiss,
        })?;
        context.tally.tunnel.hit(counters, packet.len);
        forward::tunnel(context, packet, &self.ip, switch_addr)
    }

    /// Line 6.
    fn check_denied_source(&self, context: &mut Context<'t>, bytes: usize) -> Result<(), DropReason> {
        let tables = context.tables;
        let denied = match &self.ip.header {
            Header::V4(ip) => tables.denied_source_v4.find(u128::from(ip.src.to_bits())).map(|slot| &slot.counters),
            Header::V6(ip) => tables.denied_source_v6.find(ip.src.to_bits()).map(|slot| &slot.counters),
        };
        match denied {
            Some(counters) => {
                context.tally.denied_source.hit(counters, bytes);
                Err(DropReason::DeniedSource)
            }
            None => Ok(()),
        }
    }
}

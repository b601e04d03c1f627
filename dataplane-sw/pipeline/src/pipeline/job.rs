use std::net::Ipv6Addr;

use mimiq_contract::{DropReason, MacAddr, PortId, Role, tables::*};

use super::{
    Context, Reject, forward,
    ingress::Ingress,
    ip::{Header, Ip},
};
use crate::{Packet, Tables, counters::Counters, tables::location, wire::icmp::IcmpError};

/// A client of this switch, from either family's table.
#[derive(Clone, Copy)]
struct Client<'t> {
    port: PortId,
    mac: MacAddr,
    counters: &'t Counters,
}

/// A pool of either family, and the tunnel of an address in it.
#[derive(Clone, Copy)]
struct Pool<'t> {
    counters: &'t Counters,
    /// The address of the switch at its end, which is copied only when it is written: it shares its cache line with the counters.
    tunnel: Option<(&'t Ipv6Addr, &'t Counters)>,
    /// If there is no tunnel.
    miss: DropReason,
}

/// What the large tables say about a packet.
#[derive(Clone, Copy)]
struct Found<'t> {
    source_guard: Option<&'t Counters>,
    client: Option<Client<'t>>,
    pool: Option<Pool<'t>>,
}

/// An IP packet on its way through lines 4 to 11. The large tables are looked up for all packets of a batch before any of them
/// is decided, so that the processor waits for several cache misses at a time.
#[derive(Clone, Copy)]
pub(super) struct Job<'t> {
    /// The frame's length as it arrived.
    pub(super) bytes: usize,
    /// What became of it in the first lines.
    pub(super) ingress: Result<Ingress, DropReason>,
    pub(super) role: Role,
    pub(super) src_mac: MacAddr,
    pub(super) ip: Ip,
    /// It came in a tunnel, whose header has been stripped.
    pub(super) decapsulated: bool,
    found: Found<'t>,
}

impl Job<'_> {
    /// To be filled in. Jobs are filled in field by field where they stay: a copy made right after reads several fields at
    /// once, which the processor cannot take from its store buffer and waits for.
    pub(super) const EMPTY: Self = Self {
        bytes: 0,
        ingress: Err(DropReason::NoRole),
        role: Role::Client,
        src_mac: MacAddr([0; 6]),
        ip: Ip::EMPTY,
        decapsulated: false,
        found: Found { source_guard: None, client: None, pool: None },
    };
}

impl<'t> Job<'t> {
    #[inline]
    pub(super) fn is_forwarded(&self) -> bool {
        matches!(self.ingress, Ok(Ingress::Forward))
    }

    /// Looks up the source where it must be a client's.
    #[inline]
    pub(super) fn look_up_source(&mut self, tables: &'t Tables, port: PortId) {
        self.found.source_guard = None;
        if self.role != Role::Client {
            return;
        }
        let at = location(port, self.src_mac);
        self.found.source_guard = match &self.ip.header {
            Header::V4(ip) => tables.source_guard_v4.find((at, ip.src.into())).map(|slot| &slot.counters),
            Header::V6(ip) => tables.source_guard_v6.find((at, ip.src)).map(|slot| &slot.counters),
        };
    }

    /// Looks up the destination among the clients of this switch.
    #[inline]
    pub(super) fn look_up_client(&mut self, tables: &'t Tables) {
        self.found.client = match &self.ip.header {
            Header::V4(ip) => tables.client_v4.find(ip.dst.into()).map(|slot| {
                let ClientV4Action::Deliver { port, mac } = slot.action;
                Client { port, mac, counters: &slot.counters }
            }),
            Header::V6(ip) => tables.client_v6.find(ip.dst).map(|slot| {
                let ClientV6Action::Deliver { port, mac } = slot.action;
                Client { port, mac, counters: &slot.counters }
            }),
        };
    }

    /// Looks up the pool of a destination that is no client of this switch, and the tunnel.
    #[inline]
    pub(super) fn look_up_pool(&mut self, tables: &'t Tables) {
        self.found.pool = None;
        if self.found.client.is_some() || self.decapsulated {
            return;
        }
        self.found.pool = match &self.ip.header {
            Header::V4(ip) => tables.pool_v4.find(ip.dst.into()).map(|pool| {
                let tunnel = tables.binding_v4.find(ip.dst.into()).map(|slot| {
                    let BindingV4Action::Tunnel { switch_addr } = &slot.action;
                    (switch_addr, &slot.counters)
                });
                Pool { counters: &pool.counters, tunnel, miss: DropReason::BindingMiss }
            }),
            Header::V6(ip) => tables.pool_v6.find(ip.dst).map(|pool| match &pool.action {
                PoolV6Action::AliasPool { mask } => {
                    let tunnel = tables.alias.find(ip.dst & (*mask).into()).map(|slot| {
                        let AliasAction::Tunnel { switch_addr } = &slot.action;
                        (switch_addr, &slot.counters)
                    });
                    Pool { counters: &pool.counters, tunnel, miss: DropReason::AliasMiss }
                }
                PoolV6Action::BindingPool {} => {
                    let tunnel = tables.binding_v6.find(ip.dst).map(|slot| {
                        let BindingV6Action::Tunnel { switch_addr } = &slot.action;
                        (switch_addr, &slot.counters)
                    });
                    Pool { counters: &pool.counters, tunnel, miss: DropReason::BindingMiss }
                }
            }),
        };
    }

    /// Decides and edits the packet: the second half of line 4, lines 5 to 11.
    #[inline]
    pub(super) fn run(&self, context: &mut Context<'t>, packet: &mut Packet<'_>) -> Result<PortId, Reject> {
        if self.role == Role::Client {
            context.tally.source_guard.hit(self.found.source_guard.ok_or(DropReason::SourceGuard)?, packet.len);
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
        if let Some(Client { port, mac, counters }) = self.found.client {
            context.tally.client.hit(counters, packet.len);
            return forward::deliver(context, packet, &self.ip, (port, mac));
        }
        if self.decapsulated {
            return Err(DropReason::ClientMiss.into());
        }
        let Some(pool) = &self.found.pool else {
            return forward::route(context, packet, &self.ip);
        };
        context.tally.pool.hit(pool.counters, packet.len);
        let (switch_addr, counters) = pool.tunnel.ok_or(pool.miss)?;
        context.tally.tunnel.hit(counters, packet.len);
        forward::tunnel(context, packet, &self.ip, (*switch_addr).into())
    }

    /// Line 6.
    fn check_denied_source(&self, context: &mut Context<'_>, bytes: usize) -> Result<(), DropReason> {
        let tables = context.tables;
        let denied = match &self.ip.header {
            Header::V4(ip) => tables.denied_source_v4.find(ip.src.into()).map(|slot| &slot.counters),
            Header::V6(ip) => tables.denied_source_v6.find(ip.src).map(|slot| &slot.counters),
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

use ipnetwork::IpNetwork;
use mimiq_addressing::{self as addressing, PoolId, Time};
use mimiq_api::admin::{
    Lease, LeaseState, ListLeasesRequest, ListLeasesResponse, Location, RevokeLeasesRequest, RevokeLeasesResponse,
};
use mimiq_core::{ClientId, Core};
use tonic::Status;

use super::{
    Admin,
    page::{cursor, invalid, size, token, unknown},
};

/// Leases looked at while the core is locked, and for one page: clients wait meanwhile.
const AT_A_TIME: usize = 10_000;
const FOR_A_PAGE: usize = 500_000;
/// Addresses of one request.
const MOST: usize = 1000;

type Held = addressing::Lease<ClientId, mimiq_core::Location>;

/// What a list is to have.
struct Filter {
    client: Option<ClientId>,
    pool: Option<PoolId>,
    sid: Option<u16>,
    state: LeaseState,
    prefix: Option<IpNetwork>,
}

impl Filter {
    fn of(core: &Core, request: &ListLeasesRequest) -> Result<Self, Status> {
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        let client = given(&request.client)
            .map(|name| core.find_client(&name).ok_or_else(|| unknown("client", name)))
            .transpose()?;
        let pool = given(&request.pool).map(|name| {
            let place = core.settings().pools.iter().position(|pool| pool.name == name);
            place.map(|n| PoolId(n as u16)).ok_or_else(|| unknown("pool", name))
        });
        let sid = given(&request.switch).map(|name| {
            let id = core.switch_named(&name).map_err(|_| unknown("switch", &name))?;
            let sid = core.switch(id).and_then(|switch| switch.sid());
            sid.ok_or_else(|| invalid("switch", name, "has no clients: it is no client-facing switch"))
        });
        let prefix = given(&request.prefix)
            .map(|text| text.parse().map_err(|_| invalid("prefix", text, "is no prefix or address")));
        let state = LeaseState::try_from(request.state).map_err(|_| invalid("state", request.state, "is unknown"))?;
        Ok(Self { client, pool: pool.transpose()?, sid: sid.transpose()?, state, prefix: prefix.transpose()? })
    }

    fn lets_through(&self, lease: &Held) -> bool {
        self.client.is_none_or(|client| lease.client == Some(client))
            && self.pool.is_none_or(|pool| lease.pool == pool)
            && self.sid.is_none_or(|sid| lease.location.sid == sid)
            && (self.state == LeaseState::Unspecified || self.state == state(lease.state))
            && self.prefix.is_none_or(|prefix| prefix.contains(lease.address))
    }
}

fn state(state: addressing::LeaseState) -> LeaseState {
    match state {
        addressing::LeaseState::Leased => LeaseState::Leased,
        addressing::LeaseState::Grace => LeaseState::Grace,
        addressing::LeaseState::Removing => LeaseState::Removing,
        addressing::LeaseState::Cooling => LeaseState::Cooling,
    }
}

/// Where a client is, with the switch's name.
pub(super) fn location(core: &Core, at: mimiq_core::Location) -> Location {
    let switch = core.switches().find(|(_, switch)| switch.sid() == Some(at.sid));
    Location {
        switch: switch.map(|(_, switch)| switch.name().to_string()).unwrap_or_default(),
        sid: at.sid.into(),
        port: at.port.0.into(),
        mac: at.mac.to_string(),
    }
}

fn shown(core: &Core, now: Time, lease: &Held) -> Lease {
    let client = lease.client.and_then(|client| core.client(client));
    let removing = lease.state == addressing::LeaseState::Removing;
    Lease {
        address: lease.address.to_string(),
        pool: core.settings().pools.get(usize::from(lease.pool.0)).map(|pool| pool.name.clone()).unwrap_or_default(),
        state: state(lease.state).into(),
        client: client.map(|client| client.name.to_string()).unwrap_or_default(),
        location: Some(location(core, lease.location)),
        remaining_ms: if removing { 0 } else { lease.deadline.since(now).as_millis() as u64 },
        alias: lease.alias.map(|alias| alias.0),
    }
}

impl Admin {
    pub(super) fn leases(&self, request: &ListLeasesRequest) -> Result<ListLeasesResponse, Status> {
        let size = size(request.page_size)?;
        let key = (&request.client, &request.pool, &request.switch, request.state, &request.prefix);
        let mut at = cursor(&request.page_token, &key)?;
        let (mut leases, mut looked_at) = (Vec::new(), 0);
        while leases.len() < size && looked_at < FOR_A_PAGE {
            let more = self.live.allocator.with(|core, now| {
                let filter = Filter::of(core, request)?;
                let mut seen = 0;
                for (cursor, lease) in core.pools().leases_after(at).take(AT_A_TIME) {
                    (at, seen) = (cursor, seen + 1);
                    if filter.lets_through(&lease) {
                        leases.push(shown(core, now, &lease));
                        if leases.len() == size {
                            return Ok::<_, Status>(true);
                        }
                    }
                }
                looked_at += seen;
                Ok(seen == AT_A_TIME)
            })?;
            if !more {
                return Ok(ListLeasesResponse { leases, next_page_token: String::new() });
            }
        }
        Ok(ListLeasesResponse { leases, next_page_token: token(at, &key) })
    }

    pub(super) fn revoke(&self, request: &RevokeLeasesRequest) -> Result<RevokeLeasesResponse, Status> {
        if !(1..=MOST).contains(&request.addresses.len()) {
            return Err(invalid("addresses", request.addresses.len(), format!("must be 1 to {MOST} of them")));
        }
        let parse = |text: &String| text.parse().map_err(|_| invalid("addresses", text, "is no address"));
        let addresses = request.addresses.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        Ok(self.live.allocator.with(|core, now| {
            let is_leased = |address: &std::net::IpAddr| {
                core.pools().get(*address).is_some_and(|lease| lease.state == addressing::LeaseState::Leased)
            };
            let (leased, others): (Vec<_>, Vec<_>) = addresses.into_iter().partition(is_leased);
            RevokeLeasesResponse {
                revoked_addresses: core.revoke(now, &leased) as u32,
                not_leased: others.iter().map(ToString::to_string).collect(),
            }
        }))
    }
}

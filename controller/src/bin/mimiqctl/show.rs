//! Answers for people. Addresses of clients are shown: that is what an operator asks for.

use std::io::Write;

use mimiq_api::admin::*;

use crate::output::{Table, count, duration, or_dash};

type Shown = anyhow::Result<()>;

pub(crate) fn status(out: &mut impl Write, status: &Status) -> Shown {
    let ready = if status.ready { "yes" } else { "no" };
    writeln!(out, "ready              {ready}")?;
    for reason in &status.not_ready {
        writeln!(out, "                   {reason}")?;
    }
    writeln!(out, "version            {}", status.version)?;
    writeln!(out, "uptime             {}", duration(status.uptime_ms))?;
    writeln!(out, "election ID        {}", status.election_id)?;
    writeln!(out, "clients connected  {}", status.connected_clients)?;
    writeln!(out, "switches in sync   {} of {}", status.synced_switches, status.switches)?;
    writeln!(out, "addresses          {}", occupancy(status.occupancy.as_ref()))?;
    let pending = if status.alias_epoch_pending { "wait for an edge switch or the state file" } else { "in use" };
    writeln!(out, "newest aliases     {pending}")?;
    Ok(())
}

fn occupancy(occupancy: Option<&Occupancy>) -> String {
    let Occupancy { leased, grace, removing, cooling } = occupancy.copied().unwrap_or_default();
    format!("{leased} leased, {grace} in grace, {removing} removing, {cooling} cooling")
}

fn location(location: Option<&Location>) -> [String; 3] {
    match location {
        Some(Location { switch, sid, port, mac }) => {
            let switch = if switch.is_empty() { format!("SID {sid}") } else { switch.clone() };
            [switch, port.to_string(), mac.clone()]
        }
        None => ["-", "-", "-"].map(str::to_owned),
    }
}

pub(crate) fn client_table() -> Table {
    Table::new(["NAME", "CONNECTIONS", "ADDRESSES", "SWITCH", "PORT", "MAC"])
}

pub(crate) fn client_row(client: &Client) -> [String; 6] {
    let [switch, port, mac] = location(client.location.as_ref());
    let Client { name, connections, held_addresses, .. } = client;
    [name.clone(), connections.to_string(), held_addresses.to_string(), switch, port, mac]
}

pub(crate) fn client(out: &mut impl Write, client: &Client) -> Shown {
    let [switch, port, mac] = location(client.location.as_ref());
    writeln!(out, "name         {}", client.name)?;
    writeln!(out, "switch       {switch}")?;
    writeln!(out, "port         {port}")?;
    writeln!(out, "MAC          {mac}")?;
    writeln!(out, "connections  {}", client.connections)?;
    writeln!(out, "addresses    {} held, {} of them leased", client.held_addresses, client.leased_addresses.len())?;
    for address in &client.leased_addresses {
        writeln!(out, "             {address}")?;
    }
    Ok(())
}

pub(crate) fn revoked_client(out: &mut impl Write, revoked: &RevokeClientResponse) -> Shown {
    let RevokeClientResponse { revoked_addresses, closed_connections } = revoked;
    Ok(writeln!(out, "{revoked_addresses} addresses revoked, {closed_connections} connections closed")?)
}

pub(crate) fn lease_table() -> Table {
    Table::new(["ADDRESS", "STATE", "ENDS IN", "CLIENT", "POOL", "SWITCH", "PORT", "MAC"])
}

pub(crate) fn lease(lease: &Lease) -> [String; 8] {
    let [switch, port, mac] = location(lease.location.as_ref());
    let ends = match lease.state() {
        LeaseState::Removing => "-".into(),
        _ => duration(lease.remaining_ms),
    };
    let state = word(lease.state().as_str_name(), "LEASE_STATE_");
    [lease.address.clone(), state, ends, or_dash(&lease.client), lease.pool.clone(), switch, port, mac]
}

/// An enum's value as people write it.
fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase().replace('_', " ")
}

pub(crate) fn revoked_leases(out: &mut impl Write, revoked: &RevokeLeasesResponse) -> Shown {
    writeln!(out, "{} addresses revoked", revoked.revoked_addresses)?;
    for address in &revoked.not_leased {
        writeln!(out, "{address}: is not leased")?;
    }
    anyhow::ensure!(revoked.revoked_addresses > 0, "none of the addresses is leased");
    Ok(())
}

pub(crate) fn pools(out: &mut impl Write, pools: &ListPoolsResponse) -> Shown {
    let mut table = Table::new([
        "NAME",
        "PREFIX",
        "CODEC",
        "ADDRESSES",
        "LEASED",
        "GRACE",
        "REMOVING",
        "COOLING",
        "IN USE",
        "ALIASES",
        "QUARANTINE",
    ]);
    for pool in &pools.pools {
        let Occupancy { leased, grace, removing, cooling } = pool.occupancy.unwrap_or_default();
        let share = (leased + grace + removing + cooling) as f64 / pool.capacity.max(1.0) * 100.0;
        let aliases = if pool.codec == "alias" { pool.aliases.to_string() } else { "-".into() };
        let quarantine = if pool.quarantine_ms == 0 { "-".into() } else { duration(pool.quarantine_ms) };
        table.row([
            pool.name.clone(),
            pool.prefix.clone(),
            pool.codec.clone(),
            count(pool.capacity),
            leased.to_string(),
            grace.to_string(),
            removing.to_string(),
            cooling.to_string(),
            format!("{share:.1}%"),
            aliases,
            quarantine,
        ]);
    }
    table.print(out)
}

pub(crate) fn switches(out: &mut impl Write, switches: &ListSwitchesResponse) -> Shown {
    let head = ["NAME", "ROLE", "SID", "STATE", "DRAIN", "ENTRIES", "LEASED", "PENDING", "P4RUNTIME", "LAST ERROR"];
    let mut table = Table::new(head);
    for switch in &switches.switches {
        let role = match (switch.sid.is_some(), switch.edge) {
            (true, true) => "client-facing, edge",
            (true, false) => "client-facing",
            (false, true) => "edge",
            (false, false) => "-",
        };
        table.row([
            switch.name.clone(),
            role.into(),
            switch.sid.map_or("-".into(), |sid| sid.to_string()),
            word(switch.state().as_str_name(), "SWITCH_STATE_"),
            word(switch.drain_state().as_str_name(), "DRAIN_STATE_"),
            switch.entries.to_string(),
            switch.leases.unwrap_or_default().leased.to_string(),
            switch.pending_writes.to_string(),
            switch.p4runtime.clone(),
            or_dash(&switch.last_error),
        ]);
    }
    table.print(out)
}

pub(crate) fn switch(out: &mut impl Write, switch: &Switch) -> Shown {
    let state = word(switch.drain_state().as_str_name(), "DRAIN_STATE_");
    Ok(writeln!(out, "{}: {state}: {}", switch.name, occupancy(switch.leases.as_ref()))?)
}

pub(crate) fn aliases(out: &mut impl Write, aliases: &ListAliasesResponse) -> Shown {
    let mut table = Table::new(["ALIAS", "STATE", "SID", "SWITCH", "POOL", "PREFIX"]);
    for alias in &aliases.aliases {
        table.row([
            format!("{:#06x}", alias.alias),
            word(alias.state().as_str_name(), "ALIAS_STATE_"),
            alias.sid.to_string(),
            or_dash(&alias.switch),
            alias.pool.clone(),
            alias.prefix.clone(),
        ]);
    }
    table.print(out)
}

pub(crate) fn table_row(row: &TableRow) -> [String; 5] {
    let state = word(row.state().as_str_name(), "STATE_");
    [row.table.clone(), state, or_dash(&row.key), or_dash(&row.actual), or_dash(&row.wanted)]
}

pub(crate) fn reloaded(out: &mut impl Write, reloaded: &ReloadConfigResponse) -> Shown {
    if reloaded.changes.is_empty() {
        writeln!(out, "nothing was changed")?;
    }
    for change in &reloaded.changes {
        writeln!(out, "{change}")?;
    }
    Ok(())
}

pub(crate) fn advice(out: &mut impl Write, advice: &Advice) -> Shown {
    writeln!(out, "samples       {} (at least {} are needed)", advice.samples, advice.samples_needed)?;
    writeln!(out, "late packets  {}", advice.late_packets)?;
    let mut table = Table::new(["LATE BY UP TO", "PACKETS", "SHARE"]);
    let mut so_far = 0;
    for bucket in &advice.buckets {
        so_far += bucket.packets;
        let share = so_far as f64 / advice.late_packets.max(1) as f64 * 100.0;
        table.row([duration(bucket.until_ms), bucket.packets.to_string(), format!("{share:.2}%")]);
    }
    if !advice.buckets.is_empty() {
        writeln!(out)?;
        table.print(out)?;
    }
    let current = advice.current.unwrap_or_default();
    let mut table = Table::new(["", "NOW", "PROPOSED"]);
    let times = |timing: &Timing| {
        [("t_remove", duration(timing.t_remove_ms)), ("t_sid", duration(timing.t_sid_ms)), ("k", timing.k.to_string())]
    };
    let proposed = advice.proposal.as_ref().map(times);
    for (n, (name, now)) in times(&current).into_iter().enumerate() {
        let proposed = proposed.as_ref().map_or("-", |times| &times[n].1);
        table.row([name.into(), now, proposed.into()]);
    }
    writeln!(out)?;
    table.print(out)?;
    if !advice.reasons.is_empty() {
        writeln!(out)?;
    }
    for reason in &advice.reasons {
        writeln!(out, "{reason}")?;
    }
    Ok(())
}

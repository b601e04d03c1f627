use std::io::Write;

use mimiq_controller::pki::{self, Issued, Kind};
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    args::Pki,
    output::{Table, or_dash},
};

pub(crate) fn run(command: Pki, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        Pki::Init { dir } => pki::init(&dir)?,
        Pki::Enrol { dir, name, operator } => {
            pki::enrol(&dir, if operator { Kind::Operator } else { Kind::Client }, &name)?;
        }
        Pki::EnrolSwitch { dir, name } => pki::enrol(&dir, Kind::Switch, &name)?,
        Pki::Revoke { dir, name } => {
            let issued = pki::revoke(&dir, &name)?;
            if json {
                serde_json::to_writer_pretty(&mut *out, &value(&issued)?)?;
                writeln!(out)?;
            } else {
                writeln!(out, "{name}: certificate {} is revoked", issued.serial)?;
                writeln!(out, "It counts when the controller has this crl.pem: mimiqctl config reload")?;
            }
        }
        Pki::List { dir } => list(&pki::list(&dir)?, json, out)?,
    }
    Ok(())
}

fn list(all: &[Issued], json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    if json {
        let certificates = all.iter().map(value).collect::<anyhow::Result<Vec<_>>>()?;
        serde_json::to_writer_pretty(&mut *out, &json!({ "certificates": certificates }))?;
        return Ok(writeln!(out)?);
    }
    let mut table = Table::new(["NAME", "KIND", "STATE", "REVOKED", "SERIAL"]);
    for issued in all {
        let state = if issued.revoked.is_some() { "revoked" } else { "valid" };
        let revoked = or_dash(&time(issued.revoked)?.unwrap_or_default());
        table.row([issued.name.clone(), kind(issued.kind).into(), state.into(), revoked, issued.serial.clone()]);
    }
    table.print(out)
}

fn value(issued: &Issued) -> anyhow::Result<serde_json::Value> {
    Ok(json!({
        "name": issued.name,
        "kind": kind(issued.kind),
        "serial": issued.serial,
        "expires": time(Some(issued.expires))?,
        "revoked": time(issued.revoked)?,
    }))
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Controller => "controller",
        Kind::Client => "client",
        Kind::Operator => "operator",
        Kind::Switch => "switch",
    }
}

fn time(time: Option<OffsetDateTime>) -> anyhow::Result<Option<String>> {
    Ok(time.map(|time| time.format(&Rfc3339)).transpose()?)
}

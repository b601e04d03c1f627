//! The layers, each around the bytes inside it.

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use super::{
    args::Args,
    build::{self, Addrs, Built, Kind, checksum_field, upper_checksum},
    checksum,
    parse::Value,
};
use crate::value;

/// Builds one layer; also says how many of its arguments have no name.
pub(super) fn one(name: &str, args: &mut Args<'_>, inside: Built, addrs: Addrs) -> Result<(Built, usize)> {
    let header = match name {
        "eth" => (ethernet(args, &inside)?, Kind::Other),
        "arp" => (arp(args)?, Kind::Arp),
        "ipv4" => (ipv4(args, &inside)?, Kind::Ipv4),
        "ipv6" => (ipv6(args, &inside)?, Kind::Ipv6),
        "hopopts" => (options(args, &inside)?, Kind::HopByHop),
        "dstopts" => (options(args, &inside)?, Kind::DestinationOptions),
        "fragment" => (fragment(args, &inside)?, Kind::Fragment),
        "udp" => (udp(args, &inside, addrs)?, Kind::Udp),
        "icmp4" => (icmp(args, &inside, None)?, Kind::Icmp4),
        "icmp6" => (icmp(args, &inside, Some(addrs))?, Kind::Icmp6),
        "ns" => (neighbour(135, args, &inside, addrs)?, Kind::Icmp6),
        "na" => (neighbour(136, args, &inside, addrs)?, Kind::Icmp6),
        "opt" => (option(args)?, Kind::Other),
        "relay" => (relay(args)?, Kind::Other),
        "hex" | "text" | "bytes" | "zeros" | "first" | "frame" => {
            let mut bytes = unnamed(name, &args.unnamed())?;
            let count = args.unnamed().len();
            bytes.extend(inside.bytes);
            return Ok((Built { bytes, kind: Kind::Other }, count));
        }
        _ => bail!("no such layer"),
    };
    let (mut bytes, kind) = header;
    bytes.extend(inside.bytes);
    Ok((Built { bytes, kind }, 0))
}

/// Layers whose arguments have no names.
fn unnamed(name: &str, args: &[&Value]) -> Result<Vec<u8>> {
    let count = |word: &str| -> Result<usize> {
        let count = usize::try_from(value::number(word)?)?;
        ensure!(count <= 65_535, "{count} bytes are more than a frame has");
        Ok(count)
    };
    Ok(match (name, args) {
        ("hex", [Value::Word(word)]) => value::hex(word)?,
        ("hex", []) => Vec::new(),
        ("text", [Value::Text(text)]) => text.clone().into_bytes(),
        ("bytes", [Value::Word(word)]) => (0..count(word)?).map(|n| n as u8).collect(),
        ("zeros", [Value::Word(word)]) => vec![0; count(word)?],
        ("frame", [Value::Frame(layers)]) => build::frame(layers)?,
        ("first", [Value::Word(word), Value::Frame(layers)]) => {
            let (count, mut bytes) = (count(word)?, build::frame(layers)?);
            ensure!(count <= bytes.len(), "the frame has only {} bytes, not {count}", bytes.len());
            bytes.truncate(count);
            bytes
        }
        ("hex", _) => bail!("hexadecimal digits are expected"),
        ("text", _) => bail!("a text in \"quotes\" is expected"),
        ("frame", _) => bail!("a frame is expected"),
        ("first", _) => bail!("a number of bytes and a frame are expected"),
        _ => bail!("a number of bytes is expected"),
    })
}

fn ethernet(args: &mut Args<'_>, inside: &Built) -> Result<Vec<u8>> {
    let (dst, src) = (args.mac("dst")?, args.mac("src")?);
    let known = inside.kind.ether_type();
    let ether_type = args.number("type", 16, known.map(u64::from)).context("what follows has no known type")? as u16;
    Ok([&dst.0[..], &src.0, &ether_type.to_be_bytes()].concat())
}

fn arp(args: &mut Args<'_>) -> Result<Vec<u8>> {
    let operation = match args.word("op") {
        Some("request") => 1,
        Some("reply") => 2,
        _ => args.number("op", 16, None)?,
    };
    let word = |n: u64| (n as u16).to_be_bytes();
    let (hardware, protocol) = (args.number("htype", 16, 1)?, args.number("ptype", 16, 0x0800)?);
    let lengths = [args.number("hlen", 8, 6)? as u8, args.number("plen", 8, 4)? as u8];
    let sender = (args.mac("sender_mac")?, args.v4("sender_ip")?);
    let target_mac = if args.word("target_mac").is_some() { args.mac("target_mac")?.0 } else { [0; 6] };
    let mut out = [word(hardware), word(protocol), lengths, word(operation)].concat();
    out.extend([&sender.0.0[..], &sender.1.octets(), &target_mac, &args.v4("target_ip")?.octets()].concat());
    Ok(out)
}

fn protocol(name: &'static str, args: &mut Args<'_>, inside: &Built) -> Result<u8> {
    let known = inside.kind.protocol().map(u64::from);
    Ok(args.number(name, 8, known).context("what follows has no known number")? as u8)
}

fn ipv4(args: &mut Args<'_>, inside: &Built) -> Result<Vec<u8>> {
    let options = args.hex("options", &[])?;
    ensure!(options.len() % 4 == 0 && options.len() <= 40, "options: {} bytes, not 4, 8 ... 40", options.len());
    let own = 20 + options.len();
    let len = args.number("len", 16, (own + inside.bytes.len()) as u64).context("len")?;
    let (version, ihl) = (args.number("version", 4, 4)?, args.number("ihl", 4, own as u64 / 4)?);
    let (df, mf) = (args.number("df", 1, 0)?, args.number("mf", 1, 0)?);
    let (evil, offset) = (args.number("evil", 1, 0)?, args.number("offset", 13, 0)?);
    let fragment = (evil << 15 | df << 14 | mf << 13 | offset) as u16;
    let mut out = vec![(version << 4 | ihl) as u8, args.number("tos", 8, 0)? as u8];
    out.extend((len as u16).to_be_bytes());
    out.extend((args.number("id", 16, 0)? as u16).to_be_bytes());
    out.extend(fragment.to_be_bytes());
    out.extend([args.number("ttl", 8, 64)? as u8, protocol("proto", args, inside)?, 0, 0]);
    out.extend(args.v4("src")?.octets());
    out.extend(args.v4("dst")?.octets());
    out.extend(options);
    let checksum = checksum_field(args, || Ok(checksum::of(&out)))?;
    out[10..12].copy_from_slice(&checksum.to_be_bytes());
    Ok(out)
}

fn ipv6(args: &mut Args<'_>, inside: &Built) -> Result<Vec<u8>> {
    let len = args.number("len", 16, inside.bytes.len() as u64)?;
    let first = args.number("version", 4, 6)? << 28 | args.number("tc", 8, 0)? << 20 | args.number("flow", 20, 0)?;
    let mut out = (first as u32).to_be_bytes().to_vec();
    out.extend((len as u16).to_be_bytes());
    out.extend([protocol("next", args, inside)?, args.number("hop", 8, 64)? as u8]);
    out.extend(args.v6("src")?.octets());
    out.extend(args.v6("dst")?.octets());
    Ok(out)
}

/// Hop-by-hop or destination options (RFC 8200 §4.2); by default a PadN of 6 bytes.
fn options(args: &mut Args<'_>, inside: &Built) -> Result<Vec<u8>> {
    let options = args.hex("options", &[1, 4, 0, 0, 0, 0])?;
    ensure!(options.len() % 8 == 6, "options: {} bytes, not 6, 14, 22 ...", options.len());
    let units = args.number("len", 8, (options.len() / 8) as u64)? as u8;
    Ok([&[protocol("next", args, inside)?, units][..], &options].concat())
}

fn fragment(args: &mut Args<'_>, inside: &Built) -> Result<Vec<u8>> {
    let (offset, more) = (args.number("offset", 13, 0)?, args.number("more", 1, 0)?);
    let mut out = vec![protocol("next", args, inside)?, args.number("reserved", 8, 0)? as u8];
    out.extend(((offset << 3 | more) as u16).to_be_bytes());
    out.extend((args.number("id", 32, 1)? as u32).to_be_bytes());
    Ok(out)
}

fn udp(args: &mut Args<'_>, inside: &Built, addrs: Addrs) -> Result<Vec<u8>> {
    let len = args.number("len", 16, 8 + inside.bytes.len() as u64)?;
    let mut out = Vec::new();
    for field in [args.number("sport", 16, None)?, args.number("dport", 16, None)?, len, 0] {
        out.extend((field as u16).to_be_bytes());
    }
    let checksum = checksum_field(args, || {
        // Zero stands for none.
        let checksum = upper_checksum(addrs, 17, &[&out[..], &inside.bytes].concat())?;
        Ok(if checksum == 0 { 0xffff } else { checksum })
    })?;
    out[6..8].copy_from_slice(&checksum.to_be_bytes());
    Ok(out)
}

/// `addrs` is for ICMPv6, whose checksum is behind a pseudo-header.
fn icmp(args: &mut Args<'_>, inside: &Built, addrs: Option<Addrs>) -> Result<Vec<u8>> {
    let mut out = vec![args.number("type", 8, None)? as u8, args.number("code", 8, 0)? as u8, 0, 0];
    out.extend((args.number("rest", 32, 0)? as u32).to_be_bytes());
    finish_icmp(args, out, inside, addrs)
}

fn finish_icmp(args: &mut Args<'_>, mut out: Vec<u8>, inside: &Built, addrs: Option<Addrs>) -> Result<Vec<u8>> {
    let all = [&out[..], &inside.bytes].concat();
    let checksum = checksum_field(args, || match addrs {
        Some(addrs) => upper_checksum(addrs, 58, &all),
        None => Ok(checksum::of(&all)),
    })?;
    out[2..4].copy_from_slice(&checksum.to_be_bytes());
    Ok(out)
}

/// A neighbour solicitation or advertisement (RFC 4861 §4.3, §4.4).
fn neighbour(kind: u8, args: &mut Args<'_>, inside: &Built, addrs: Addrs) -> Result<Vec<u8>> {
    let mut out = vec![kind, args.number("code", 8, 0)? as u8, 0, 0];
    let mut flags = 0;
    if kind == 136 {
        for (bit, flag) in [(31, "router"), (30, "solicited"), (29, "override")] {
            flags |= args.number(flag, 1, 0)? << bit;
        }
    }
    out.extend((flags as u32).to_be_bytes());
    out.extend(args.v6("target")?.octets());
    finish_icmp(args, out, inside, Some(addrs))
}

/// An option of a neighbour message: its type with a link-layer address, or with other bytes.
fn option(args: &mut Args<'_>) -> Result<Vec<u8>> {
    let kind = args.number("type", 8, None)? as u8;
    let data = match args.word("mac") {
        Some(_) => args.mac("mac")?.0.to_vec(),
        None => args.hex("data", &[])?,
    };
    let units = (data.len() + 2).div_ceil(8) as u64;
    Ok([&[kind, args.number("len", 8, units)? as u8][..], &data].concat())
}

/// The relay header of mimiq.
fn relay(args: &mut Args<'_>) -> Result<Vec<u8>> {
    let kind = match args.word("type") {
        Some("from_client") => 1,
        Some("to_client") => 2,
        Some(_) => args.number("type", 8, None)?,
        None => return Err(anyhow!("type is missing (from_client, to_client or a number)")),
    };
    let mut out = vec![args.number("version", 8, 1)? as u8, kind as u8];
    for field in [args.number("sid", 16, None)?, args.number("port", 16, None)?, args.number("reserved", 16, 0)?] {
        out.extend((field as u16).to_be_bytes());
    }
    Ok(out)
}

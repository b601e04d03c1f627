use std::net::IpAddr;

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use super::{
    args::Args,
    checksum, layers,
    parse::{Layer, Value},
};
use crate::value;

/// What the first layer of some bytes is: it decides the type field in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Arp,
    Ipv4,
    Ipv6,
    HopByHop,
    DestinationOptions,
    Fragment,
    Udp,
    Icmp4,
    Icmp6,
    Nothing,
    Other,
}

impl Kind {
    /// Protocol or next header number.
    pub(super) fn protocol(self) -> Option<u8> {
        Some(match self {
            Self::HopByHop => 0,
            Self::Icmp4 => 1,
            Self::Ipv4 => 4,
            Self::Udp => 17,
            Self::Ipv6 => 41,
            Self::Fragment => 44,
            Self::Icmp6 => 58,
            Self::Nothing => 59,
            Self::DestinationOptions => 60,
            Self::Arp | Self::Other => return None,
        })
    }

    pub(super) fn ether_type(self) -> Option<u16> {
        match self {
            Self::Arp => Some(0x0806),
            Self::Ipv4 => Some(0x0800),
            Self::Ipv6 => Some(0x86dd),
            _ => None,
        }
    }
}

/// Bytes, and what they begin with.
pub(super) struct Built {
    pub(super) bytes: Vec<u8>,
    pub(super) kind: Kind,
}

/// Source and destination of the IP header in front, for checksums.
pub(super) type Addrs = Option<(IpAddr, IpAddr)>;

/// Layers that say what becomes of the whole frame: they stand at its end.
const ENDINGS: [&str; 2] = ["pad", "cut"];

/// Builds a frame.
pub(super) fn frame(all: &[Layer]) -> Result<Vec<u8>> {
    let end = all.iter().position(|layer| ENDINGS.contains(&layer.name.as_str())).unwrap_or(all.len());
    let (inside, endings) = all.split_at(end);
    let mut bytes = self::layers(inside, None)?.bytes;
    for ending in endings {
        let args = Args::new(ending);
        let number = match args.unnamed()[..] {
            [Value::Word(word)] => value::number(word),
            _ => Err(anyhow!("a number of bytes is expected")),
        };
        let number = number.and_then(|n| Ok(usize::try_from(n)?)).with_context(|| format!("layer {}", ending.name))?;
        match ending.name.as_str() {
            // A pattern of its own, so that it is seen where it has gone.
            "pad" => bytes.extend((0..number).map(|n| 0xa0 | (n & 0xf) as u8)),
            "cut" => {
                ensure!(number <= bytes.len(), "layer cut: the frame has only {} bytes, not {number}", bytes.len());
                bytes.truncate(number);
            }
            other => bail!("layer {other}: nothing but pad and cut may follow pad and cut"),
        }
        args.finish(1)?;
    }
    Ok(bytes)
}

/// Builds layers, each around those that follow.
pub(super) fn layers(all: &[Layer], addrs: Addrs) -> Result<Built> {
    let Some((layer, rest)) = all.split_first() else { return Ok(Built { bytes: Vec::new(), kind: Kind::Nothing }) };
    let mut args = Args::new(layer);
    let context = || format!("layer {}", layer.name);
    // Addresses are known in front of what is inside, lengths behind it.
    let addrs_inside = match layer.name.as_str() {
        "ipv4" => Some((args.v4("src").with_context(context)?.into(), args.v4("dst").with_context(context)?.into())),
        "ipv6" => Some((args.v6("src").with_context(context)?.into(), args.v6("dst").with_context(context)?.into())),
        "hopopts" | "dstopts" | "fragment" => addrs,
        _ => None,
    };
    let inside = layers(rest, addrs_inside)?;
    let (built, unnamed) = layers::one(&layer.name, &mut args, inside, addrs).with_context(context)?;
    args.finish(unnamed).with_context(context)?;
    Ok(built)
}

/// A checksum field: as it is given, `bad` for a wrong one, or the right one.
pub(super) fn checksum_field(args: &mut Args<'_>, right: impl Fn() -> Result<u16>) -> Result<u16> {
    match args.word("checksum") {
        None => right(),
        Some("bad") => Ok(right()? ^ 1),
        Some(_) => Ok(args.number("checksum", 16, None)? as u16),
    }
}

/// The checksum of an upper layer whose checksum field is zero.
pub(super) fn upper_checksum(addrs: Addrs, protocol: u8, bytes: &[u8]) -> Result<u16> {
    let addrs = addrs.context("checksum: no IP header is in front, so it must be given")?;
    Ok(checksum::of_upper(addrs, protocol, bytes))
}

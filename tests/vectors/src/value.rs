//! Values of keys and parameters as text, told apart by their width: 128 bits are an IPv6 address, 32 an IPv4 address, 48 a
//! MAC address, 2 a role; others are numbers.

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::{Result, anyhow, bail};
use mimiq_contract::{MacAddr, canonical};

const ROLES: [&str; 3] = ["client", "fabric", "upstream"];

/// The bits of a value that is `width` bits wide.
pub(crate) fn parse(width: i32, text: &str) -> Result<u128> {
    let what = |what: &str| anyhow!("{text:?} is no {what}");
    Ok(match width {
        128 => text.parse::<Ipv6Addr>().map_err(|_| what("IPv6 address"))?.to_bits(),
        32 => text.parse::<Ipv4Addr>().map_err(|_| what("IPv4 address"))?.to_bits().into(),
        48 => mac(text)?.0.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte)),
        2 => match ROLES.iter().position(|role| *role == text) {
            Some(index) => index as u128 + 1,
            None => return Err(what("role (client, fabric, upstream)")),
        },
        _ => {
            let number = number(text)?;
            if number >> width != 0 {
                bail!("{text} does not fit {width} bits");
            }
            number.into()
        }
    })
}

/// The text of a value that is `width` bits wide.
pub(crate) fn print(width: i32, bytes: &[u8]) -> String {
    let bits = bytes.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
    match width {
        128 => Ipv6Addr::from_bits(bits).to_string(),
        32 => Ipv4Addr::from_bits(bits as u32).to_string(),
        48 => {
            let [.., a, b, c, d, e, f] = bits.to_be_bytes();
            MacAddr([a, b, c, d, e, f]).to_string()
        }
        2 if (1..=3).contains(&bits) => ROLES[bits as usize - 1].to_owned(),
        _ => bits.to_string(),
    }
}

/// A MAC address.
pub(crate) fn mac(text: &str) -> Result<MacAddr> {
    text.parse().map_err(|error: String| anyhow!(error))
}

/// A decimal number, or a hexadecimal one with `0x`.
pub(crate) fn number(text: &str) -> Result<u64> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => u64::from_str_radix(digits, 16).ok(),
        None if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    parsed.ok_or_else(|| anyhow!("{text:?} is no number"))
}

/// The bytes of hexadecimal digits, which may be spaced.
pub(crate) fn hex(text: &str) -> Result<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let (pairs, rest) = digits.as_chunks::<2>();
    let byte = |pair: &[u8; 2]| {
        let text = std::str::from_utf8(pair).ok().filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u8::from_str_radix(text, 16).ok()
    };
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|_| rest.is_empty()).ok_or_else(|| anyhow!("{text:?} is no sequence of hexadecimal bytes"))
}

/// The canonical byte string of P4Runtime.
pub(crate) fn bytes(bits: u128) -> Vec<u8> {
    canonical(bits)
}

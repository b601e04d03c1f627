//! Values of single options.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use mimiq_contract::{PortId, wellknown::RELAY_PORT};

use super::Relay;

impl FromStr for Relay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || format!("{text:?} is no SID and address, such as 1@fd00:6d:1::1");
        let (sid, address) = text.split_once('@').ok_or_else(problem)?;
        Ok(Self { sid: sid.parse().map_err(|_| problem())?, address: address.parse().map_err(|_| problem())? })
    }
}

pub(super) fn controller(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse().map(|ip| SocketAddr::new(ip, RELAY_PORT)).or_else(|_| text.parse());
    address.map_err(|_| format!("{text:?} is no address, such as fd00:6d::1 or [fd00:6d::1]:54172"))
}

pub(super) fn ports(text: &str) -> Result<(u16, u16), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.parse().ok().filter(|port| usize::from(*port) < PortId::COUNT);
    match (port(first), port(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        _ => Err(format!("{text:?} is no port or range of ports from 0 to {}", PortId::COUNT - 1)),
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let product = number.parse().ok().zip(milliseconds).and_then(|(n, unit): (u64, u64)| n.checked_mul(unit));
    // A month: far from what the clock cannot say.
    match product {
        Some(milliseconds @ 0..=2_592_000_000) => Ok(Duration::from_millis(milliseconds)),
        _ => Err(format!("{text:?} is no duration of up to 720h, such as 500ms, 10s, 5m")),
    }
}

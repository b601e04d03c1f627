//! Values that YAML has no type for. Their messages say the value; the place is added by the reader.

use std::{
    fmt::{self, Display},
    str::FromStr,
    time::Duration,
};

use mimiq_contract::{MacAddr, Role};
use mimiq_core::Rate;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// Reads a text and what it stands for. The parser runs inside the deserializer's call, which alone knows the field.
fn text<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    struct Text<P>(P);

    impl<T, P: FnOnce(&str) -> Result<T, String>> Visitor<'_> for Text<P> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            self.0(text).map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Text(parse))
}

/// Anything that is written as text: addresses, prefixes.
pub(super) fn parsed<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    text(deserializer, |text| text.parse().map_err(|error| format!("{text:?}: {error}")))
}

pub(super) fn some_parsed<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    parsed(deserializer).map(Some)
}

pub(super) fn all_parsed<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Parsed<T>(T);

    impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Parsed<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            parsed(deserializer).map(Self)
        }
    }

    let all = Vec::<Parsed<T>>::deserialize(deserializer)?;
    Ok(all.into_iter().map(|parsed| parsed.0).collect())
}

/// `30s`, `1500ms`, `10m`, `2h`.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    text(deserializer, |text| {
        parse_duration(text).ok_or_else(|| format!("{text:?} is no duration (a number with ms, s, m or h, like 30s)"))
    })
}

fn parse_duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).map(Duration::from_millis)
}

/// `50/s`.
pub(super) fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
    text(deserializer, |text| {
        parse_rate(text).ok_or_else(|| format!("{text:?} is no rate (a number from 1 to 1000000 with /s, like 50/s)"))
    })
}

fn parse_rate(text: &str) -> Option<Rate> {
    let number = text.strip_suffix("/s").filter(|number| number.bytes().all(|b| b.is_ascii_digit()))?;
    let per_second = number.parse().ok().filter(|n| (1..=1_000_000).contains(n))?;
    Some(Rate { per_second })
}

pub(super) fn mac<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MacAddr, D::Error> {
    text(deserializer, str::parse)
}

pub(super) fn some_mac<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<MacAddr>, D::Error> {
    mac(deserializer).map(Some)
}

pub(super) fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
    text(deserializer, |text| match text {
        "client" => Ok(Role::Client),
        "fabric" => Ok(Role::Fabric),
        "upstream" => Ok(Role::Upstream),
        other => Err(format!("{other:?} is no role (client, fabric, upstream)")),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("1500ms"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2h"), Some(Duration::from_secs(7200)));
        for text in ["", "s", "30", "30 s", "-1s", "1.5s", "1d", "99999999999999999999s", "18446744073709551615h"] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(parse_rate("50/s"), Some(Rate { per_second: 50 }));
        for text in ["", "50", "/s", "0/s", "-1/s", "+1/s", "1.5/s", "50/m", "1000001/s", "99999999999/s"] {
            assert_eq!(parse_rate(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = (parse_duration(&text), parse_rate(&text));
        }
    }
}

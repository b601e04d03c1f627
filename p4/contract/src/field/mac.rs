use std::fmt;

/// An Ethernet address in wire order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct MacAddr(pub [u8; 6]);

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for MacAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || format!("{text:?} is no MAC address (six hexadecimal bytes with colons)");
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            // `from_str_radix` alone would take "+1".
            let digits = |p: &&str| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit());
            let part = parts.next().filter(digits).ok_or_else(error)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| error())?;
        }
        if parts.next().is_some() { Err(error()) } else { Ok(Self(bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_round_trip(bytes in any::<[u8; 6]>()) {
            prop_assert_eq!(MacAddr(bytes).to_string().parse(), Ok(MacAddr(bytes)));
        }

        #[test]
        fn arbitrary_text_is_read_or_refused_with_it(text in "[0-9a-fA-F:+ ü]{0,20}") {
            match text.parse::<MacAddr>() {
                Ok(mac) => prop_assert_eq!(mac.to_string(), text.to_lowercase()),
                Err(error) => prop_assert!(error.starts_with(&format!("{text:?} is no MAC address")), "{}", error),
            }
        }
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in
            ["", "02:00:00:00:00", "02:00:00:00:00:00:00", "2:0:0:0:0:0", "+1:00:00:00:00:00", "02-00-00-00-00-00"]
        {
            assert!(text.parse::<MacAddr>().is_err(), "{text}");
        }
    }
}

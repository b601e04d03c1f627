//! Addresses as text.

use mimiq_messages::{Address, AddressError};
use mimiq_sphinx::KeyError;
use proptest::prelude::*;

use crate::setup::{address, identity};

#[test]
fn an_address_is_readable() {
    let text = address(1).to_string();
    assert!(text.starts_with("AQEBAQEBAQEBAQEBAQEBA"));
    assert_eq!(text.find('@'), Some(64));
    assert!(text.ends_with("@provider-1"));
}

proptest! {
    #[test]
    fn text_leads_back(account: [u8; 16], seed: u64, provider in "[a-z0-9-]{1,32}") {
        let address = Address::new(account, *identity(seed).public_key(), &provider).unwrap();
        let read: Address = address.to_string().parse().unwrap();
        prop_assert_eq!(&read, &address);
        prop_assert_eq!(read.account(), &account);
        prop_assert_eq!(read.provider(), provider);
    }

    #[test]
    fn an_address_has_one_text(text in "[A-Za-z0-9_-]{64}@[a-z]{1,3}") {
        if let Ok(address) = text.parse::<Address>() {
            prop_assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn anything_is_read_or_refused(text: String) {
        let _ = text.parse::<Address>();
    }
}

#[test]
fn errors_name_part_and_value() {
    let good = address(1).to_string();
    let encoded = good.split('@').next().unwrap();
    let read = |text: String| text.parse::<Address>().unwrap_err();
    assert_eq!(read(encoded.to_owned()), AddressError::Separator(encoded.to_owned()));
    for wrong in
        [&encoded[1..], &format!("{encoded}AAAA"), &format!("{}=", &encoded[1..]), &encoded.replace('A', "+"), ""]
    {
        let error = read(format!("{wrong}@provider"));
        assert_eq!(error, AddressError::Encoding(wrong.to_owned()));
        assert!(error.to_string().contains(&format!("{wrong:?}")));
    }
    for wrong in ["", "Provider", "a.b", "a@b", "ä", &"a".repeat(33)] {
        let error = read(format!("{encoded}@{wrong}"));
        assert_eq!(error, AddressError::Provider(wrong.to_owned()));
    }
}

#[test]
fn keys_that_nobody_has_are_refused() {
    // RFC 7748: 0 and 1 are of low order; 2 is on the twist, 9 + p not canonical.
    let mut nine = [0xff; 32];
    (nine[0], nine[31]) = (0xf6, 0x7f);
    for (key, wanted) in
        [(number(1), KeyError::Torsion), (number(2), KeyError::NotOnCurve), (nine, KeyError::NotCanonical)]
    {
        match Address::new([0; 16], key, "p") {
            Err(AddressError::Key { error, .. }) => assert_eq!(error, wanted),
            other => panic!("{other:?}"),
        }
    }
}

fn number(small: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = small;
    bytes
}

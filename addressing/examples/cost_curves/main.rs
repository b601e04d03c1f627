//! What an allocation, a refusal and the end of a lease cost, from 10^3 to 10^7 addresses and from 0 to 100% occupancy;
//! prints lines `name value unit`. An argument bounds the number of addresses.

mod curve;

use std::error::Error;

use curve::Curve;
use mimiq_addressing::{AliasCodec, Codec, NaiveCodec};

/// log2 of the numbers of addresses.
const SIZES: [u8; 5] = [10, 13, 17, 20, 24];
/// log2 of the usable aliases of the SID.
const ALIAS_BITS: u8 = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let most: u64 = std::env::args().nth(1).map_or(Ok(u64::MAX), |most| most.parse())?;
    for bits in SIZES.into_iter().filter(|bits| 1 << bits <= most) {
        let naive = Codec::Naive(NaiveCodec::new(format!("10.0.0.0/{}", 32 - bits).parse()?)?);
        Curve::new("naive", naive, 1)?.run()?;
        // Of 2^32 addresses, those that the SID can use.
        let alias = AliasCodec::new("2001:db8::/96".parse()?, 32 - (bits - ALIAS_BITS))?;
        Curve::new("alias", Codec::Alias(alias), 1 << ALIAS_BITS)?.run()?;
    }
    Ok(())
}

//! What a million live leases take, each of another client: the growth of the resident memory, in lines `name value
//! unit`. An argument says another number of leases.

use std::{error::Error, time::Duration};

use mimiq_addressing::*;
use rand::{SeedableRng, rngs::StdRng};

fn main() -> Result<(), Box<dyn Error>> {
    let leases: u32 = std::env::args().nth(1).map_or(Ok(1_000_000), |leases| leases.parse())?;
    let naive = Codec::Naive(NaiveCodec::new("10.0.0.0/8".parse()?)?);
    let alias = Codec::Alias(AliasCodec::new("2001:db8::/48".parse()?, 16)?);
    // Kept, so that the second does not use the first's memory.
    let mut kept = Vec::new();
    for (name, codec, demand) in [("naive", naive, Demand { v6: 0, v4: 1 }), ("alias", alias, Demand { v6: 1, v4: 0 })]
    {
        let before = resident()?;
        kept.push(fill(codec, demand, leases)?);
        let bytes = resident()?.saturating_sub(before);
        println!("{name}.{leases}.bytes_per_lease {:.1} bytes", bytes as f64 / f64::from(leases));
    }
    Ok(())
}

type Location = (u16, u16, [u8; 6]);

fn fill(codec: Codec, demand: Demand, leases: u32) -> Result<Pools<u32, Location>, Box<dyn Error>> {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let policy = LeasePolicy {
        lifetime_min: minutes(5),
        lifetime_max: minutes(15),
        grace: minutes(1),
        cool_down: minutes(1),
        quota: 256,
    };
    let epochs = EpochPolicy { t_sid: minutes(60), k: 2, aliases_per_sid: 16 };
    let mut pools = Pools::new(vec![codec], epochs, policy)?;
    let (now, mut rng) = (Time::default(), StdRng::seed_from_u64(1));
    let new = pools.add_sid(now, &mut rng, Sid(1))?;
    pools.confirm(now, new.epoch);
    for client in 0..leases {
        pools.acquire(now, &mut rng, client, Sid(1), (1, 1, [0; 6]), demand)?;
    }
    Ok(pools)
}

/// Of this process, in bytes.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc/self/status")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024)
}

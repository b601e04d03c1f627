//! What must hold for the pools, alone and together.

use mimiq_addressing::Codec;

use super::refuse;
use crate::config::{Config, ConfigError, Pool};

/// Entries of a switch's table `alias`.
const ALIASES: u64 = 1 << 16;

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    if config.pools.is_empty() {
        return refuse("pools", "[]", "there must be one at least");
    }
    if config.aliases_per_sid == 0 {
        return refuse("aliases_per_sid", 0, "must be at least 1");
    }
    for (index, pool) in config.pools.iter().enumerate() {
        let at = format!("pools[{index}]");
        if pool.name.is_empty() {
            return refuse(format!("{at}.name"), "\"\"", "must not be empty");
        }
        if let Some(bits) = pool.alias_bits.filter(|bits| *bits > 16) {
            return refuse(format!("{at}.alias_bits"), bits, "must be at most 16: switches have 65536 alias entries");
        }
        if let Err(problem) = pool.layout() {
            return refuse(at, pool.prefix, problem);
        }
        for (other, earlier) in config.pools[..index].iter().enumerate() {
            if earlier.name == pool.name {
                return refuse(format!("{at}.name"), &pool.name, "is another pool's already");
            }
            if overlap(earlier, pool) {
                let problem = format!("overlaps with pools[{other}].prefix {}", earlier.prefix);
                return refuse(format!("{at}.prefix"), pool.prefix, problem);
            }
        }
    }
    Ok(())
}

fn overlap(a: &Pool, b: &Pool) -> bool {
    a.prefix.contains(b.prefix.network()) || b.prefix.contains(a.prefix.network())
}

/// The aliases and addresses of `sids` client-facing switches must fit the pools.
pub(super) fn check_aliases(config: &Config, sids: u64) -> Result<(), ConfigError> {
    // Twice as many as are kept out of the space: after a restart those of the earlier life are still there.
    let needed = 2 * config.epoch_policy().aliases_needed(&config.lease_policy()).saturating_mul(sids);
    let mut entries = 0_u64;
    for (index, pool) in config.pools.iter().enumerate() {
        let field = |name| format!("pools[{index}].{name}");
        match pool.layout() {
            Ok(Codec::Alias(codec)) => {
                if needed > codec.alias_count() {
                    let problem = format!(
                        "gives fewer than the {needed} aliases that {sids} SIDs need over all epochs; widen it, or lower \
                         aliases_per_sid, timing.k or the lifetimes"
                    );
                    return refuse(field("alias_bits"), pool.alias_bits.unwrap_or_default(), problem);
                }
                entries = entries.saturating_add(needed);
                if let Some(addresses) = pool.addresses
                    && let Err(error) = codec.check_capacity(addresses, sids, config.aliases_per_sid.into())
                {
                    return refuse(field("addresses"), addresses, error.to_string());
                }
            }
            Ok(Codec::Naive(codec)) => {
                if let Some(addresses) = pool.addresses.filter(|addresses| *addresses > codec.capacity()) {
                    let problem = format!("{} has only {} addresses", pool.prefix, codec.capacity());
                    return refuse(field("addresses"), addresses, problem);
                }
            }
            Err(_) => {}
        }
    }
    if entries > ALIASES {
        let problem = format!("needs {entries} entries in all pools together, switches have {ALIASES}");
        return refuse("aliases_per_sid", config.aliases_per_sid, problem);
    }
    Ok(())
}

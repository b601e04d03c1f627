use std::time::Duration;

use crate::time::millis;

/// How long addresses are leased and kept, and how many a client may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasePolicy {
    /// Least t_ip (MIMIQ §3.2); each address set's is drawn uniformly between least and greatest.
    pub lifetime_min: Duration,
    /// Greatest t_ip.
    pub lifetime_max: Duration,
    /// t_remove: how long the rules outlive the lease (MIMIQ §3.3, "Handling in-flight packets").
    pub grace: Duration,
    /// How long an address rests between the removal of its rules and its next use.
    pub cool_down: Duration,
    /// Addresses a client may have rules for at a time: leased, in grace, or not yet confirmed as removed.
    pub quota: u32,
}

/// How SID aliases come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochPolicy {
    /// t_sid: how often the aliases are replaced.
    pub t_sid: Duration,
    /// k: an alias stays valid for at least k × t_sid after its last use in a new address.
    pub k: u32,
    /// Aliases of a SID that are used for new addresses at a time.
    pub aliases_per_sid: u32,
}

/// A value in a policy that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} = {value}: {problem}")]
pub struct PolicyError {
    /// The field's name.
    pub field: &'static str,
    /// The refused value.
    pub value: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// A hundred years: longer is a mistake in the unit.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

fn duration(field: &'static str, value: Duration, least: Duration) -> Result<(), PolicyError> {
    let problem = if value < least {
        "must be at least 1 ms"
    } else if value > LONGEST {
        "must be at most 100 years"
    } else {
        return Ok(());
    };
    Err(PolicyError { field, value: format!("{value:?}"), problem })
}

fn positive(field: &'static str, value: u32) -> Result<(), PolicyError> {
    if value > 0 { Ok(()) } else { Err(PolicyError { field, value: "0".into(), problem: "must be at least 1" }) }
}

impl LeasePolicy {
    /// # Errors
    /// If a value makes no sense; the message names field and value.
    pub fn check(&self) -> Result<(), PolicyError> {
        duration("lifetime_min", self.lifetime_min, Duration::from_millis(1))?;
        duration("lifetime_max", self.lifetime_max, Duration::from_millis(1))?;
        duration("grace", self.grace, Duration::ZERO)?;
        duration("cool_down", self.cool_down, Duration::ZERO)?;
        positive("quota", self.quota)?;
        if self.lifetime_max < self.lifetime_min {
            let value = format!("{:?}", self.lifetime_max);
            return Err(PolicyError { field: "lifetime_max", value, problem: "is less than lifetime_min" });
        }
        Ok(())
    }

    /// The longest an address that was leased before a restart can be in use or rest, if it was not renewed: how long a
    /// pool is to be quarantined when its switches cannot be read.
    pub fn longest_hold(&self) -> Duration {
        self.lifetime_max.saturating_add(self.grace).saturating_add(self.cool_down)
    }
}

impl EpochPolicy {
    /// # Errors
    /// If a value makes no sense; the message names field and value.
    pub fn check(&self) -> Result<(), PolicyError> {
        duration("t_sid", self.t_sid, Duration::from_millis(1))?;
        positive("k", self.k)?;
        positive("aliases_per_sid", self.aliases_per_sid)?;
        if self.aliases_per_sid > 1 << 16 {
            let value = self.aliases_per_sid.to_string();
            let problem = "must be at most 65536, which is all that a switch holds";
            return Err(PolicyError { field: "aliases_per_sid", value, problem });
        }
        Ok(())
    }

    /// k × t_sid.
    pub fn validity(&self) -> Duration {
        self.t_sid.saturating_mul(self.k)
    }

    /// How many aliases a SID keeps out of the alias space, when an epoch comes every t_sid: one set is usable, one is
    /// pending, and each older one is retained until its addresses have gone and then rests.
    pub fn aliases_needed(&self, leases: &LeasePolicy) -> u64 {
        let retained = self.validity().max(leases.lifetime_max.saturating_add(leases.grace));
        let old = retained.saturating_add(self.validity());
        let epochs = millis(old).div_ceil(millis(self.t_sid).max(1));
        epochs.saturating_add(2).saturating_mul(u64::from(self.aliases_per_sid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_field_and_value() {
        let second = Duration::from_secs(1);
        let good =
            LeasePolicy { lifetime_min: second, lifetime_max: 2 * second, grace: second, cool_down: second, quota: 1 };
        assert_eq!(good.check(), Ok(()));
        assert_eq!(good.longest_hold(), 4 * second);
        let bad = [
            (LeasePolicy { quota: 0, ..good }, "quota = 0: must be at least 1"),
            (LeasePolicy { lifetime_min: Duration::ZERO, ..good }, "lifetime_min = 0ns: must be at least 1 ms"),
            (LeasePolicy { lifetime_min: 3 * second, ..good }, "lifetime_max = 2s: is less than lifetime_min"),
        ];
        for (policy, message) in bad {
            assert_eq!(policy.check().unwrap_err().to_string(), message);
        }
        assert_eq!(LeasePolicy { grace: Duration::MAX, ..good }.check().unwrap_err().field, "grace");
        let epochs = EpochPolicy { t_sid: second, k: 3, aliases_per_sid: 2 };
        assert_eq!(epochs.check(), Ok(()));
        assert_eq!(epochs.validity(), 3 * second);
        // Usable, pending, three epochs retained, three resting.
        assert_eq!(epochs.aliases_needed(&good), 2 * 8);
        assert_eq!(EpochPolicy { aliases_per_sid: 65_537, ..epochs }.check().unwrap_err().value, "65537");
        assert_eq!(EpochPolicy { k: 0, ..epochs }.check().unwrap_err().field, "k");
        assert_eq!(EpochPolicy { t_sid: Duration::ZERO, ..epochs }.check().unwrap_err().field, "t_sid");
    }
}

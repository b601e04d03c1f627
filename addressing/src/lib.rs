//! Address pools of the allocation server (MIMIQ §3.2, §3.3): which address a client gets, for how long, and when its
//! rules may go.
//!
//! Pure: the caller passes the time ([`Time`]) and a cryptographic random generator, and carries out what comes back.
//! Nothing here reads a clock, opens a socket or writes a log. [`Pools`] is the whole interface:
//!
//! ```text
//! address = prefix ‖ SID alias ‖ random bits                                       (AliasCodec)
//!
//! alias:  pending ──confirm──▶ usable ──next confirm──▶ retained ≥ k·t_sid ──▶ deleting ──alias_deleted──▶ resting k·t_sid
//! lease:  leased t_ip ──Expired──▶ grace t_remove ──RemoveRules──▶ removing ──rules_removed──▶ cooling ──▶ free
//! ```
//!
//! What holds, whatever the interleaving and however the caller's clock jumps:
//!
//! - **no-collision**: an address is drawn only from the free ones, and is free only after the switches confirmed that
//!   its rules are gone and its cool-down has passed;
//! - **random-reuse**: each draw is uniform over all free addresses under the SID's usable aliases;
//! - **in-flight**: `RemoveRules` comes no sooner than t_remove after the lease ended, and an alias is not deleted while
//!   an address with it is leased or in its grace;
//! - **alias-unique**: an alias is drawn again no sooner than k × t_sid after every edge switch has deleted it.
//!
//! Time never runs backwards inside: the latest time seen counts. Each phase is timed from when its predecessor was
//! handled, so that a late call or a jump forward cannot make two phases end at once.

mod alias;
mod codec;
mod epochs;
mod lease;
mod policy;
mod pools;
mod refusal;
mod table;
mod time;
mod waiting;

pub use alias::{Alias, AliasError, Epoch, NewAliases, Sid};
pub use codec::{AliasCodec, Codec, CodecError, Family, NaiveCodec, NaiveCodecError, PoolId};
pub use lease::{AddressSet, Demand, Event, Lease, LeaseState, Occupancy, PoolOccupancy};
pub use policy::{EpochPolicy, LeasePolicy, PolicyError};
pub use pools::Pools;
pub use refusal::{AdoptError, NotHeld, Refusal, RenewError};
pub use time::Time;

//! Address pools of the allocation server (MIMIQ §3.2, §3.3): which address a client gets, for how long, and when its
//! rules may go.
//!
//! Pure: the caller passes the time ([`Time`]) and a cryptographic random generator, and carries out what comes back.
//! Nothing here reads a clock, opens a socket or writes a log. [`Pools`] is the whole interface: any number of pools of
//! both families, which differ in how an address is made ([`Codec`]), and one table of leases.
//!
//! ```text
//! address = prefix ‖ SID alias ‖ random bits                                       (AliasCodec: IPv6 /32 to /96)
//!         = prefix ‖ random bits                                                   (NaiveCodec: IPv4, IPv6 from /96 on)
//!
//! alias:  pending ──confirm──▶ usable ──next confirm──▶ retained ≥ k·t_sid ──▶ deleting ──alias_deleted──▶ resting k·t_sid
//! lease:  leased t_ip ──Expired──▶ grace t_remove ──RemoveRules──▶ removing ──rules_removed──▶ cooling ──▶ free
//! ```
//!
//! What holds, whatever the interleaving and however the caller's clock jumps:
//!
//! - **no-collision**: an address is drawn only from the free ones, and is free only after the switches confirmed that
//!   its rules are gone and its cool-down has passed;
//! - **random-reuse**: each draw is uniform over all free addresses of the family that the SID can use: those under its
//!   usable aliases and those of the naive pools;
//! - **in-flight**: `RemoveRules` comes no sooner than t_remove after the lease ended, and an alias is not deleted while
//!   an address with it is leased or in its grace. Only the caller can cut this short, if no client has heard of the
//!   address ([`Pools::abort`]) or its switch is no more ([`Pools::remove_now`]);
//! - **alias-unique**: an alias is drawn again no sooner than k × t_sid after every edge switch has deleted it;
//! - **fairness**: a client that has addresses gets no more of those for which clients that have none wait. Such a client
//!   waits from when it is refused because too few are left, until five seconds after the time at which it was told to
//!   try again. What is free beyond all that those asked for is for anyone, and among those that have none the first to
//!   ask is the first to get. Renewal is not a matter of fairness. Of those that wait, 65,536 are remembered.
//!
//! Time never runs backwards inside: the latest time seen counts. Each phase is timed from when its predecessor was
//! handled, so that a late call or a jump forward cannot make two phases end at once.
//!
//! Every call costs the same however many addresses there are and however few of them are free, but for a factor of the
//! number of pools and of a SID's usable aliases. Only blocks of more than 2^32 addresses rely on it that no table of
//! leases fills half of them. A lease takes about 80 bytes, all included.

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

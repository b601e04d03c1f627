//! The software switch: mimiq's pipeline behind P4Runtime.
//!
//! [`arbitration`], [`pipeline_config`] and [`tables`] decide and are pure; [`server`] is the gRPC around them.
//!
//! Where P4Runtime v1 leaves a choice, this server's is:
//!
//! | matter | choice |
//! |---|---|
//! | roles | by name, each with its own primary and full access; `role.config` and `role_id` are refused |
//! | election ID 0 | as if absent: a backup for ever |
//! | pipeline | the contract's alone; COMMIT and RECONCILE_AND_COMMIT keep the entries, VERIFY_AND_COMMIT clears them and all counters |
//! | atomicity | all three modes; in the atomic ones the updates that did not fail are ABORTED |
//! | malformed values | INVALID_ARGUMENT with table, field and value |
//! | many errors | details end behind [`MAX_DETAILS`] bytes: with batches of up to 100 updates each has its code |
//! | default entries | read only with `is_default_action`; fixed but for `switch_info`, which MODIFY sets and resets |
//! | `metadata` | not stored, refused with UNIMPLEMENTED |
//! | `icmp_error_meter` | two colours: `pir` and `pburst` must equal `cir` and `cburst`, else UNIMPLEMENTED; no counters by colour |
//! | `p4_device_config` | kept and read back, not looked at: the pipeline is this one, whatever a compiler made for others |
//! | packet I/O, digests, direct meters, profiles, registers | none: writes are UNIMPLEMENTED, wildcard reads are empty |

pub mod arbitration;
pub mod config;
mod device;
mod differences;
mod error;
mod externs;
mod meter;
pub mod metrics;
mod operation;
mod outcome;
pub mod pipeline_config;
mod read;
mod request;
pub mod server;
mod service;
mod stream;
pub mod tables;
pub mod tls;

pub use device::Device;
pub use differences::differences;
pub use error::{ItemError, MAX_DETAILS, batch_status};
pub use outcome::Outcome;
pub use request::{MAX_ITEMS, Write};
pub use service::Service;

//! The pipeline, in the order of "The pipeline" in `docs/architecture.md`, whose lines the comments count.

mod arp;
mod forward;
mod icmp_error;
mod ingress;
mod ip;
mod job;
mod meter;
mod neighbour;
mod relay;

use std::sync::Arc;

use mimiq_contract::{DropReason, PortId, Role, tables::SwitchInfoAction};

pub use self::meter::{IcmpErrorMeter, MeterRate};
use self::{
    ingress::{Ingress, classify},
    job::Job,
};
use crate::{DropCounters, Packet, Tables, Verdict, tally::Tally, wire::icmp::IcmpError};

/// Packets that go through each stage together: enough to overlap their cache misses, few enough to stay in the first
/// level of the cache.
const STAGE: usize = 32;

/// The pipeline of one worker thread. Clones share the drop counters and the meter, so the workers of one switch use clones of
/// one pipeline.
#[derive(Debug, Clone)]
pub struct Pipeline {
    drops: Arc<DropCounters>,
    meter: Arc<IcmpErrorMeter>,
}

/// What a batch is processed with.
struct Context<'t> {
    tables: &'t Tables,
    tally: Tally<'t>,
    meter: &'t IcmpErrorMeter,
    now_ns: u64,
}

/// A dropped packet, and the ICMP error that may tell its sender.
struct Reject {
    reason: DropReason,
    error: Option<IcmpError>,
}

impl From<DropReason> for Reject {
    fn from(reason: DropReason) -> Self {
        Self { reason, error: None }
    }
}

impl Pipeline {
    /// A pipeline that counts what it drops, and asks the meter before each ICMP error.
    pub fn new(drops: Arc<DropCounters>, meter: Arc<IcmpErrorMeter>) -> Self {
        Self { drops, meter }
    }

    /// Gives each packet its verdict, in order; `verdicts` is cleared before. Headers are edited in place, `start` and `len`
    /// moved. `now_ns` is a monotonic time in nanoseconds. The packet that an ICMP error answers counts as dropped.
    pub fn process(&mut self, tables: &Tables, now_ns: u64, packets: &mut [Packet<'_>], verdicts: &mut Vec<Verdict>) {
        verdicts.clear();
        let mut context = Context { tables, tally: Tally::default(), meter: &self.meter, now_ns };
        let mut jobs = [Job::EMPTY; STAGE];
        for packets in packets.chunks_mut(STAGE) {
            self.stage(&mut context, &mut jobs, packets, verdicts);
        }
    }

    fn stage<'t>(
        &self,
        context: &mut Context<'t>,
        jobs: &mut [Job<'t>],
        packets: &mut [Packet<'_>],
        verdicts: &mut Vec<Verdict>,
    ) {
        let jobs = jobs.get_mut(..packets.len()).unwrap_or_default();
        for (job, packet) in jobs.iter_mut().zip(&mut *packets) {
            job.bytes = packet.len;
            job.ingress = classify(context, packet, job);
        }
        for (job, packet) in jobs.iter_mut().zip(&*packets).filter(|(job, _)| job.is_forwarded()) {
            job.look_up_source(context.tables, packet.port);
        }
        for job in jobs.iter_mut().filter(|job| job.is_forwarded()) {
            job.look_up_client(context.tables);
        }
        for job in jobs.iter_mut().filter(|job| job.is_forwarded()) {
            job.look_up_pool(context.tables);
        }
        for (job, packet) in jobs.iter().zip(packets) {
            let verdict = match job.ingress {
                Ok(Ingress::Send(port)) => Verdict::Send(port),
                Ok(Ingress::Forward) => job.run(context, packet).map_or_else(
                    |Reject { reason, error }| {
                        self.drops.add(reason, job.bytes);
                        error
                            .and_then(|error| icmp_error::reply(context, packet, &job.ip, error))
                            .map_or(Verdict::Drop(reason), Verdict::Send)
                    },
                    Verdict::Send,
                ),
                Err(reason) => {
                    self.drops.add(reason, job.bytes);
                    Verdict::Drop(reason)
                }
            };
            verdicts.push(verdict);
        }
    }
}

impl<'t> Context<'t> {
    /// The switch's own addresses.
    #[inline]
    fn switch_info(&self) -> Result<&'t SwitchInfoAction, DropReason> {
        self.tables.switch_info.find().ok_or(DropReason::NoSwitchInfo)
    }

    /// The role of the port that a packet of so many bytes would leave by.
    #[inline]
    fn egress_role(&mut self, port: PortId, bytes: usize) -> Option<Role> {
        let (role, counters) = self.tables.egress_role.find(port)?;
        self.tally.egress_role.hit(counters, bytes);
        Some(role)
    }

    /// The largest IP packet the fabric carries, bytes; `None` if it is not known yet.
    #[inline]
    fn fabric_mtu(&self) -> Option<u16> {
        let SwitchInfoAction::SetSwitchInfo { fabric_mtu, .. } = self.tables.switch_info.find()?;
        Some(*fabric_mtu)
    }
}

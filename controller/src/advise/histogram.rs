use std::time::Duration;

/// When the counter of an ended lease is read, in 64ths of its grace. Most packets that are late are late by a round trip
/// or so: the first intervals are short. The last reading comes before the entry is deleted.
pub const FRACTIONS: [u32; 7] = [1, 2, 4, 8, 16, 32, 60];
const WHOLE: u32 = 64;

/// Late packets by how late they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    grace: Duration,
    packets: [u64; FRACTIONS.len()],
    samples: u64,
    missed: u64,
}

impl Histogram {
    /// An empty one for leases with this grace.
    pub fn new(grace: Duration) -> Self {
        Self { grace, packets: [0; FRACTIONS.len()], samples: 0, missed: 0 }
    }

    /// How long after the end of a lease its counter is to be read, the reading at the end itself left out.
    pub fn readings(&self) -> [Duration; FRACTIONS.len()] {
        FRACTIONS.map(|fraction| self.grace * fraction / WHOLE)
    }

    /// Counts a lease: its counter when it ended, and at each of the [`readings`](Self::readings).
    pub fn record(&mut self, at_end: u64, readings: [u64; FRACTIONS.len()]) {
        self.samples += 1;
        let mut before = at_end;
        for (packets, reading) in self.packets.iter_mut().zip(readings) {
            // One that went back was of a switch that restarted meanwhile.
            *packets += reading.saturating_sub(before);
            before = reading;
        }
    }

    /// Counts packets that came to a client-facing switch for an address that it does not have (any more).
    pub fn miss(&mut self, packets: u64) {
        self.missed += packets;
    }

    /// Leases counted.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Packets that came too late, or were never for a client.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Late packets, all of them.
    pub fn packets(&self) -> u64 {
        self.packets.iter().sum()
    }

    /// Late packets by the ends of the intervals.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.readings().into_iter().zip(self.packets)
    }
}

use std::fmt;

/// What happened, and how often what was checked.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// The controller was killed.
    pub controller_kills: u64,
    /// A switch was killed, and came back empty.
    pub switch_kills: u64,
    /// A switch was cut off for a while.
    pub cuts: u64,
    /// Addresses that clients heard of.
    pub acknowledged: u64,
    /// Requests for sets that were refused.
    pub refused: u64,
    /// Requests that nobody answered.
    pub unanswered: u64,
    /// Addresses renewed.
    pub renewed: u64,
    /// Of them, leases of a controller that had died.
    pub renewed_across_lives: u64,
    /// Addresses released.
    pub released: u64,
    /// Clients that moved.
    pub moves: u64,
    /// Addresses given out that had been somebody's before.
    pub reused: u64,
    /// Such that came back sooner than their cool-down, after the controller had died.
    pub restless: u64,
    /// Replies whose rules were read in every switch.
    pub replies_checked: u64,
    /// Replies whose switch was emptied meanwhile.
    pub replies_excused: u64,
    /// Tables read.
    pub snapshots: u64,
    /// Deliveries, guards and edge entries of living leases found where they must be.
    pub rules_checked: u64,
    /// Guards seen gone after a lease, in its grace.
    pub guards_gone: u64,
    /// Guards seen there still.
    pub guards_late: u64,
    /// Leases that were put back into a switch that had lost them.
    pub refilled: u64,
    /// Leases that a switch lost while no controller knew of them.
    pub excused: u64,
    /// Times at which all leases had ended and every table was as at first.
    pub drained: u64,
}

impl Stats {
    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        for (mine, other) in self.numbers().into_iter().zip(other.clone().numbers()) {
            *mine.1 += *other.1;
        }
    }

    fn numbers(&mut self) -> [(&'static str, &mut u64); 21] {
        [
            ("controller kills", &mut self.controller_kills),
            ("switch kills", &mut self.switch_kills),
            ("cuts", &mut self.cuts),
            ("addresses acknowledged", &mut self.acknowledged),
            ("refused requests", &mut self.refused),
            ("unanswered requests", &mut self.unanswered),
            ("renewed", &mut self.renewed),
            ("renewed after the controller's death", &mut self.renewed_across_lives),
            ("released", &mut self.released),
            ("moves", &mut self.moves),
            ("reused", &mut self.reused),
            ("reused too soon after the controller's death", &mut self.restless),
            ("replies checked", &mut self.replies_checked),
            ("replies excused", &mut self.replies_excused),
            ("tables read", &mut self.snapshots),
            ("rules checked", &mut self.rules_checked),
            ("guards gone in time", &mut self.guards_gone),
            ("guards late", &mut self.guards_late),
            ("leases refilled", &mut self.refilled),
            ("leases excused", &mut self.excused),
            ("drained", &mut self.drained),
        ]
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.clone().numbers().iter().map(|(name, n)| format!("{name} {n}")).collect();
        f.write_str(&numbers.join(", "))
    }
}

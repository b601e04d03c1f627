//! Whether applications have anything to hop to, and if not, why. Pure.

use mimiq_api::local::Reason;

/// What is known about the way to fresh addresses.
#[derive(Debug, Default)]
pub struct Outage {
    /// Not known before the first attempt.
    session: Option<bool>,
    /// The allocation server granted nothing when last asked.
    refused: bool,
    /// What applications were told.
    told: Option<Reason>,
}

impl Outage {
    /// The session with the allocation server is there, or is not.
    pub fn session(&mut self, there: bool) {
        self.session = Some(there);
    }

    /// The allocation server granted a set, or did not.
    pub fn granted(&mut self, granted: bool) {
        self.refused = !granted;
    }

    /// Why there is nothing, should the stock be empty.
    #[must_use]
    pub fn reason(&self) -> Reason {
        if self.session == Some(false) { Reason::ControllerAway } else { Reason::Empty }
    }

    /// Why there is nothing now; `None` if there is something.
    #[must_use]
    pub fn current(&self) -> Option<Reason> {
        self.told
    }

    /// What to tell applications, if that is another thing than before: with or without something in the stock.
    pub fn update(&mut self, stocked: bool) -> Option<Option<Reason>> {
        // An empty stock that is being refilled is none.
        let hopeless = !stocked && (self.session == Some(false) || self.refused);
        let now = match (hopeless, self.told) {
            (true, _) => Some(self.reason()),
            // It ends with an address, not with a promise of one.
            (false, told) if !stocked => told,
            (false, _) => None,
        };
        (now != self.told).then(|| {
            self.told = now;
            now
        })
    }
}

/// The reason for people.
#[must_use]
pub fn describe(reason: Reason) -> &'static str {
    match reason {
        Reason::Unspecified => "there are addresses to hop to",
        Reason::Empty => "stock: empty, and the controller has granted no more yet",
        Reason::ControllerAway => "stock: empty, and the controller cannot be reached",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn away_with_a_stock_is_none_and_without_one_is() {
        let mut outage = Outage::default();
        assert_eq!(outage.update(false), None, "just started");
        outage.session(true);
        outage.granted(true);
        assert_eq!(outage.update(true), None);
        outage.session(false);
        assert_eq!(outage.update(true), None, "it lives on the stock");
        assert_eq!(outage.update(false), Some(Some(Reason::ControllerAway)));
        assert_eq!(outage.update(false), None, "said once");
        outage.session(true);
        assert_eq!(outage.update(false), None, "no address yet");
        outage.granted(true);
        assert_eq!(outage.update(true), Some(None));
        assert_eq!(outage.current(), None);
    }

    #[test]
    fn refusals_are_another_reason() {
        let mut outage = Outage::default();
        outage.session(true);
        assert_eq!(outage.update(false), None, "the first set is under way");
        outage.granted(false);
        assert_eq!(outage.update(false), Some(Some(Reason::Empty)));
        outage.session(false);
        assert_eq!(outage.update(false), Some(Some(Reason::ControllerAway)));
        outage.granted(true);
        assert_eq!(outage.update(true), Some(None));
    }
}

//! What happens next, by chance.

use rand::Rng as _;

use crate::world::{GRACE, World};

impl World {
    /// One thing happens, and some time passes.
    pub(crate) fn step(&mut self) {
        let pace = *[0, 1, 20, 100, 300].get(self.rng.random_range(0..5)).unwrap();
        self.now += self.rng.random_range(0..=pace);
        self.advance();
        match self.rng.random_range(0..100) {
            0..25 => self.someone_acquires(),
            25..30 => self.someone_releases(),
            30..35 => self.someone_renews(),
            35..38 => self.someone_moves(),
            38..72 => self.some_write_is_answered(),
            72..74 => self.some_connection_breaks(),
            74..75 => self.some_switch_restarts(),
            75..79 => self.some_switch_is_cut_off_or_back(),
            79..90 => self.the_store_is_written(),
            90..91 => self.the_controller_is_killed(),
            91..96 => self.the_controller_starts(),
            96..98 => self.some_switch_is_drained_or_not(),
            _ => self.a_switch_is_removed_or_added(),
        }
        self.open_connections();
        self.check();
    }

    /// No more faults: everything must come to rest, serve again, and leave nothing behind.
    pub(crate) fn come_to_rest(&mut self) {
        self.calm = true;
        self.restore_all();
        let serving = self.now + 60_000;
        while !self.all_serve() {
            assert!(self.now < serving, "not served: {:?}", self.core.as_ref().unwrap().not_ready());
            self.settle(50);
        }
        // Longer than anything lasts: quarantine, alias epochs and all.
        let end = self.now + 40_000 + GRACE;
        while self.now < end {
            self.settle(100);
        }
        self.nothing_is_left();
    }

    fn settle(&mut self, millis: u64) {
        self.now += millis;
        self.the_controller_starts();
        self.open_connections();
        self.advance();
        self.the_store_is_written();
        while self.every_write_is_answered() {}
        self.check();
    }
}

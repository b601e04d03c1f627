use crate::counters::Counters;

/// Hits of one table in one batch. Consecutive hits of the same entry become one addition, so that worker threads do not
/// pass the cache line of a busy entry, such as the default route, to and fro for each packet. What is left is added when
/// it is dropped, at the end of the batch.
#[derive(Default)]
pub(crate) struct Run<'t> {
    entry: Option<&'t Counters>,
    packets: u64,
    bytes: u64,
}

impl<'t> Run<'t> {
    #[inline]
    pub(crate) fn hit(&mut self, entry: &'t Counters, bytes: usize) {
        if !self.entry.is_some_and(|last| std::ptr::eq(last, entry)) {
            self.flush();
            self.entry = Some(entry);
        }
        self.packets += 1;
        self.bytes += bytes as u64;
    }

    #[inline]
    fn flush(&mut self) {
        if let Some(entry) = self.entry {
            entry.add(self.packets, self.bytes);
        }
        (self.packets, self.bytes) = (0, 0);
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The hits of all tables; the two families of a table share a run.
#[derive(Default)]
pub(crate) struct Tally<'t> {
    pub(crate) port_role: Run<'t>,
    pub(crate) gateway: Run<'t>,
    pub(crate) control_relay: Run<'t>,
    pub(crate) relay_return: Run<'t>,
    pub(crate) decap: Run<'t>,
    pub(crate) denied_source: Run<'t>,
    pub(crate) source_guard: Run<'t>,
    pub(crate) client: Run<'t>,
    pub(crate) pool: Run<'t>,
    /// `alias` and both `binding` tables.
    pub(crate) tunnel: Run<'t>,
    pub(crate) route: Run<'t>,
    pub(crate) egress_role: Run<'t>,
}

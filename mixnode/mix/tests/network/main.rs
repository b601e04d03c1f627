//! Whole networks: every part is a process of `mimiq-mix`.

mod messages;

//! The controller comes back with many leases; how long that takes is printed, for a debug build is no measure.

use mimiq_chaos::harness::{programs::Programs, restart::Loaded, say};

#[tokio::test(flavor = "multi_thread")]
async fn no_lease_of_many_is_lost() {
    let programs = Programs::find().unwrap();
    let dir = tempfile::Builder::new().prefix("mimiq-chaos-").tempdir().unwrap();
    let mut loaded = Loaded::start(dir.path(), &programs, 10_000).await.unwrap();
    let restart = loaded.restart().await.unwrap();
    say(&format!("restart with 10,000 leases: {restart:?}"));
}

//! The controller's wall clock is stepped while it runs and while it is dead; libfaketime does it, from Debian's package
//! `faketime`.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use mimiq_chaos::harness::{
    network::Pools,
    programs::Programs,
    run::{self, Plan, Run},
    say,
};

fn library() -> Option<PathBuf> {
    if let Some(library) = env::var_os("MIMIQ_FAKETIME") {
        return Some(library.into());
    }
    let folders = fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok).map(|folder| folder.path());
    folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|library| library.exists())
}

/// The day in the last line of the controller's log.
fn day(log: &Path) -> u32 {
    let text = fs::read_to_string(log).unwrap();
    let line = text.lines().last().expect("a line in the controller's log");
    line.get(8..10).and_then(|day| day.parse().ok()).unwrap_or_else(|| panic!("no date: {line}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stepped_clock_changes_nothing() {
    let Some(library) = library() else {
        return say("skipped: libfaketime not found (Debian: faketime)");
    };
    let dir = tempfile::Builder::new().prefix("mimiq-chaos-").tempdir().unwrap();
    let plan = Plan { dir: dir.path().into(), seed: rand::random(), kills: 0, clients: 6, pools: Pools::Aliases };
    let clock = dir.path().join("clock");
    let trouble = async |run: &mut Run| {
        let log = run.network.controller.log.clone();
        let today = day(&log);
        for (offset, days) in [("-1d", [1, 27, 28, 29, 30]), ("+1d", [1, 27, 28, 29, 30]), ("+0", [0; 5])] {
            // While it runs, and across a restart.
            fs::write(&clock, format!("{offset}\n"))?;
            run.calm().await?;
            run.kill_controller().await?;
            run.start_controller()?;
            run.calm().await?;
            assert!(days.contains(&day(&log).abs_diff(today)), "libfaketime did not step the clock to {offset}");
        }
        for (dead, alive) in [("-1d", "+1d"), ("+1d", "-1d")] {
            run.kill_controller().await?;
            fs::write(&clock, format!("{dead}\n"))?;
            run.start_controller()?;
            run.calm().await?;
            run.kill_controller().await?;
            fs::write(&clock, format!("{alive}\n"))?;
            run.start_controller()?;
            run.calm().await?;
        }
        Ok(())
    };
    let programs = Programs::find().unwrap();
    match run::checked(&plan, &programs, |network| network.fake_clock(&library).map(drop), trouble).await {
        Ok(stats) => say(&format!("clock steps: {stats}")),
        Err(error) => panic!("seed {}: {error:#}\njournal and logs: {}", plan.seed, dir.keep().display()),
    }
}

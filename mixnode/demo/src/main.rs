//! Loopix on one machine, to look at: a network of processes, two who talk, measurements beside the paper's, and an attack.

mod attack;
mod chat;
mod conversation;
mod erlang;
mod findings;
mod histogram;
mod load;
mod picture;
mod report;
mod run;
mod sampler;
mod scale;
mod steps;
mod svg;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, bail, ensure};
use clap::Parser;

use crate::run::Run;
use crate::scale::Scale;

/// Starts a whole Loopix network on this machine, shows what it does, and writes a report and a picture.
#[derive(Parser)]
#[command(name = "mimiq-mix-demo", version)]
struct Arguments {
    /// How many clients send cover traffic and messages; 500, or 40 if it is quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5000))]
    clients: Option<u32>,
    /// Everything fast, and little measured: to see whether it works.
    #[arg(long)]
    quick: bool,
    /// Where report.md and picture.svg are written.
    #[arg(long, value_name = "FOLDER", default_value = "target/demo-loopix")]
    out: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let stop = mimiq_daemon::stop_signal()?;
    tokio::pin!(stop);
    let stopped = Arc::new(AtomicBool::new(false));
    let run = Run::new(stopped.clone());
    let mut showing = tokio::task::spawn_blocking(move || show(&run, &arguments));
    tokio::select! {
        // Ctrl-C ends the nodes as well: that they do not answer is no failure of theirs.
        biased;
        () = &mut stop => {}
        shown = &mut showing => return shown.context("the demo")?,
    }
    stopped.store(true, Ordering::Relaxed);
    let _ = showing.await;
    bail!("interrupted")
}

fn show(run: &Run, arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { clients, quick, out } = arguments;
    let clients = clients.map(|clients| clients as usize);
    let scale = if *quick { Scale::quick(clients.unwrap_or(40)) } else { Scale::full(clients.unwrap_or(500)) };
    let binary = binary()?;
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let found = steps::demo(run, scale, &binary, &out.join("logs.txt"))?;
    write(&out.join("report.md"), &report::report(&found))?;
    write(&out.join("picture.svg"), &picture::picture(&found))?;
    run.say(format_args!("see {} and picture.svg beside it", out.join("report.md").display()));
    Ok(())
}

/// `mimiq-mix` of the same build.
fn binary() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("where this program is")?;
    let binary = own.with_file_name("mimiq-mix");
    ensure!(binary.is_file(), "{}: not there; build it with: cargo build -p mimiq-mix", binary.display());
    Ok(binary)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| path.display().to_string())
}

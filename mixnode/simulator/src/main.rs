//! The simulator's command.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use mimiq_simulator::{
    figures::{self, Plan},
    report::Figure,
};

/// Simulates the Loopix paper's Figures 5 to 8 and Theorems 1 and 2, and compares with reference values.
///
/// Figure 5 is in seconds, messages per second and bits of entropy. Figures 6 to 8 are in the paper's time units (each user sends
/// λ = 2 messages in one; μ is a rate, so 1/μ is the mean delay) and ε in nats. The theorems are probabilities. A table
/// goes to standard output, progress to standard error. Exit status: 0 if all values agree, 1 if one is outside its
/// tolerance (0.02 bits; 3 standard errors of ε; 4 of the theorems), 2 if it could not run.
#[derive(Parser)]
#[command(name = "mimiq-simulate", version)]
struct Arguments {
    /// What to simulate.
    #[arg(value_enum)]
    what: What,
    /// Independent runs for each cell; for the theorems, thousands of trials.
    #[arg(long, default_value_t = 300, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    repetitions: u32,
    /// Seed of all randomness: the same seed and repetitions give the same output.
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// Write the results as JSON to this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Entropy of one mix.
    Figure5,
    /// ε by the delay parameter.
    Figure6,
    /// ε by the number of layers.
    Figure7,
    /// ε by the number of corrupt mixes.
    Figure8,
    /// Theorems 1 and 2.
    Theorems,
    /// Everything.
    All,
}

fn main() -> ExitCode {
    match execute(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("mimiq-simulate: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether all values agree.
fn execute(arguments: &Arguments) -> anyhow::Result<bool> {
    let plan = Plan { repetitions: arguments.repetitions, seed: arguments.seed };
    let mut done: Vec<Figure> = Vec::new();
    let parts = if arguments.what == What::All {
        vec![What::Figure5, What::Figure6, What::Figure7, What::Figure8, What::Theorems]
    } else {
        vec![arguments.what]
    };
    for part in parts {
        let name = part.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        let progress = |cell: &str| eprintln!("{name}: {cell}");
        let figure = match part {
            What::Figure5 => figures::figure5(plan, progress)?,
            What::Figure6 => figures::figure6(plan, progress)?,
            What::Figure7 => figures::figure7(plan, progress)?,
            What::Figure8 => figures::figure8(plan, progress)?,
            What::Theorems => figures::theorems(plan, progress)?,
            What::All => continue,
        };
        println!("{figure}");
        done.push(figure);
    }
    if let Some(path) = &arguments.out {
        let json = serde_json::to_string_pretty(&done)? + "\n";
        std::fs::write(path, json).with_context(|| format!("--out {}", path.display()))?;
    }
    Ok(done.iter().all(Figure::agrees))
}

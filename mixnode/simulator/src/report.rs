//! Results next to what they are compared with.

use std::fmt;

use serde::Serialize;

/// The mean of a sample, or a frequency, and what it should be.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// Which parameters.
    pub parameters: String,
    /// Which quantity, with its unit.
    pub quantity: &'static str,
    /// The value simulated.
    pub value: f64,
    /// Its standard error; of a theorem's frequency, the one that the formula implies.
    pub standard_error: f64,
    /// The value it is compared with.
    pub reference: f64,
    /// By how much it may differ; `None` for a value that is shown but not tested.
    pub tolerance: Option<f64>,
    /// Samples the value is made from.
    pub samples: usize,
}

impl Cell {
    /// The value less the reference.
    pub fn difference(&self) -> f64 {
        self.value - self.reference
    }

    /// Whether the value is within its tolerance. A value that is no number never is.
    pub fn agrees(&self) -> bool {
        self.tolerance.is_none_or(|tolerance| self.difference().abs() <= tolerance)
    }
}

/// The cells of a figure or of the theorems.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What the cells show.
    pub title: &'static str,
    /// The cells.
    pub cells: Vec<Cell>,
}

impl Figure {
    /// Whether all cells agree with their references.
    pub fn agrees(&self) -> bool {
        self.cells.iter().all(Cell::agrees)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.title)?;
        writeln!(f, "| parameters | quantity | value | standard error | reference | difference | tolerance | |")?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for cell in &self.cells {
            let tolerance = cell.tolerance.map_or("–".into(), |tolerance| format!("{tolerance:.4}"));
            let verdict = match cell.tolerance {
                None => "shown",
                Some(_) if cell.agrees() => "agrees",
                Some(_) => "DIFFERS",
            };
            writeln!(
                f,
                "| {} | {} | {:.4} | {:.4} | {:.4} | {:+.4} | {tolerance} | {verdict} |",
                cell.parameters,
                cell.quantity,
                cell.value,
                cell.standard_error,
                cell.reference,
                cell.difference(),
            )?;
        }
        Ok(())
    }
}

/// The mean of `sample` and its standard error. Both are NaN where the sample is too small to have them.
pub fn mean(sample: &[f64]) -> (f64, f64) {
    let size = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / size;
    let variance = sample.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (size - 1.0);
    (mean, (variance / size).sqrt())
}

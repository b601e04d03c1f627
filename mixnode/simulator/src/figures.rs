//! The paper's figures and theorems, cell by cell, against the reference values.

use rand_distr::ExpError;

use crate::{
    entropy,
    network::{Difference, Network, NetworkError},
    parallel::repeat,
    reference::{Epsilon, FIGURE5, FIGURE5_LAMBDA, FIGURE6, FIGURE7, FIGURE8},
    report::{Cell, Figure, mean},
    theorems::{Observation, Outgoing},
};

/// Bits of entropy that a cell of Figure 5 may be off.
const ENTROPY_TOLERANCE: f64 = 0.02;
/// Standard errors that ε may be off.
const EPSILON_TOLERANCE: f64 = 3.0;
/// Standard errors that a theorem's frequency may be off. Among 18 of them one beyond 4 is a matter of 1 in 900.
const THEOREM_TOLERANCE: f64 = 4.0;
/// Trials of an observation in one repetition.
const TRIALS: u32 = 1000;

/// How to run a figure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Independent runs for each cell; at least 2, or there is no standard error and no cell agrees.
    pub repetitions: u32,
    /// Seed of all randomness.
    pub seed: u64,
}

/// Why a figure could not be run.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum FigureError {
    /// A network that cannot be.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A rate that cannot be.
    #[error("a rate of a mix: {0}")]
    Rate(#[from] ExpError),
}

/// Figure 5: the entropy of one mix by arrival rate and mean delay.
///
/// # Errors
/// None for the parameters of the figure.
pub fn figure5(plan: Plan, progress: impl Fn(&str)) -> Result<Figure, FigureError> {
    let mut cells = Vec::new();
    for (delay, row) in FIGURE5 {
        for (lambda, reference) in FIGURE5_LAMBDA.into_iter().zip(row) {
            let parameters = format!("mean delay {delay} s, λ = {lambda}/s");
            progress(&parameters);
            let stream = 0x500 + cells.len() as u32;
            let runs =
                repeat(plan.seed, stream, plan.repetitions, |rng| entropy::poisson_mix(lambda, 1.0 / delay, rng));
            let sample = runs.into_iter().collect::<Result<Vec<_>, _>>()?;
            let (value, standard_error) = mean(&sample);
            let tolerance = Some(ENTROPY_TOLERANCE);
            let samples = sample.len();
            cells.push(Cell { parameters, quantity: "H, bits", value, standard_error, reference, tolerance, samples });
        }
    }
    Ok(Figure { title: "Figure 5: entropy of one Poisson mix", cells })
}

/// Figure 6: ε by the delay parameter μ.
///
/// # Errors
/// None for the parameters of the figure.
pub fn figure6(plan: Plan, progress: impl Fn(&str)) -> Result<Figure, FigureError> {
    let network = |mu| (format!("μ = {mu}"), Network { mu, ..Network::default() });
    let cells = epsilon(plan, 0x600, &FIGURE6, network, progress)?;
    Ok(Figure { title: "Figure 6: likelihood difference by delay parameter", cells })
}

/// Figure 7: ε by the number of layers.
///
/// # Errors
/// None for the parameters of the figure.
pub fn figure7(plan: Plan, progress: impl Fn(&str)) -> Result<Figure, FigureError> {
    let network = |layers| (format!("layers: {layers}"), Network { layers, ..Network::default() });
    let cells = epsilon(plan, 0x700, &FIGURE7, network, progress)?;
    Ok(Figure { title: "Figure 7: likelihood difference by layers of 3 mixes", cells })
}

/// Figure 8: ε by the number of corrupt mixes.
///
/// # Errors
/// None for the parameters of the figure.
pub fn figure8(plan: Plan, progress: impl Fn(&str)) -> Result<Figure, FigureError> {
    let network = |corrupt| (format!("{corrupt} of 9 corrupt"), Network { corrupt, ..Network::default() });
    let cells = epsilon(plan, 0x800, &FIGURE8, network, progress)?;
    Ok(Figure { title: "Figure 8: likelihood difference by corrupt mixes", cells })
}

/// Theorem 1 (λ_M = 0) and Theorem 2: frequencies of one early and of one late message among the outgoing ones.
///
/// # Errors
/// None for the observations it makes.
pub fn theorems(plan: Plan, progress: impl Fn(&str)) -> Result<Figure, FigureError> {
    let mut cells = Vec::new();
    for (case, (n, k, l)) in [(5, 3, 2), (10, 4, 6), (8, 1, 3)].into_iter().enumerate() {
        for (series, loops) in [0.0, 2.0, 10.0].into_iter().enumerate() {
            let observation = Observation { n, k, l, mu: 2.0, loops };
            let parameters = format!("n = {n}, k = {k}, l = {l}, μ = 2, λ_M = {loops}");
            progress(&parameters);
            let stream = 0x100 + (case * 3 + series) as u32;
            let runs = repeat(plan.seed, stream, plan.repetitions, |rng| {
                (0..TRIALS).map(|_| observation.simulate(rng)).collect::<Result<Vec<_>, _>>()
            });
            let outgoing: Vec<Outgoing> =
                runs.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().flatten().collect();
            let samples = outgoing.len();
            for (quantity, message, reference) in [
                ("Pr(m = m₁)", Outgoing::Early(0), observation.early()),
                ("Pr(m = m₂)", Outgoing::Late(0), observation.late()),
            ] {
                let value = outgoing.iter().filter(|m| **m == message).count() as f64 / samples as f64;
                let standard_error = (reference * (1.0 - reference) / samples as f64).sqrt();
                let tolerance = Some(THEOREM_TOLERANCE * standard_error);
                let parameters = parameters.clone();
                cells.push(Cell { parameters, quantity, value, standard_error, reference, tolerance, samples });
            }
        }
    }
    Ok(Figure { title: "Theorems 1 and 2: the message that leaves a mix", cells })
}

fn epsilon<X: Copy>(
    plan: Plan,
    stream: u32,
    references: &[Epsilon<X>],
    network: impl Fn(X) -> (String, Network),
    progress: impl Fn(&str),
) -> Result<Vec<Cell>, FigureError> {
    let mut cells = Vec::new();
    for (index, &(x, pool, messages)) in references.iter().enumerate() {
        let (parameters, network) = network(x);
        progress(&parameters);
        let runs = repeat(plan.seed, stream + index as u32, plan.repetitions, |rng| network.simulate(rng));
        let runs = runs.into_iter().collect::<Result<Vec<Difference>, _>>()?;
        let in_pool: Vec<f64> = runs.iter().filter_map(|run| run.pool).collect();
        let outgoing: Vec<f64> = runs.iter().filter_map(|run| run.messages).collect();
        for (quantity, sample, reference, tested) in
            [("ε of messages, nats", outgoing, messages, true), ("ε in the final pool, nats", in_pool, pool, false)]
        {
            let (value, standard_error) = mean(&sample);
            let tolerance = tested.then_some(EPSILON_TOLERANCE * standard_error);
            let (parameters, samples) = (parameters.clone(), sample.len());
            cells.push(Cell { parameters, quantity, value, standard_error, reference, tolerance, samples });
        }
    }
    Ok(cells)
}

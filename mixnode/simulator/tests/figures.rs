//! Figures and theorems against the reference values, with few repetitions: seeded, so that they never fail by chance.

use mimiq_simulator::{
    entropy,
    figures::{Plan, figure7, theorems},
    network::{Network, NetworkError},
    parallel::repeat,
    reference::{Epsilon, FIGURE5, FIGURE5_LAMBDA, FIGURE6, FIGURE7, FIGURE8},
    report::{Figure, mean},
    theorems::Observation,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn agrees(network: Network, (_, _, reference): Epsilon<impl Copy>) {
    let runs = repeat(3, 0, 60, |rng| network.simulate(rng).ok()?.messages);
    let sample: Vec<f64> = runs.into_iter().flatten().collect();
    assert_eq!(sample.len(), 60, "{network:?}");
    let (value, error) = mean(&sample);
    assert!((value - reference).abs() < 3.0 * error, "{network:?}: {value} ± {error} against {reference}");
    assert!(error < 0.1 * reference, "{network:?}: ± {error} would let anything pass");
}

#[test]
fn figure5_one_delay_and_both_ends() {
    for (row, column) in [(0, 0), (0, 4), (2, 0), (2, 2), (4, 4)] {
        let (delay, bits) = FIGURE5[row];
        let lambda = FIGURE5_LAMBDA[column];
        let repetitions = if row == 4 { 8 } else { 20 };
        let (value, _) =
            mean(&repeat(1, 0, repetitions, |rng| entropy::poisson_mix(lambda, 1.0 / delay, rng).unwrap()));
        assert!((value - bits[column]).abs() < 0.02, "{delay} s, {lambda}/s: {value} bits");
    }
}

#[test]
fn figure6_slow_and_fast_mixes() {
    for cell in [FIGURE6[1], FIGURE6[5], FIGURE6[8]] {
        agrees(Network { mu: cell.0, ..Network::default() }, cell);
    }
}

#[test]
fn figure7_one_to_ten_layers() {
    for cell in [FIGURE7[0], FIGURE7[1], FIGURE7[3], FIGURE7[6]] {
        agrees(Network { layers: cell.0, ..Network::default() }, cell);
    }
}

#[test]
fn figure8_corrupt_mixes() {
    for cell in [FIGURE8[0], FIGURE8[2], FIGURE8[4], FIGURE8[6]] {
        agrees(Network { corrupt: cell.0, ..Network::default() }, cell);
    }
}

#[test]
fn theorems_1_and_2() {
    let figure = theorems(Plan { repetitions: 100, seed: 1 }, |_| ()).unwrap();
    assert_eq!(figure.cells.len(), 18);
    assert!(figure.agrees(), "{figure}");
}

#[test]
fn formulas_give_each_outcome_its_share() {
    let mix = Observation { n: 7, k: 3, l: 4, mu: 0.5, loops: 2.5 };
    let a_loop = mix.loops / (7.0 * mix.mu + mix.loops);
    assert!((7.0 * mix.early() + 4.0 * mix.late() + a_loop - 1.0).abs() < 1e-12);
}

#[test]
fn a_batch_of_arrivals_has_the_papers_entropy() {
    // Equation (5) for three arrivals at once into a pool of five whose entropy is two bits.
    let (new, old) = (3.0 / 8.0_f64, 5.0 / 8.0_f64);
    let batch = -new * new.log2() - old * old.log2() + new * 3.0_f64.log2() + old * 2.0;
    let one_by_one = (5..8).fold(2.0, |entropy, inside| entropy::after_arrival(inside, entropy));
    assert!((batch - one_by_one).abs() < 1e-12);
    assert_eq!(entropy::after_arrival(0, 0.0), 0.0);
}

#[test]
fn a_seed_decides_everything() {
    let run = |seed| figure7(Plan { repetitions: 2, seed }, |_| ()).unwrap().to_string();
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn networks_that_cannot_be_are_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let good = Network { duration: 1.0, ..Network::default() };
    assert!(good.simulate(&mut rng).is_ok());
    for mu in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(Network { mu, ..good }.simulate(&mut rng), Err(NetworkError::Rate { name: "μ", .. })));
        assert!(entropy::poisson_mix(1.0, mu, &mut rng).is_err());
    }
    assert!(matches!(Network { mu: 1e-12, ..good }.simulate(&mut rng), Err(NetworkError::Rate { .. })));
    assert!(matches!(Network { users: 2, ..good }.simulate(&mut rng), Err(NetworkError::Size { .. })));
    assert!(matches!(Network { layers: 0, ..good }.simulate(&mut rng), Err(NetworkError::Size { .. })));
    assert!(matches!(Network { corrupt: 10, ..good }.simulate(&mut rng), Err(NetworkError::Corrupt { .. })));
}

#[test]
fn a_wrong_value_fails_its_figure() {
    let mut figure: Figure = theorems(Plan { repetitions: 2, seed: 1 }, |_| ()).unwrap();
    figure.cells[0].reference += 0.5;
    assert!(!figure.agrees());
    figure.cells[0].value = f64::NAN;
    assert!(!figure.agrees());
}

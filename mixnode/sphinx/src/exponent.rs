//! From a packet's secret exponent to what each of its hops derives.
//!
//! The blinded points themselves are not needed: the exponents are multiplied modulo the order of their group (n + 1
//! multiplications for n hops). Each exponent hangs on the secret before it, so the hops of a packet are one after the other; but packets
//! are independent, and eight of them share one call of the lanes for each hop.

use std::sync::OnceLock;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use rand::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Hop;
use crate::dh::{Avx512, LANES, Table};
use crate::schedule::Schedule;

/// A secret number below the order of the group.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Exponent(Scalar);

impl Exponent {
    pub(crate) fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut seed = [0; 64];
        rng.fill_bytes(&mut seed);
        let exponent = Self(Scalar::from_bytes_mod_order_wide(&seed));
        seed.zeroize();
        exponent
    }

    fn blind(&mut self, schedule: &Schedule) {
        self.0 *= Scalar::from_bytes_mod_order(schedule.blinding);
    }
}

/// α, and what each hop derives.
pub(crate) type Derived = ([u8; 32], Vec<Schedule>);

/// Of one packet, with the tables of the keys.
pub(crate) fn derive(mut exponent: Exponent, path: &[Hop<'_>]) -> Derived {
    let alpha = EdwardsPoint::mul_base(&exponent.0).to_montgomery().to_bytes();
    let mut schedules = Vec::with_capacity(path.len());
    for hop in path {
        let mut secret = hop.key.multiply(&exponent.0);
        let schedule = Schedule::new(&secret);
        secret.zeroize();
        exponent.blind(&schedule);
        schedules.push(schedule);
    }
    (alpha, schedules)
}

/// Of up to eight packets.
pub(crate) fn derive_group<'a>(mut exponents: Vec<Exponent>, paths: &[&[Hop<'a>]]) -> Vec<Derived> {
    let Some((lanes, base)) = lanes().filter(|(lanes, _)| exponents.len() >= lanes.enough_tables()) else {
        return exponents.into_iter().zip(paths).map(|(exponent, path)| derive(exponent, path)).collect();
    };
    // A lane that nothing is wanted of multiplies the base point.
    let multiply = |exponents: &[Exponent], table: &dyn Fn(usize) -> Option<&'a Table>| {
        let mut pairs = [(base, [0; 32]); LANES];
        for (at, ((to, scalar), exponent)) in pairs.iter_mut().zip(exponents).enumerate() {
            (*to, *scalar) = (table(at).unwrap_or(base), exponent.0.to_bytes());
        }
        let products = lanes.multiply_tables(&pairs);
        pairs.iter_mut().for_each(|(_, scalar)| scalar.zeroize());
        products
    };
    let alphas = multiply(&exponents, &|_| None);
    let mut schedules: Vec<_> = paths.iter().map(|path| Vec::with_capacity(path.len())).collect();
    for hop in 0..paths.iter().map(|path| path.len()).max().unwrap_or_default() {
        let mut secrets = multiply(&exponents, &|at| paths[at].get(hop)?.key.lanes());
        for ((exponent, path), (schedules, secret)) in
            exponents.iter_mut().zip(paths).zip(schedules.iter_mut().zip(&secrets))
        {
            // Of a path that is at its end, nothing is wanted any more.
            if hop < path.len() {
                let schedule = Schedule::new(secret);
                exponent.blind(&schedule);
                schedules.push(schedule);
            }
        }
        secrets.zeroize();
    }
    alphas.into_iter().zip(schedules).collect()
}

/// The lanes, if the CPU has them, and the base point's multiples.
fn lanes() -> Option<(Avx512, &'static Table)> {
    static BASE: OnceLock<Table> = OnceLock::new();
    let lanes = Avx512::detect()?;
    Some((lanes, BASE.get_or_init(|| lanes.table(&ED25519_BASEPOINT_POINT))))
}

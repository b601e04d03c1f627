//! From a packet's secret exponent to what each of its hops derives.
//!
//! The blinded points themselves are not needed: the exponents are multiplied modulo the order of their group (n + 1
//! multiplications for n hops). Each exponent hangs on the secret before it, so the hops of a packet are one after the other; but packets
//! are independent, and eight of them share one call of the lanes for each hop.

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use rand::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Hop;
use crate::dh::{BASE, Ifma, LANES, Pair};
use crate::schedule::Schedule;

/// Packets for which a call of the lanes takes less time than a multiplication from a table for each.
const ENOUGH: usize = 4;

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
pub(crate) fn derive_group(mut exponents: Vec<Exponent>, paths: &[&[Hop<'_>]]) -> Vec<Derived> {
    let Some(lanes) = Ifma::detect().filter(|_| exponents.len() >= ENOUGH) else {
        return exponents.into_iter().zip(paths).map(|(exponent, path)| derive(exponent, path)).collect();
    };
    let multiply = |exponents: &[Exponent], point: &dyn Fn(usize) -> [u8; 32]| {
        let mut pairs = [Pair { scalar: [0; 32], point: BASE }; LANES];
        for (at, (pair, exponent)) in pairs.iter_mut().zip(exponents).enumerate() {
            *pair = Pair { scalar: exponent.0.to_bytes(), point: point(at) };
        }
        let products = lanes.multiply(&pairs);
        pairs.zeroize();
        products
    };
    let alphas = multiply(&exponents, &|_| BASE);
    let mut schedules: Vec<_> = paths.iter().map(|path| Vec::with_capacity(path.len())).collect();
    for hop in 0..paths.iter().map(|path| path.len()).max().unwrap_or_default() {
        let key = |at: usize| paths[at].get(hop).map_or(BASE, |hop| *hop.key.public_key().as_bytes());
        let mut secrets = multiply(&exponents, &key);
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

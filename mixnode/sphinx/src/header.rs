//! Building headers: what is drawn, what follows from it, and how it is written.

use std::time::Duration;

use rand::{CryptoRng, RngCore};

use crate::exponent::{self, Exponent};
use crate::schedule::Schedule;
use crate::wire::{ALPHA, BETA, BLOCK, Block, DELIVER, DROP, GAMMA, LOOP, MOST_STREAM, RELAY, VERSION};
use crate::{BuildError, Destination, Geometry, Hop, Order};

/// Writes a header, whose buffer has the right size, and says what each hop will derive.
pub(crate) fn build(
    geometry: &Geometry,
    epoch: u8,
    path: &[Hop<'_>],
    destination: &Destination,
    rng: &mut impl CryptoRng,
    to: &mut [u8],
) -> Result<Vec<Schedule>, BuildError> {
    let delays = delays(geometry, path)?;
    let exponent = draw(geometry, path, &delays, destination, rng, to);
    let (alpha, schedules) = exponent::derive(exponent, path);
    write(geometry, epoch, path, &delays, &alpha, &schedules, to);
    Ok(schedules)
}

/// The same for up to eight headers at once. Nothing is drawn unless all orders fit.
pub(crate) fn build_group(
    geometry: &Geometry,
    orders: &[Order<'_>],
    rng: &mut impl CryptoRng,
    to: &mut [&mut [u8]],
) -> Result<Vec<Vec<Schedule>>, BuildError> {
    let delays = orders.iter().map(|order| delays(geometry, order.path)).collect::<Result<Vec<_>, _>>()?;
    let draws = orders.iter().zip(&delays).zip(&mut *to);
    let exponents = draws.map(|((order, delays), to)| draw(geometry, order.path, delays, &order.destination, rng, to));
    let paths: Vec<&[Hop<'_>]> = orders.iter().map(|order| order.path).collect();
    let derived = exponent::derive_group(exponents.collect(), &paths);
    let mut all = Vec::with_capacity(orders.len());
    for ((order, delays), ((alpha, schedules), to)) in orders.iter().zip(&delays).zip(derived.into_iter().zip(to)) {
        write(geometry, order.epoch, order.path, delays, &alpha, &schedules, to);
        all.push(schedules);
    }
    Ok(all)
}

/// Microseconds at each hop, of a path that fits.
type Delays = [u32; Geometry::MOST_HOPS];

fn delays(geometry: &Geometry, path: &[Hop<'_>]) -> Result<Delays, BuildError> {
    if path.is_empty() || path.len() > geometry.hops() {
        return Err(BuildError::Path { hops: path.len(), most: geometry.hops() });
    }
    let mut delays = [0; Geometry::MOST_HOPS];
    for (delay, hop) in delays.iter_mut().zip(path) {
        *delay = micros(hop.delay)?;
    }
    Ok(delays)
}

/// Draws everything random: the exponent, and the last hop's part of β, which is left there in plain.
fn draw(
    geometry: &Geometry,
    path: &[Hop<'_>],
    delays: &Delays,
    destination: &Destination,
    rng: &mut impl CryptoRng,
    to: &mut [u8],
) -> Exponent {
    let exponent = Exponent::draw(rng);
    let last = path.len() - 1;
    let own = &mut to[BETA..BETA + geometry.beta_len() - last * BLOCK];
    // Random behind the last block, so that its hop does not see how long the path was.
    rng.fill_bytes(&mut own[BLOCK..]);
    let (flag, address, name) = match *destination {
        Destination::Inbox { recipient, id } => (DELIVER, recipient, id),
        Destination::Drop => (DROP, random(rng), random(rng)),
        Destination::Loop { id } => (LOOP, random(rng), id),
    };
    put(own, &Block { flag, delay: delays[last], address, name });
    exponent
}

/// Writes what follows from the draw, from the last hop to the first.
fn write(
    geometry: &Geometry,
    epoch: u8,
    path: &[Hop<'_>],
    delays: &Delays,
    alpha: &[u8; 32],
    schedules: &[Schedule],
    to: &mut [u8],
) {
    let (length, last) = (geometry.beta_len(), path.len() - 1);
    to[0] = VERSION;
    to[1] = epoch;
    to[ALPHA..GAMMA].copy_from_slice(alpha);
    let beta = &mut to[BETA..];
    // What the hops before the last one append: each shifts in zeros, which its stream encrypts.
    let mut filler = [0; MOST_STREAM];
    for (done, schedule) in schedules.iter().take(last).enumerate() {
        let mut stream = [0; MOST_STREAM];
        schedule.apply(&mut stream[..length + BLOCK]);
        let from = length - done * BLOCK;
        filler[..(done + 1) * BLOCK].iter_mut().zip(&stream[from..]).for_each(|(filler, stream)| *filler ^= stream);
    }
    let (own, appended) = beta.split_at_mut(length - last * BLOCK);
    schedules[last].apply(own);
    appended.copy_from_slice(&filler[..last * BLOCK]);
    let mut code = schedules[last].authenticate(VERSION, epoch, beta);
    for hop in (0..last).rev() {
        beta.copy_within(..length - BLOCK, BLOCK);
        put(beta, &Block { flag: RELAY, delay: delays[hop], address: path[hop + 1].node, name: code });
        schedules[hop].apply(beta);
        code = schedules[hop].authenticate(VERSION, epoch, beta);
    }
    to[GAMMA..BETA].copy_from_slice(&code);
}

fn put(beta: &mut [u8], block: &Block) {
    if let Some(to) = beta.first_chunk_mut::<BLOCK>() {
        block.write(to);
    }
}

fn random<const N: usize>(rng: &mut impl RngCore) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn micros(delay: Duration) -> Result<u32, BuildError> {
    u32::try_from(delay.as_micros()).map_err(|_| BuildError::Delay(delay))
}

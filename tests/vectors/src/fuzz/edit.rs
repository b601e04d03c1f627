//! Edits of well-formed frames, aimed at what a pipeline looks at.

use rand::Rng;

use super::{
    packet::{fix_icmpv6, fix_ipv4},
    universe::{Universe, pick},
};

/// Where fields of outer and inner headers are: lengths, versions, protocols, hop limits, checksums, flags, ports.
const WORDS: [usize; 16] = [12, 16, 18, 20, 24, 38, 54, 56, 58, 60, 64, 70, 98, 100, 62, 68];
const BYTES: [usize; 22] = [0, 6, 14, 15, 20, 21, 22, 23, 54, 55, 56, 60, 61, 62, 63, 64, 65, 66, 78, 79, 94, 95];
const VALUES: [u8; 22] =
    [0, 1, 2, 4, 6, 17, 41, 44, 45, 58, 59, 60, 64, 0x45, 0x46, 0x44, 0x60, 0x40, 0x85, 0x87, 0x80, 0xff];
/// Ends of headers, and one more or less.
const ENDS: [usize; 14] = [14, 34, 38, 42, 54, 62, 70, 74, 78, 84, 86, 94, 102, 110];

/// Edits half of the frames, once or several times.
pub(super) fn some(rng: &mut impl Rng, universe: &Universe, frame: &mut Vec<u8>) {
    if rng.random() {
        return;
    }
    for _ in 0..pick(rng, &[1, 1, 1, 2, 2, 3]).unwrap_or(1) {
        one(rng, universe, frame);
    }
    // Otherwise most edits would end at the checksum.
    if rng.random_ratio(2, 3) {
        fix_checksums(frame);
    }
}

fn one(rng: &mut impl Rng, universe: &Universe, frame: &mut Vec<u8>) {
    match rng.random_range(0..16) {
        0..2 => {
            let bits = 8 * frame.len().min(130);
            if bits > 0 {
                let bit = rng.random_range(0..bits);
                frame[bit / 8] ^= 1 << (bit % 8);
            }
        }
        2..5 => {
            if let Some(byte) = pick(rng, &BYTES).and_then(|at| frame.get_mut(at)) {
                *byte = pick(rng, &VALUES).unwrap_or(0);
            }
        }
        5..9 => {
            if let Some(word) = pick(rng, &WORDS).and_then(|at| frame.get_mut(at..at + 2)) {
                let old = u16::from_be_bytes([word[0], word[1]]);
                let new = match rng.random_range(0..6) {
                    0 => 0,
                    1 => u16::MAX,
                    2 => rng.random(),
                    3 => rng.random_range(0..64),
                    _ => old.wrapping_add(rng.random_range(0..17)).wrapping_sub(8),
                };
                word.copy_from_slice(&new.to_be_bytes());
            }
        }
        9 => {
            let end = pick(rng, &ENDS).unwrap_or(14) + rng.random_range(0..3);
            frame.truncate(end.saturating_sub(1).max(1));
        }
        10 => frame.truncate(rng.random_range(0..frame.len().max(1)).max(1)),
        11..13 => frame.extend((0..rng.random_range(1..64)).map(|n| 0xa0 | n & 0xf)),
        13 => {
            let at = rng.random_range(0..=frame.len().min(120));
            let bytes: Vec<u8> = (0..rng.random_range(1..9)).map(|_| rng.random()).collect();
            frame.splice(at..at, bytes);
        }
        14 => {
            let at = rng.random_range(0..frame.len().max(1));
            let end = (at + rng.random_range(1..9)).min(frame.len());
            frame.drain(at..end);
        }
        _ => {
            // Another source or destination, from where the tables' keys are.
            let addr = universe.any_v6(rng).octets();
            if let Some(field) = pick(rng, &[22, 38, 62, 78]).and_then(|at| frame.get_mut(at..at + 16)) {
                field.copy_from_slice(&addr);
            }
        }
    }
}

/// Makes the checksums right that the pipeline looks at, of the outer packet and of one in a tunnel.
fn fix_checksums(frame: &mut [u8]) {
    match frame.get(12..14) {
        Some([0x08, 0x00]) => fix_ipv4(&mut frame[14..]),
        Some([0x86, 0xdd]) => {
            fix_icmpv6(&mut frame[14..]);
            if frame.get(20) == Some(&4) {
                fix_ipv4(frame.get_mut(54..).unwrap_or_default());
            }
        }
        _ => {}
    }
}

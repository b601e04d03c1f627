//! Frames in layered notation: `eth(src=.., dst=..)/ipv6(src=.., dst=..)/udp(sport=1, dport=2)/text("hello")`. Lengths, checksums
//! and the type of what follows are computed unless they are given. The layers are described in `README.md`.

mod args;
mod build;
pub(crate) mod checksum;
mod layers;
mod parse;

use anyhow::Result;

/// Builds the frame of a notation.
///
/// # Errors
/// If it is none; the message names the layer, the argument and the value.
pub fn build(notation: &str) -> Result<Vec<u8>> {
    build::frame(&parse::frame(notation)?)
}

/// A frame as a notation of its bytes, in groups by what is usually there.
pub fn print(frame: &[u8]) -> String {
    let digits: Vec<String> = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut groups = Vec::new();
    let mut rest = digits.as_slice();
    for len in [6, 6, 2].into_iter().chain(std::iter::repeat(4)) {
        if rest.is_empty() {
            break;
        }
        let (group, behind) = rest.split_at(len.min(rest.len()));
        groups.push(group.concat());
        rest = behind;
    }
    format!("hex({})", groups.join(" "))
}

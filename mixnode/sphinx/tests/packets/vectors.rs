//! Test vectors for other implementations: `vectors.txt`, made by the model. `MIMIQ_WRITE_VECTORS=1` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use mimiq_sphinx::{Destination, Geometry};

use crate::model;
use crate::setup::{EPOCH, Path, message, one, rng};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Three hops of a format for four, 64 bytes of payload: all secrets, and the packet as it arrives at each hop.
fn vectors() -> String {
    let geometry = Geometry::new(4, 64).unwrap();
    let mut text = "# hops 4, payload 64; the packet is made of the stream of ChaCha20 (rand_chacha) seeded with the case's number\n".to_owned();
    for (case, destination) in [
        Destination::Inbox { recipient: [0xaa; 16], id: [0xbb; 16] },
        Destination::Drop,
        Destination::Loop { id: [0xcc; 16] },
    ]
    .iter()
    .enumerate()
    {
        let path = Path::new(geometry, 3, case as u64);
        let sent = message(&geometry);
        writeln!(text, "\ncase {case} {destination:?} epoch {EPOCH}\npayload {}", hex(&sent)).unwrap();
        let mut packet = model::build(4, EPOCH, &path.model(), destination, &sent, &mut rng(case as u64));
        assert_eq!(packet, path.build(destination, &sent, case as u64));
        for (hop, node) in path.nodes.iter().enumerate() {
            let (name, secret) = (hex(&node.name), hex(node.secret.as_bytes()));
            writeln!(text, "hop {hop} node {name} secret {secret} delay {}\npacket {}", node.micros, hex(&packet))
                .unwrap();
            let (next, tag, ..) = model::unwrap(4, *node.secret.as_bytes(), &packet).unwrap();
            writeln!(text, "tag {}", hex(&tag)).unwrap();
            assert_eq!(one(&path.unwrapper(hop), &mut packet).unwrap().tag, tag);
            assert_eq!(packet, next);
        }
    }
    text
}

#[test]
fn vectors_are_those_on_file() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/packets/vectors.txt");
    if std::env::var_os("MIMIQ_WRITE_VECTORS").is_some() {
        fs::write(&file, vectors()).unwrap();
    }
    assert_eq!(vectors(), fs::read_to_string(file).unwrap());
}

//! Nym's successor of its Sphinx, with one scalar multiplication a hop.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{anyhow, ensure};
use nym_outfox::format::MixCreationParameters;
use x25519_dalek_2::{PublicKey, StaticSecret};

use super::{BATCH, PAYLOAD, each};

/// Its packets always have so many layers.
const LAYERS: usize = 4;

pub(super) struct Network {
    parameters: MixCreationParameters,
    secrets: Vec<StaticSecret>,
}

impl Network {
    pub(super) fn new() -> anyhow::Result<Self> {
        let secrets = (1..=LAYERS).map(|layer| StaticSecret::from([layer as u8; 32])).collect();
        Ok(Self { parameters: MixCreationParameters::new(u16::try_from(PAYLOAD)?), secrets })
    }

    /// A packet, in a buffer that is there, with a new key for each layer as its own builder does.
    fn fill(&self, packet: &mut [u8]) -> anyhow::Result<()> {
        for (layer, secret) in self.secrets.iter().enumerate() {
            let (range, stage) = self.parameters.get_stage_params(layer);
            let (own, mix) = (StaticSecret::random(), PublicKey::from(secret));
            stage.encode_mix_layer(&mut packet[range], &own, mix, &[5; 32]).map_err(|error| anyhow!("{error}"))?;
        }
        Ok(())
    }

    /// The outermost layer in place: neither parsed nor serialised.
    pub(super) fn unwrap(&self) -> anyhow::Result<f64> {
        let mut packets = vec![vec![13; self.parameters.total_packet_length()]; BATCH];
        packets.iter_mut().try_for_each(|packet| self.fill(packet))?;
        let (range, stage) = self.parameters.get_stage_params(LAYERS - 1);
        let mut found = Vec::with_capacity(BATCH);
        let start = Instant::now();
        for packet in &mut packets {
            found.push(stage.decode_mix_layer(black_box(&mut packet[range.clone()]), &self.secrets[LAYERS - 1]));
        }
        let time = each(start);
        ensure!(found.iter().all(|found| found.as_ref().is_ok_and(|next| *next == [5; 32])), "a packet was refused");
        Ok(time)
    }
}

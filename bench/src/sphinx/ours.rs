//! mimiq-sphinx.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::ensure;
use mimiq_sphinx::{BuildError, Destination, Geometry, Hop, NodeKey, Order, SecretKey, Unwrapper, build, build_batch};
use rand::{SeedableRng as _, rngs::StdRng};

use super::{BATCH, PAYLOAD, each};

pub(super) struct Network {
    geometry: Geometry,
    keys: Vec<NodeKey>,
    first: Unwrapper,
}

impl Network {
    pub(super) fn new(hops: usize) -> anyhow::Result<Self> {
        let geometry = Geometry::new(5, PAYLOAD)?;
        let mut rng = StdRng::seed_from_u64(1);
        let secrets: Vec<SecretKey> = (0..hops).map(|_| SecretKey::generate(&mut rng)).collect();
        let keys = secrets.iter().map(|secret| NodeKey::new(secret.public_key())).collect::<Result<_, _>>()?;
        Ok(Self { geometry, keys, first: Unwrapper::new(geometry, secrets[0].clone()) })
    }

    fn packets(
        &self,
        build: impl Fn(&[Order<'_>], &mut [&mut [u8]]) -> Result<(), BuildError>,
    ) -> anyhow::Result<(Vec<Vec<u8>>, f64)> {
        let path: Vec<Hop<'_>> =
            self.keys.iter().map(|key| Hop { node: [1; 16], key, delay: Duration::from_millis(10) }).collect();
        let payload = vec![13; PAYLOAD];
        let destination = Destination::Inbox { recipient: [3; 16], id: [4; 16] };
        let orders = [Order { epoch: 0, path: &path, destination, payload: Some(&payload) }; BATCH];
        let mut packets = vec![vec![0; self.geometry.packet_len()]; BATCH];
        let mut buffers: Vec<&mut [u8]> = packets.iter_mut().map(Vec::as_mut_slice).collect();
        let start = Instant::now();
        build(black_box(&orders), &mut buffers)?;
        let time = each(start);
        Ok((packets, time))
    }

    fn one_by_one(&self, orders: &[Order<'_>], packets: &mut [&mut [u8]]) -> Result<(), BuildError> {
        let mut rng = rand::rng();
        orders.iter().zip(packets).try_for_each(|(order, packet)| {
            let payload = order.payload.unwrap_or_default();
            build(&self.geometry, order.epoch, order.path, &order.destination, payload, &mut rng, packet)
        })
    }

    /// Eight at once.
    pub(super) fn build_batch(&self) -> anyhow::Result<f64> {
        Ok(self.packets(|orders, packets| build_batch(&self.geometry, orders, &mut rand::rng(), packets))?.1)
    }

    /// Into buffers that are there.
    pub(super) fn build(&self) -> anyhow::Result<f64> {
        Ok(self.packets(|orders, packets| self.one_by_one(orders, packets))?.1)
    }

    /// A batch in place, as it came from the wire and as it goes out.
    pub(super) fn unwrap(&self) -> anyhow::Result<f64> {
        let (mut packets, _) = self.packets(|orders, packets| self.one_by_one(orders, packets))?;
        let mut batch: Vec<&mut [u8]> = packets.iter_mut().map(Vec::as_mut_slice).collect();
        let mut results = Vec::with_capacity(BATCH);
        let start = Instant::now();
        self.first.unwrap_batch(black_box(&mut batch), &mut results);
        let time = each(start);
        ensure!(results.iter().all(Result::is_ok), "a packet was refused");
        Ok(time)
    }
}

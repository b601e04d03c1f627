//! Builds a client's packets. All are made in the same way, through the client's provider and a mix of each layer.

use std::time::Duration;

use mimiq_directory::{Node, Routes};
use mimiq_messages::{Address, Due, Fragment, Identity, Piece, SealError, seal};
use mimiq_sphinx::{BuildError, Destination, Hop, NodeId, Order, ReplyKeys, build, build_batch, build_surb};
use rand::{CryptoRng, Rng};

/// Why a packet cannot be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PacketError {
    #[error("provider {0:?} is not in the network")]
    Provider(String),
    #[error("path: {0}")]
    Build(#[from] BuildError),
    #[error("the network has no path")]
    Path,
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// A packet that is ready to be sent.
pub(crate) struct Ready {
    pub(crate) packet: Vec<u8>,
    /// The epoch of its keys.
    pub(crate) epoch: u64,
    pub(crate) what: What,
}

/// What a packet is, which only its sender knows.
pub(crate) enum What {
    Drop,
    Loop { id: [u8; 16], path: Vec<NodeId>, delay: Duration },
    Piece(Piece, Option<Awaited>),
    Acknowledgement,
}

/// The acknowledgement of a piece: the reply block's name, and what opens the reply.
pub(crate) struct Awaited {
    pub(crate) id: [u8; 16],
    pub(crate) keys: ReplyKeys,
}

/// A packet of cover traffic before it is built.
struct Planned<'a> {
    hops: Vec<Hop<'a>>,
    destination: Destination,
    what: What,
}

/// Who sends: the provider's name, and the inbox there.
pub(crate) struct Sender<'a> {
    pub(crate) own: &'a Address,
    pub(crate) routes: &'a Routes,
}

impl Sender<'_> {
    /// Cover traffic that ends at random providers.
    pub(crate) fn drops(&self, count: usize, rng: &mut (impl CryptoRng + Rng)) -> Result<Vec<Ready>, PacketError> {
        let mut planned = Vec::with_capacity(count);
        for _ in 0..count {
            let to = self.routes.directory().random_provider(rng).ok_or(PacketError::Path)?;
            planned.push(Planned { hops: self.hops(to, rng)?, destination: Destination::Drop, what: What::Drop });
        }
        self.cover(planned, rng)
    }

    /// Cover traffic that comes back to the own inbox. To the provider it is a message like others.
    pub(crate) fn loops(&self, count: usize, rng: &mut (impl CryptoRng + Rng)) -> Result<Vec<Ready>, PacketError> {
        let own = self.provider(self.own)?;
        let mut planned = Vec::with_capacity(count);
        for _ in 0..count {
            let (id, hops) = (rng.random(), self.hops(own, rng)?);
            let path = hops.iter().map(|hop| hop.node).collect();
            let what = What::Loop { id, path, delay: hops.iter().map(|hop| hop.delay).sum() };
            planned.push(Planned {
                hops,
                destination: Destination::Inbox { recipient: *self.own.account(), id },
                what,
            });
        }
        self.cover(planned, rng)
    }

    /// A fragment of a message, with a reply block if it is to be acknowledged.
    pub(crate) fn piece(
        &self,
        due: &Due<'_>,
        identity: &Identity,
        rng: &mut (impl CryptoRng + Rng),
    ) -> Result<Ready, PacketError> {
        let (block, awaited) = if due.wants_block { self.block(due.to, rng).map(Option::unzip)? } else { (None, None) };
        let fragment = Fragment { piece: due.piece, count: due.count, block: block.as_deref(), bytes: due.bytes };
        let mut payload = vec![0; self.routes.directory().geometry().payload_len()];
        seal(identity, due.to.key(), &fragment.encode(), rng, &mut payload)?;
        let destination = Destination::Inbox { recipient: *due.to.account(), id: rng.random() };
        let hops = self.hops(self.provider(due.to)?, rng)?;
        let geometry = self.routes.directory().geometry();
        let mut packet = vec![0; geometry.packet_len()];
        build(&geometry, self.routes.epoch_byte(), &hops, &destination, &payload, rng, &mut packet)?;
        Ok(Ready { packet, epoch: self.routes.epoch(), what: What::Piece(due.piece, awaited) })
    }

    /// A reply block for whoever is at that address: it starts at that one's provider, as all that it sends does.
    fn block(
        &self,
        with: &Address,
        rng: &mut (impl CryptoRng + Rng),
    ) -> Result<Option<(Vec<u8>, Awaited)>, PacketError> {
        let id = rng.random();
        let directory = self.routes.directory();
        let path = directory.path(self.provider(with)?, self.provider(self.own)?, rng);
        let hops = self.routes.hops(&path, rng).ok_or(PacketError::Path)?;
        let destination = Destination::Inbox { recipient: *self.own.account(), id };
        let (block, keys) = build_surb(&directory.geometry(), self.routes.epoch_byte(), &hops, &destination, rng)?;
        Ok(Some((block, Awaited { id, keys })))
    }

    fn provider(&self, of: &Address) -> Result<&Node, PacketError> {
        let name = of.provider();
        self.routes.directory().provider(name).ok_or_else(|| PacketError::Provider(name.to_owned()))
    }

    /// A random path to a provider, with random delays.
    fn hops(&self, to: &Node, rng: &mut (impl CryptoRng + Rng)) -> Result<Vec<Hop<'_>>, PacketError> {
        let path = self.routes.directory().path(self.provider(self.own)?, to, rng);
        self.routes.hops(&path, rng).ok_or(PacketError::Path)
    }

    /// Builds them with random payloads.
    fn cover(&self, planned: Vec<Planned<'_>>, rng: &mut (impl CryptoRng + Rng)) -> Result<Vec<Ready>, PacketError> {
        let geometry = self.routes.directory().geometry();
        let epoch = self.routes.epoch();
        let orders: Vec<Order<'_>> = planned
            .iter()
            .map(|planned| Order {
                epoch: self.routes.epoch_byte(),
                path: &planned.hops,
                destination: planned.destination,
                payload: None,
            })
            .collect();
        let mut packets = vec![vec![0; geometry.packet_len()]; planned.len()];
        let mut places: Vec<&mut [u8]> = packets.iter_mut().map(Vec::as_mut_slice).collect();
        build_batch(&geometry, &orders, rng, &mut places)?;
        Ok(packets
            .into_iter()
            .zip(planned)
            .map(|(packet, planned)| Ready { packet, epoch, what: planned.what })
            .collect())
    }
}

//! Builds a client's packets. All are made in the same way, through the client's provider and a mix of each layer.

use std::time::Duration;

use mimiq_directory::{Node, Routes};
use mimiq_messages::{Address, Due, Fragment, Identity, Piece, SealError, seal};
use mimiq_sphinx::{BuildError, Destination, NodeId, ReplyKeys, build, build_surb};
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

/// Who sends: the provider's name, and the inbox there.
pub(crate) struct Sender<'a> {
    pub(crate) own: &'a Address,
    pub(crate) routes: &'a Routes,
}

impl Sender<'_> {
    /// Cover traffic that ends at a random provider.
    pub(crate) fn drop(&self, rng: &mut (impl CryptoRng + Rng)) -> Result<Ready, PacketError> {
        let to = self.routes.directory().random_provider(rng).ok_or(PacketError::Path)?;
        let (packet, _, _) = self.build(to, &Destination::Drop, None, rng)?;
        Ok(Ready { packet, epoch: self.routes.epoch(), what: What::Drop })
    }

    /// Cover traffic that comes back to the own inbox. To the provider it is a message like others.
    pub(crate) fn a_loop(&self, rng: &mut (impl CryptoRng + Rng)) -> Result<Ready, PacketError> {
        let id = rng.random();
        let destination = Destination::Inbox { recipient: *self.own.account(), id };
        let (packet, path, delay) = self.build(self.provider(self.own)?, &destination, None, rng)?;
        Ok(Ready { packet, epoch: self.routes.epoch(), what: What::Loop { id, path, delay } })
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
        let (packet, _, _) = self.build(self.provider(due.to)?, &destination, Some(&payload), rng)?;
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

    /// A packet to a provider, with random bytes where no payload is given; and its path and delays.
    fn build(
        &self,
        to: &Node,
        destination: &Destination,
        payload: Option<&[u8]>,
        rng: &mut (impl CryptoRng + Rng),
    ) -> Result<(Vec<u8>, Vec<NodeId>, Duration), PacketError> {
        let directory = self.routes.directory();
        let geometry = directory.geometry();
        let path = directory.path(self.provider(self.own)?, to, rng);
        let hops = self.routes.hops(&path, rng).ok_or(PacketError::Path)?;
        // Also where it is not used: all packets take the same time.
        let mut random = vec![0; geometry.payload_len()];
        rng.fill_bytes(&mut random);
        let mut packet = vec![0; geometry.packet_len()];
        build(&geometry, self.routes.epoch_byte(), &hops, destination, payload.unwrap_or(&random), rng, &mut packet)?;
        Ok((packet, hops.iter().map(|hop| hop.node).collect(), hops.iter().map(|hop| hop.delay).sum()))
    }
}

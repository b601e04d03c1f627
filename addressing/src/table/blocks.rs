use hashbrown::HashMap;
use slab::Slab;

use crate::{Alias, Codec, PoolId, table::space::Space};

/// The addresses of a naive pool, or those with one alias of an alias pool.
pub(crate) struct Block {
    pub(crate) pool: PoolId,
    /// Of no meaning in a naive pool.
    pub(crate) alias: Alias,
    pub(crate) space: Space,
    /// Addresses leased or in grace.
    pub(crate) live: u32,
    /// Whether it is kept although all of it is free.
    pinned: bool,
}

/// The blocks that have taken addresses or are drawn from.
pub(crate) struct Blocks {
    blocks: Slab<Block>,
    by_alias: HashMap<(PoolId, Alias), u32>,
}

impl Blocks {
    pub(crate) fn new() -> Self {
        Self { blocks: Slab::new(), by_alias: HashMap::new() }
    }

    pub(crate) fn find(&self, pool: PoolId, alias: Alias) -> Option<u32> {
        self.by_alias.get(&(pool, alias)).copied()
    }

    pub(crate) fn get(&self, block: u32) -> &Block {
        &self.blocks[block as usize]
    }

    pub(crate) fn get_mut(&mut self, block: u32) -> &mut Block {
        &mut self.blocks[block as usize]
    }

    pub(crate) fn find_or_add(&mut self, pool: PoolId, codec: &Codec, alias: Alias) -> u32 {
        *self.by_alias.entry((pool, alias)).or_insert_with(|| {
            let space = Space::new(codec.block_size(), matches!(codec, Codec::Naive(_)));
            // Fits: there are no more blocks than addresses that are taken, and aliases that are usable.
            self.blocks.insert(Block { pool, alias, space, live: 0, pinned: false }) as u32
        })
    }

    /// Keeps the block, or not any more.
    pub(crate) fn pin(&mut self, block: u32, pinned: bool) {
        self.blocks[block as usize].pinned = pinned;
        self.drop_unused(block);
    }

    /// To be called when the block may have become untouched.
    pub(crate) fn drop_unused(&mut self, block: u32) {
        let Block { pool, alias, space, pinned, .. } = self.get(block);
        if space.is_untouched() && !pinned {
            self.by_alias.remove(&(*pool, *alias));
            self.blocks.remove(block as usize);
        }
    }
}

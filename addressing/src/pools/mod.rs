//! Skeleton: signatures only.
#![allow(clippy::todo, unused_variables, missing_docs)]

use std::{hash::Hash, net::IpAddr, time::Duration};

use rand::CryptoRng;

use crate::*;

/// All pools of the allocation server.
pub struct Pools<C, L> {
    codecs: Vec<Codec>,
    policy: LeasePolicy,
    phantom: std::marker::PhantomData<(C, L)>,
}

impl<C: Copy + Eq + Hash, L: Copy> Pools<C, L> {
    pub fn new(codecs: Vec<Codec>, epochs: EpochPolicy, leases: LeasePolicy) -> Result<Self, PolicyError> {
        todo!()
    }
    pub fn codecs(&self) -> &[Codec] {
        &self.codecs
    }
    pub fn policy(&self) -> &LeasePolicy {
        &self.policy
    }
    pub fn epoch_policy(&self) -> &EpochPolicy {
        todo!()
    }
    /// The pool that an address belongs to.
    pub fn pool_of(&self, address: IpAddr) -> Option<PoolId> {
        todo!()
    }
    pub fn add_sid<R: CryptoRng + ?Sized>(
        &mut self,
        now: Time,
        rng: &mut R,
        sid: Sid,
    ) -> Result<NewAliases, AliasError> {
        todo!()
    }
    pub fn remove_sid(&mut self, now: Time, sid: Sid) -> Result<(), AliasError> {
        todo!()
    }
    pub fn rotate<R: CryptoRng + ?Sized>(&mut self, now: Time, rng: &mut R) -> Result<NewAliases, AliasError> {
        todo!()
    }
    pub fn confirm(&mut self, now: Time, epoch: Epoch) -> bool {
        todo!()
    }
    pub fn alias_deleted(&mut self, now: Time, pool: PoolId, alias: Alias) -> bool {
        todo!()
    }
    pub fn aliases(&self) -> impl Iterator<Item = (PoolId, Sid, Alias)> {
        std::iter::empty()
    }
    pub fn usable_aliases(&self) -> impl Iterator<Item = (PoolId, Sid, Alias)> {
        std::iter::empty()
    }
    pub fn adopt_alias(&mut self, now: Time, pool: PoolId, sid: Sid, alias: Alias) -> Result<(), AliasError> {
        todo!()
    }
    pub fn resume_alias(&mut self, now: Time, pool: PoolId, sid: Sid, alias: Alias) -> Result<(), AliasError> {
        todo!()
    }
    pub fn acquire<R: CryptoRng + ?Sized>(
        &mut self,
        now: Time,
        rng: &mut R,
        client: C,
        sid: Sid,
        location: L,
        demand: Demand,
    ) -> Result<AddressSet, Refusal> {
        todo!()
    }
    pub fn release(&mut self, now: Time, client: C, address: IpAddr) -> Result<(), NotHeld> {
        todo!()
    }
    pub fn renew<R: CryptoRng + ?Sized>(
        &mut self,
        now: Time,
        rng: &mut R,
        client: C,
        addresses: &[IpAddr],
    ) -> Result<Time, RenewError> {
        todo!()
    }
    pub fn revoke(&mut self, now: Time, address: IpAddr) -> Option<Lease<C, L>> {
        todo!()
    }
    pub fn abort(&mut self, now: Time, address: IpAddr) -> Option<Lease<C, L>> {
        todo!()
    }
    pub fn remove_now(&mut self, now: Time, address: IpAddr) -> Option<Lease<C, L>> {
        todo!()
    }
    pub fn claim(&mut self, now: Time, client: C, address: IpAddr, location: L) -> bool
    where
        L: Eq,
    {
        todo!()
    }
    pub fn rules_removed(&mut self, now: Time, address: IpAddr) -> bool {
        todo!()
    }
    pub fn advance(&mut self, now: Time, events: &mut Vec<Event<C, L>>) {
        todo!()
    }
    pub fn next_deadline(&self) -> Option<Time> {
        todo!()
    }
    pub fn next_rotation(&self) -> Option<Time> {
        todo!()
    }
    pub fn get(&self, address: IpAddr) -> Option<Lease<C, L>> {
        todo!()
    }
    pub fn leases(&self) -> impl Iterator<Item = Lease<C, L>> {
        std::iter::empty()
    }
    pub fn leases_of(&self, client: C) -> impl Iterator<Item = Lease<C, L>> {
        std::iter::empty()
    }
    /// From a cursor on, 0 at first; each item says the cursor that goes on behind it.
    pub fn leases_after(&self, cursor: u32) -> impl Iterator<Item = (u32, Lease<C, L>)> {
        std::iter::empty()
    }
    pub fn held(&self, client: C) -> u32 {
        todo!()
    }
    pub fn occupancy(&self) -> Occupancy {
        todo!()
    }
    pub fn pool_occupancy(&self, pool: PoolId) -> PoolOccupancy {
        todo!()
    }
    pub fn free_for(&self, sid: Sid, family: Family) -> u128 {
        todo!()
    }
    pub fn adopt(
        &mut self,
        now: Time,
        address: IpAddr,
        client: Option<C>,
        location: L,
        expires: Time,
    ) -> Result<(), AdoptError> {
        todo!()
    }
    pub fn quarantine(&mut self, pool: PoolId, until: Time) {
        todo!()
    }
    pub fn set_quarantine(&mut self, pool: PoolId, until: Option<Time>) {
        todo!()
    }
    pub fn all_aliases(&self) -> impl Iterator<Item = (PoolId, Sid, Alias)> {
        std::iter::empty()
    }
    pub fn alias_owner(&self, pool: PoolId, alias: Alias) -> Option<Sid> {
        todo!()
    }
    pub fn next_free(&self, now: Time) -> Option<Duration> {
        todo!()
    }
}

use std::{fmt::Debug, hash::Hash, net::Ipv4Addr};

use mimiq_contract::{MacAddr, PortId, Role, TableSchema, tables::*};

use crate::bits::Bits128;

/// Port and MAC in one word.
#[inline]
pub(crate) fn location(port: PortId, mac: MacAddr) -> u64 {
    let [a, b, c, d, e, f] = mac.0;
    let [p, q] = port.0.to_be_bytes();
    u64::from_be_bytes([p, q, a, b, c, d, e, f])
}

fn port_and_mac(location: u64) -> (PortId, MacAddr) {
    let [p, q, mac @ ..] = location.to_be_bytes();
    (PortId(u16::from_be_bytes([p, q])), MacAddr(mac))
}

/// A table with exact keys only: how a key is packed into words, which is smaller and hashed faster than its fields.
pub(crate) trait ExactSchema: TableSchema {
    /// The packed key.
    type Packed: Copy + Eq + Hash + Debug;
    /// Packs a key.
    fn pack(key: &Self::Key) -> Self::Packed;
    /// Unpacks it.
    fn unpack(packed: Self::Packed) -> Self::Key;
}

macro_rules! packed {
    ($($table:ident($key:ident) = $packed:ty, |$k:ident| $pack:expr, |$p:pat_param| $unpack:tt;)+) => {
        $(impl ExactSchema for $table {
            type Packed = $packed;
            #[inline]
            fn pack($k: &$key) -> $packed { $pack }
            fn unpack($p: $packed) -> $key { $key $unpack }
        })+
    };
}

packed! {
    SourceGuardV6(SourceGuardV6Key) = (u64, Bits128), |k| (location(k.port, k.src_mac), k.src_addr.into()),
        |(at, addr)| { port: port_and_mac(at).0, src_mac: port_and_mac(at).1, src_addr: addr.addr() };
    SourceGuardV4(SourceGuardV4Key) = (u64, u32), |k| (location(k.port, k.src_mac), k.src_addr.to_bits()),
        |(at, addr)| { port: port_and_mac(at).0, src_mac: port_and_mac(at).1, src_addr: Ipv4Addr::from_bits(addr) };
    ClientV6(ClientV6Key) = Bits128, |k| k.dst_addr.into(), |p| { dst_addr: p.addr() };
    ClientV4(ClientV4Key) = u32, |k| k.dst_addr.to_bits(), |p| { dst_addr: Ipv4Addr::from_bits(p) };
    Alias(AliasKey) = Bits128, |k| k.alias_prefix.into(), |p| { alias_prefix: p.addr() };
    BindingV6(BindingV6Key) = Bits128, |k| k.dst_addr.into(), |p| { dst_addr: p.addr() };
    BindingV4(BindingV4Key) = u32, |k| k.dst_addr.to_bits(), |p| { dst_addr: Ipv4Addr::from_bits(p) };
    Decap(DecapKey) = (Bits128, Bits128), |k| (k.outer_src.into(), k.outer_dst.into()),
        |(src, dst)| { outer_src: src.addr(), outer_dst: dst.addr() };
    ControlRelay(ControlRelayKey) = (Bits128, u16), |k| (k.dst_addr.into(), k.udp_dst_port),
        |(dst, port)| { dst_addr: dst.addr(), udp_dst_port: port };
    RelayReturn(RelayReturnKey) = (Bits128, Bits128, u16),
        |k| (k.src_addr.into(), k.dst_addr.into(), k.udp_dst_port),
        |(src, dst, port)| { src_addr: src.addr(), dst_addr: dst.addr(), udp_dst_port: port };
    GatewayV6(GatewayV6Key) = (Role, Bits128), |k| (k.role, k.target_addr.into()),
        |(role, addr)| { role, target_addr: addr.addr() };
    GatewayV4(GatewayV4Key) = (Role, u32), |k| (k.role, k.target_addr.to_bits()),
        |(role, addr)| { role, target_addr: Ipv4Addr::from_bits(addr) };
}

//! What the agent asks of the kernel: its link-local address, and one `local` route per address (AnyIP).
//!
//! `ip -6 route add local ADDRESS/128 dev lo table local proto 109` lets the kernel accept packets to ADDRESS and
//! applications bind to it with `IPV6_FREEBIND`, without duplicate address detection and without an entry on any
//! interface. The protocol number marks the agent's routes, so that a new agent finds those of a killed one. If there is no new one,
//! the kernel lets them expire (IPv6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::{Handle, RouteMessageBuilder};
use tokio::sync::Mutex;

/// "m": in nobody else's use (`/etc/iproute2/rt_protos`).
const PROTOCOL: RouteProtocol = RouteProtocol::Other(109);
/// `RT_TABLE_LOCAL`.
const TABLE_LOCAL: u8 = 255;
/// The index of `lo` in every network namespace.
const LOOPBACK: u32 = 1;

/// Why the kernel could not be asked or said no.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// No netlink socket.
    #[error("netlink: {0}")]
    Open(#[from] std::io::Error),
    /// The kernel refused.
    #[error("netlink: {0}")]
    Refused(#[from] rtnetlink::Error),
    /// A route that cannot be expressed.
    #[error("netlink: route: {0}")]
    Route(String),
}

/// A netlink socket. Clones are the same.
#[derive(Clone)]
pub struct Netlink {
    handle: Handle,
    /// Held while the kernel lists something: it lists one thing at a time on one socket, and else is busy (`EBUSY`).
    listing: Arc<Mutex<()>>,
}

impl Netlink {
    /// Opens a netlink socket in the network namespace of this thread.
    ///
    /// # Errors
    /// If there is none to be had.
    pub fn open() -> Result<Self, NetlinkError> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        Ok(Self { handle, listing: Arc::default() })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The index and the usable link-local address of an interface, as soon as it has one.
    ///
    /// # Errors
    /// If the kernel refuses; a missing interface or address is `None`.
    pub async fn link_local(&self, interface: &str) -> Result<Option<(u32, Ipv6Addr)>, NetlinkError> {
        let mut links = self.handle.link().get().match_name(interface).execute();
        let index = match links.try_next().await {
            Ok(Some(link)) => link.header.index,
            Ok(None) => return Ok(None),
            Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -libc::ENODEV => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let _listing = self.listing.lock().await;
        let mut addresses = self.handle.address().get().set_link_index_filter(index).execute();
        let mut found = None;
        while let Some(message) = addresses.try_next().await? {
            let unusable = AddressHeaderFlags::Tentative | AddressHeaderFlags::Dadfailed;
            if message.header.family != AddressFamily::Inet6 || message.header.flags.intersects(unusable) {
                continue;
            }
            for attribute in message.attributes {
                if let AddressAttribute::Address(IpAddr::V6(address)) = attribute
                    && address.is_unicast_link_local()
                {
                    found = found.or(Some((index, address)));
                }
            }
        }
        Ok(found)
    }

    /// Makes an address local for so long, rounded up to seconds. Linux has no such limit for IPv4: there it is for good.
    ///
    /// # Errors
    /// If the kernel refuses (the agent needs `CAP_NET_ADMIN`).
    pub async fn install(&self, address: IpAddr, limit: Duration) -> Result<(), NetlinkError> {
        let mut route = local_route(address)?;
        if address.is_ipv6() {
            let seconds = u32::try_from(limit.as_secs() + 1).unwrap_or(u32::MAX);
            route.attributes.push(RouteAttribute::Expires(seconds));
        }
        Ok(self.handle.route().add(route).replace().execute().await?)
    }

    /// Undoes [`Self::install`].
    ///
    /// # Errors
    /// If the kernel refuses.
    pub async fn remove(&self, address: IpAddr) -> Result<(), NetlinkError> {
        Ok(self.handle.route().del(local_route(address)?).execute().await?)
    }

    /// The addresses that an agent made local.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub async fn installed(&self) -> Result<Vec<IpAddr>, NetlinkError> {
        let all = [RouteMessageBuilder::<Ipv4Addr>::new().build(), RouteMessageBuilder::<Ipv6Addr>::new().build()];
        let mut found = Vec::new();
        let _listing = self.listing.lock().await;
        for filter in all {
            let mut routes = self.handle.route().get(filter).execute();
            while let Some(route) = routes.try_next().await? {
                if route.header.protocol == PROTOCOL && route.header.table == TABLE_LOCAL {
                    found.extend(destination(&route));
                }
            }
        }
        Ok(found)
    }
}

fn local_route(address: IpAddr) -> Result<RouteMessage, NetlinkError> {
    let length = if address.is_ipv4() { 32 } else { 128 };
    Ok(RouteMessageBuilder::<IpAddr>::new()
        .destination_prefix(address, length)
        .map_err(|error| NetlinkError::Route(error.to_string()))?
        .output_interface(LOOPBACK)
        .table_id(TABLE_LOCAL.into())
        .protocol(PROTOCOL)
        .scope(RouteScope::Host)
        .kind(RouteType::Local)
        .build())
}

fn destination(route: &RouteMessage) -> Option<IpAddr> {
    route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some((*address).into()),
        RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some((*address).into()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn those_who_ask_at_once_are_all_answered() {
        let netlink = Netlink::open().unwrap();
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let netlink = netlink.clone();
            asking.spawn(async move {
                for _ in 0..50 {
                    netlink.link_local("lo").await?;
                    netlink.installed().await?;
                }
                Ok::<_, NetlinkError>(())
            });
        }
        for asked in asking.join_all().await {
            asked.unwrap();
        }
    }
}

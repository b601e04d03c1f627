//! The interface towards the client-facing switch, and the way through it.

use std::net::IpAddr;

use futures::TryStreamExt as _;
use mimiq_contract::wellknown::GATEWAY;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteVia};

use super::Finding;
use crate::config::Config;
use crate::netlink::Netlink;

/// IPv6 needs that much (RFC 8200 §5).
const SMALLEST_MTU: u32 = 1280;

struct Link {
    index: u32,
    up: bool,
    running: bool,
    mtu: u32,
}

pub(super) async fn examine(config: &Config, netlink: &Netlink) -> Vec<Finding> {
    let interface = &config.interface;
    let link = match find(netlink, interface).await {
        Ok(Some(link)) => link,
        Ok(None) => {
            let advice = "name the interface towards the client-facing switch: see `ip link`";
            return vec![Finding::problem("interface", format!("{interface}: there is none of that name"), advice)];
        }
        Err(error) => return vec![Finding::problem("interface", format!("{interface}: {error}"), "see `ip link`")],
    };
    let state = match (link.up, link.running) {
        (false, _) => {
            Finding::problem("interface", format!("{interface} is down"), format!("ip link set {interface} up"))
        }
        (true, false) => Finding::problem("interface", format!("{interface} has no carrier"), "plug the cable in"),
        (true, true) => Finding::ok("interface", format!("{interface} is up")),
    };
    let mut findings = vec![state, link_local(netlink, interface).await, mtu(interface, link.mtu)];
    findings.push(route(netlink, interface, link.index, false).await);
    if config.stock_ipv4.is_some() {
        findings.push(route(netlink, interface, link.index, true).await);
    }
    findings
}

async fn find(netlink: &Netlink, interface: &str) -> Result<Option<Link>, rtnetlink::Error> {
    let mut links = netlink.handle().link().get().match_name(interface.to_owned()).execute();
    let message = match links.try_next().await {
        Ok(Some(message)) => message,
        Ok(None) => return Ok(None),
        Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -libc::ENODEV => return Ok(None),
        Err(error) => return Err(error),
    };
    let mtu = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Mtu(mtu) => Some(*mtu),
        _ => None,
    });
    let flags = message.header.flags;
    Ok(Some(Link {
        index: message.header.index,
        up: flags.contains(LinkFlags::Up),
        running: flags.contains(LinkFlags::Running),
        mtu: mtu.unwrap_or_default(),
    }))
}

async fn link_local(netlink: &Netlink, interface: &str) -> Finding {
    const CHECK: &str = "link_local";
    match netlink.link_local(interface).await {
        Ok(Some(_)) => Finding::ok(CHECK, "there is an IPv6 link-local address"),
        Ok(None) => Finding::problem(
            CHECK,
            format!("{interface} has no usable IPv6 link-local address"),
            format!(
                "the interface must be up, IPv6 enabled and duplicate address detection over; then: sysctl -w \
                 net.ipv6.conf.{interface}.addr_gen_mode=0"
            ),
        ),
        Err(error) => Finding::problem(CHECK, error.to_string(), "see `ip -6 addr`"),
    }
}

fn mtu(interface: &str, mtu: u32) -> Finding {
    if mtu < SMALLEST_MTU {
        let advice = format!("ip link set {interface} mtu 1500");
        return Finding::problem("mtu", format!("{mtu}, less than the {SMALLEST_MTU} that IPv6 needs"), advice);
    }
    Finding::ok("mtu", mtu.to_string())
}

/// The default route must lead through the interface to the gateway, which has the same address everywhere.
async fn route(netlink: &Netlink, interface: &str, index: u32, v4: bool) -> Finding {
    let check = if v4 { "route_v4" } else { "route_v6" };
    let advice = if v4 {
        format!("ip -4 route replace default via inet6 {GATEWAY} dev {interface}")
    } else {
        format!("ip -6 route replace default via {GATEWAY} dev {interface}")
    };
    let filter = if v4 {
        RouteMessageBuilder::<std::net::Ipv4Addr>::new().build()
    } else {
        RouteMessageBuilder::<std::net::Ipv6Addr>::new().build()
    };
    let routes: Result<Vec<RouteMessage>, _> = netlink.handle().route().get(filter).execute().try_collect().await;
    let routes = match routes {
        Ok(routes) => routes,
        Err(error) => return Finding::problem(check, error.to_string(), advice),
    };
    // The one with the smallest metric is used.
    let best = routes
        .iter()
        .filter(|route| route.header.destination_prefix_length == 0 && output(route).is_some())
        .min_by_key(|route| priority(route));
    match best {
        None => Finding::problem(check, "there is no default route", advice),
        Some(route) if output(route) != Some(index) => {
            Finding::problem(check, format!("the default route does not lead through {interface}"), advice)
        }
        Some(route) if !v4 && gateway(route) != Some(GATEWAY.into()) => {
            Finding::problem(check, format!("the default route does not lead to {GATEWAY}"), advice)
        }
        Some(_) => Finding::ok(check, format!("the default route leads through {interface}")),
    }
}

fn output(route: &RouteMessage) -> Option<u32> {
    route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

fn priority(route: &RouteMessage) -> u32 {
    let priority = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Priority(priority) => Some(*priority),
        _ => None,
    });
    priority.unwrap_or(0)
}

fn gateway(route: &RouteMessage) -> Option<IpAddr> {
    route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet6(address)) => Some((*address).into()),
        RouteAttribute::Gateway(RouteAddress::Inet(address)) => Some((*address).into()),
        RouteAttribute::Via(RouteVia::Inet6(address)) => Some((*address).into()),
        _ => None,
    })
}

//! What a network is like, and its configuration files.

use std::fmt::Write as _;

/// What a network is like.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Mixes in each layer.
    pub layers: Vec<usize>,
    /// Providers, whose names are p1, p2 and so on.
    pub providers: usize,
    /// Authorities.
    pub authorities: usize,
    /// How many of them must sign.
    pub threshold: usize,
    /// A key epoch, seconds.
    pub epoch_s: u64,
    /// μ: per second.
    pub mu: f64,
    /// λ_P, λ_L, λ_D: per second and client.
    pub lambda: [f64; 3],
    /// λ_M: per second and mix.
    pub lambda_m: f64,
    /// Pulls per second and client.
    pub pull: f64,
    /// How long a client waits for an acknowledgement before it sends again the first time, seconds.
    pub timeout_s: u64,
    /// Mixes in front of which a [`crate::Wire`] is put, by layer and place in it, from 0 on.
    pub wired: Vec<(usize, usize)>,
}

impl Default for Plan {
    /// Three layers of one mix, two providers, one authority, and everything fast.
    fn default() -> Self {
        Self {
            layers: vec![1, 1, 1],
            providers: 2,
            authorities: 1,
            threshold: 1,
            epoch_s: 3600,
            mu: 50.0,
            lambda: [20.0, 2.0, 2.0],
            lambda_m: 2.0,
            pull: 10.0,
            timeout_s: 10,
            wired: Vec::new(),
        }
    }
}

/// A node, and what others know of it.
#[derive(Clone, Debug)]
pub(crate) struct NodeAt {
    pub(crate) name: String,
    pub(crate) identity: String,
    /// The layer, from 1 on; none for a provider.
    pub(crate) layer: Option<usize>,
    /// Where it listens, and where others send to.
    pub(crate) listen: String,
    pub(crate) address: String,
    pub(crate) access: String,
    pub(crate) metrics: String,
}

/// An authority.
#[derive(Clone, Debug)]
pub(crate) struct AuthorityAt {
    pub(crate) name: String,
    pub(crate) identity: String,
    pub(crate) listen: String,
}

pub(crate) fn policy(plan: &Plan, genesis: u64, authorities: &[AuthorityAt], nodes: &[NodeAt]) -> String {
    let [lambda_p, lambda_l, lambda_d] = plan.lambda;
    let Plan { threshold, epoch_s, mu, lambda_m, pull, .. } = plan;
    let keys = authorities.iter().map(|authority| authority.identity.as_str()).collect::<Vec<_>>().join(", ");
    let mut text = format!(
        "network: testbed
authorities: [{keys}]
threshold: {threshold}
round: 1
epochs: {{ genesis: {genesis}, length: {epoch_s} }}
packet: {{ hops: {}, payload: 901 }}
rates: {{ mu: {mu}, lambda_p: {lambda_p}, lambda_l: {lambda_l}, lambda_d: {lambda_d}, lambda_m: {lambda_m}, pull: {pull}, messages_per_pull: 8 }}
layers:
",
        plan.layers.len() + 2
    );
    for layer in 1..=plan.layers.len() {
        let of = nodes.iter().filter(|node| node.layer == Some(layer)).map(|node| node.identity.as_str());
        let _ = writeln!(text, "- [{}]", of.collect::<Vec<_>>().join(", "));
    }
    text.push_str("providers:\n");
    for node in nodes.iter().filter(|node| node.layer.is_none()) {
        let _ = writeln!(text, "- {{ name: {}, identity: {} }}", node.name, node.identity);
    }
    text
}

pub(crate) fn network(plan: &Plan, authorities: &[AuthorityAt]) -> String {
    let mut text =
        format!("network:\n  name: testbed\n  threshold: {}\n  refresh_s: 1\n  authorities:\n", plan.threshold);
    for AuthorityAt { identity, listen, .. } in authorities {
        let _ = writeln!(text, "  - {{ identity: {identity}, url: \"http://{listen}\" }}");
    }
    text
}

pub(crate) fn authority(own: &AuthorityAt, all: &[AuthorityAt]) -> String {
    let mut text =
        format!("listen: \"{}\"\npolicy: policy.yaml\nkey: {}.key\ndata: {}\npeers:\n", own.listen, own.name, own.name);
    let others = all.iter().filter(|other| other.name != own.name);
    if all.len() == 1 {
        return text.replace("peers:\n", "peers: []\n");
    }
    for AuthorityAt { identity, listen, .. } in others {
        let _ = writeln!(text, "- {{ identity: {identity}, url: \"http://{listen}\" }}");
    }
    text
}

pub(crate) fn node(plan: &Plan, genesis: u64, network: &str, node: &NodeAt) -> String {
    let NodeAt { name, listen, address, access, metrics, .. } = node;
    let (role, clients) = match node.layer {
        Some(layer) => (format!("mix: {{ layer: {layer} }}"), String::new()),
        None => (
            format!("provider:\n  name: {name}\n  address: \"{access}\""),
            "  access:\n    registration: open\n    limits: { packets_per_second: 1000, packet_burst: 1000 }\n"
                .to_owned(),
        ),
    };
    let grace = plan.epoch_s.min(600);
    format!(
        "{network}{role}
{clients}address: \"{address}\"
listen: \"{listen}\"
identity: {name}.key
data: {name}
epochs: {{ genesis: {genesis}, length: {} }}
grace_s: {grace}
packet: {{ hops: {}, payload: 901 }}
limits: {{ packets_per_epoch: 1000000, queue: 20000 }}
metrics: \"{metrics}\"
",
        plan.epoch_s,
        plan.layers.len() + 2
    )
}

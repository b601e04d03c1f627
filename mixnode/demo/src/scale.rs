//! How large the demo is.

use mimiq_mix_testbed::Plan;

/// The network, and how long each part takes.
pub(crate) struct Scale {
    pub(crate) plan: Plan,
    /// Clients of the load, and what each sends to others, messages per second.
    pub(crate) clients: usize,
    pub(crate) messages: f64,
    /// How long is measured, seconds.
    pub(crate) window: f64,
    /// From when all are connected until measuring starts.
    pub(crate) settle: f64,
    /// How long one of the two that talk is away.
    pub(crate) away: f64,
    /// How long the attack lasts at most.
    pub(crate) attack: f64,
    /// From the end of all alarms to the end of the demo: how the traffic becomes as it was.
    pub(crate) after: f64,
    /// Between two looks at all metrics.
    pub(crate) sample: f64,
}

/// Which mix is attacked: layer and place from 0 on, as [`Plan::wired`] has it, and its name.
pub(crate) const VICTIM: ((usize, usize), &str) = ((1, 0), "m2-1");

impl Scale {
    /// The paper's rates of Figure 11: 60 a minute of each kind, μ = 2 per second.
    pub(crate) fn full(clients: usize) -> Self {
        let plan = Plan {
            layers: vec![2, 2, 2],
            providers: 4,
            // Three of four: one may lie, and one may be away.
            authorities: 4,
            threshold: 3,
            mu: 2.0,
            lambda: [1.0; 3],
            lambda_m: 1.0,
            pull: 1.0,
            timeout_s: 20,
            wired: vec![VICTIM.0],
            ..Plan::default()
        };
        Self {
            plan,
            clients,
            messages: 0.05,
            window: 60.0,
            settle: 5.0,
            away: 10.0,
            attack: 60.0,
            after: 15.0,
            sample: 1.0,
        }
    }

    /// The same with few clients, and everything fast.
    pub(crate) fn quick(clients: usize) -> Self {
        let full = Self::full(clients);
        let plan = Plan { mu: 20.0, lambda: [10.0, 2.0, 2.0], lambda_m: 12.0, pull: 10.0, timeout_s: 5, ..full.plan };
        Self {
            plan,
            messages: 0.5,
            window: 4.0,
            settle: 0.5,
            away: 1.0,
            // It ends when all have noticed, which takes a busy machine longer.
            attack: 60.0,
            after: 1.0,
            sample: 0.25,
            ..full
        }
    }

    /// What a mix is to get per second: its share of all clients' packets, and of the mixes' loops, each of which visits every layer once.
    pub(crate) fn per_mix(&self) -> f64 {
        let clients = self.clients as f64 * self.plan.lambda.iter().sum::<f64>();
        let loops = self.plan.lambda_m * self.plan.layers.iter().sum::<usize>() as f64;
        // All layers are alike.
        (clients + loops) / self.plan.layers.first().copied().unwrap_or(1) as f64
    }

    /// What a message is to take on average, seconds: until the payload clock ticks, a delay at five hops (one of each layer, both
    /// providers), and until the next pull.
    pub(crate) fn message_seconds(&self) -> f64 {
        let hops = self.plan.layers.len() + 2;
        1.0 / self.plan.lambda[0] + hops as f64 / self.plan.mu + 0.5 / self.plan.pull
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectations_follow_from_the_rates() {
        let full = Scale::full(500);
        assert_eq!(full.per_mix(), 753.0);
        assert_eq!(full.message_seconds(), 4.0);
    }
}

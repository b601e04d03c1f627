//! A network of processes.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use rand::Rng as _;
use tempfile::TempDir;

use crate::files::{self, AuthorityAt, NodeAt, Plan};
use crate::{Metrics, Process, Wire, output};

/// How long to wait for what should happen soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// Authorities, mixes and providers. All end with it.
pub struct Network {
    binary: PathBuf,
    /// In front of the folder: a process that still writes would keep it from being removed.
    processes: HashMap<String, Process>,
    folder: TempDir,
    prefix: String,
    plan: Plan,
    authorities: Vec<AuthorityAt>,
    nodes: Vec<NodeAt>,
    wires: HashMap<String, Wire>,
    network: String,
}

impl Network {
    /// Starts all of it, with this `mimiq-mix`. Mixes are called `m1-1` (the first of layer 1) and so on, providers `p1`, authorities `a1`.
    ///
    /// # Errors
    /// If something cannot be written or started.
    pub fn start(binary: &Path, plan: Plan) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("mimiq-mix-").tempdir()?;
        let mut rng = rand::rng();
        let prefix = format!("127.{}.{}", rng.random_range(1..=254), rng.random_range(0..=255));
        let mut host = 1..=253u8;
        let mut at = |port: u16| Some(format!("{prefix}.{}:{port}", host.next()?));
        let init = |name: &str| {
            output(Command::new(binary).args(["node", "init"]).arg(folder.path().join(format!("{name}.key"))))
        };
        let mut authorities = Vec::new();
        for number in 1..=plan.authorities {
            let name = format!("a{number}");
            authorities.push(AuthorityAt { identity: init(&name)?, listen: at(1600).context("addresses")?, name });
        }
        let mixes = plan.layers.iter().zip(1..).flat_map(|(mixes, layer)| {
            (1..=*mixes).map(move |number| (format!("m{layer}-{number}"), Some(layer), number))
        });
        let providers = (1..=plan.providers).map(|number| (format!("p{number}"), None, number));
        let (mut nodes, mut wires) = (Vec::new(), HashMap::new());
        for (name, layer, number) in mixes.chain(providers) {
            let listen = at(1700).context("addresses")?;
            let host = listen.trim_end_matches(":1700");
            let (access, metrics) = (format!("{host}:1701"), format!("{host}:1702"));
            let wired = layer.is_some_and(|layer: usize| plan.wired.contains(&(layer - 1, number - 1)));
            let address = if wired { at(1700).context("addresses")? } else { listen.clone() };
            if wired {
                wires.insert(name.clone(), Wire::new(&address, &listen)?);
            }
            nodes.push(NodeAt { identity: init(&name)?, layer, listen, address, access, metrics, name });
        }

        // In the middle of an epoch, unless they are short.
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let genesis = now - plan.epoch_s / 2;
        let network = files::network(&plan, &authorities);
        let write =
            |name: &str, text: String| fs::write(folder.path().join(name), text).with_context(|| name.to_owned());
        write("policy.yaml", files::policy(&plan, genesis, &authorities, &nodes))?;
        for authority in &authorities {
            write(&format!("{}.yaml", authority.name), files::authority(authority, &authorities))?;
        }
        for node in &nodes {
            write(&format!("{}.yaml", node.name), files::node(&plan, genesis, &network, node))?;
        }
        let binary = binary.to_owned();
        let mut network =
            Self { binary, processes: HashMap::new(), folder, prefix, plan, authorities, nodes, wires, network };
        for name in network.names() {
            network.restart(&name)?;
        }
        Ok(network)
    }

    /// All processes' names.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let authorities = self.authorities.iter().map(|authority| authority.name.clone());
        authorities.chain(self.nodes.iter().map(|node| node.name.clone())).collect()
    }

    /// The mixes' names.
    pub fn mixes(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter(|node| node.layer.is_some()).map(|node| node.name.as_str())
    }

    /// The providers' names.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter(|node| node.layer.is_none()).map(|node| node.name.as_str())
    }

    /// What it is like.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where its files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program.
    #[must_use]
    pub fn command(&self) -> Command {
        Command::new(&self.binary)
    }

    /// A process.
    #[must_use]
    pub fn process(&mut self, name: &str) -> Option<&mut Process> {
        self.processes.get_mut(name)
    }

    /// The wire in front of a mix.
    #[must_use]
    pub fn wire(&self, name: &str) -> Option<&Wire> {
        self.wires.get(name)
    }

    /// Where a mix is, as logs have it.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<&str> {
        self.nodes.iter().find(|node| node.name == name).map(|node| node.address.as_str())
    }

    /// An address of this network's that none of its nodes has.
    #[must_use]
    pub fn spare(&self, port: u16) -> String {
        format!("{}.254:{port}", self.prefix)
    }

    /// Starts a process, or starts it again if it has ended.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn restart(&mut self, name: &str) -> anyhow::Result<()> {
        self.processes.remove(name);
        let kind = if self.authorities.iter().any(|authority| authority.name == name) { "authority" } else { "node" };
        let file = self.folder.path().join(format!("{name}.yaml"));
        let mut command = Command::new(&self.binary);
        command.args([kind, "run", "--config"]).arg(file).stdin(Stdio::null()).stdout(Stdio::null());
        let process = Process::start(&mut command, &self.folder.path().join(format!("{name}.log")))?;
        self.processes.insert(name.to_owned(), process);
        Ok(())
    }

    /// What a node says of itself.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn metrics(&self, name: &str) -> anyhow::Result<Metrics> {
        let node = self.nodes.iter().find(|node| node.name == name).with_context(|| name.to_owned())?;
        Metrics::of(&node.metrics)
    }

    /// Writes a client's file, and gives its path.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn client(&self, name: &str, provider: &str) -> anyhow::Result<PathBuf> {
        let file = self.folder.path().join(format!("{name}.yaml"));
        let text =
            format!("{}provider: {provider}\nfolder: {name}\ntimeout_s: {}\n", self.network, self.plan.timeout_s);
        fs::write(&file, text)?;
        Ok(file)
    }

    /// Waits until every mix has had a loop of its own back: then all have a state of the network, and links.
    ///
    /// # Errors
    /// If that does not happen within a minute.
    pub fn wait_until_ready(&self) -> anyhow::Result<()> {
        let in_time = "mimiq_mix_loops_total{outcome=\"in_time\"}";
        self.wait("loops of all mixes", || {
            self.mixes().all(|mix| self.metrics(mix).is_ok_and(|metrics| metrics.value(in_time) > 0.0))
        })
    }

    /// Waits until something is so; looks every 100 ms.
    ///
    /// # Errors
    /// If it is not so within a minute: with the logs.
    pub fn wait(&self, what: &str, mut is: impl FnMut() -> bool) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !is() {
            if Instant::now() > end {
                bail!("{what}: not within {PATIENCE:?}\n{}", self.logs());
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
        Ok(())
    }

    /// What a process has logged.
    #[must_use]
    pub fn log(&self, name: &str) -> Option<String> {
        self.processes.get(name).map(Process::log)
    }

    /// All processes' logs.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut names: Vec<_> = self.processes.keys().collect();
        names.sort();
        names.into_iter().map(|name| format!("--- {name}\n{}", self.processes[name].log())).collect()
    }
}

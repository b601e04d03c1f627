use std::{
    collections::HashSet,
    net::{Ipv4Addr, Ipv6Addr},
};

use anyhow::{Context as _, Result, anyhow, bail};
use mimiq_contract::MacAddr;

use super::parse::{Layer, Value};
use crate::value;

/// The arguments of a layer. What is not asked for is unknown.
pub(super) struct Args<'l> {
    layer: &'l Layer,
    asked: HashSet<&'static str>,
}

impl<'l> Args<'l> {
    pub(super) fn new(layer: &'l Layer) -> Self {
        Self { layer, asked: HashSet::new() }
    }

    /// The argument of this name.
    pub(super) fn word(&mut self, name: &'static str) -> Option<&'l str> {
        self.asked.insert(name);
        self.layer.args.iter().find_map(|(own, value)| match value {
            Value::Word(word) if own.as_deref() == Some(name) => Some(word.as_str()),
            _ => None,
        })
    }

    fn required<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Result<T>) -> Result<T> {
        let word = self.word(name).ok_or_else(|| anyhow!("{name} is missing"))?;
        read(word).context(name)
    }

    pub(super) fn mac(&mut self, name: &'static str) -> Result<MacAddr> {
        self.required(name, value::mac)
    }

    pub(super) fn v4(&mut self, name: &'static str) -> Result<Ipv4Addr> {
        self.required(name, |word| word.parse().map_err(|_| anyhow!("{word:?} is no IPv4 address")))
    }

    pub(super) fn v6(&mut self, name: &'static str) -> Result<Ipv6Addr> {
        self.required(name, |word| word.parse().map_err(|_| anyhow!("{word:?} is no IPv6 address")))
    }

    /// A number of so many bits; `default` if it is not given.
    pub(super) fn number(&mut self, name: &'static str, bits: u32, default: impl Into<Option<u64>>) -> Result<u64> {
        let number = match (self.word(name), default.into()) {
            (Some(word), _) => value::number(word).context(name)?,
            (None, Some(default)) => default,
            (None, None) => bail!("{name} is missing"),
        };
        if number >> bits != 0 {
            bail!("{name}: {number} does not fit {bits} bits");
        }
        Ok(number)
    }

    pub(super) fn hex(&mut self, name: &'static str, default: &[u8]) -> Result<Vec<u8>> {
        self.word(name).map_or_else(|| Ok(default.to_vec()), |word| value::hex(word).context(name))
    }

    /// The arguments without name.
    pub(super) fn unnamed(&self) -> Vec<&'l Value> {
        self.layer.args.iter().filter(|(name, _)| name.is_none()).map(|(_, value)| value).collect()
    }

    /// Refuses arguments that nobody asked for; `unnamed` is how many have no name.
    pub(super) fn finish(self, unnamed: usize) -> Result<()> {
        for (name, value) in &self.layer.args {
            match name {
                Some(name) if !self.asked.contains(name.as_str()) => {
                    let mut known: Vec<_> = self.asked.into_iter().collect();
                    known.sort_unstable();
                    bail!("{name}: no such argument, those are: {}", known.join(", "));
                }
                Some(name) if self.layer.args.iter().filter(|(n, _)| n.as_ref() == Some(name)).count() > 1 => {
                    bail!("{name} is given twice");
                }
                None if unnamed == 0 => bail!("{value:?} has no name"),
                _ => {}
            }
        }
        let given = self.unnamed().len();
        if given != unnamed {
            bail!("{given} arguments without name, {unnamed} are expected");
        }
        Ok(())
    }
}

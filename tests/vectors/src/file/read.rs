use std::collections::HashSet;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use mimiq_contract::{DropReason, EntryKey, PortId};

use super::{
    Input, Meter, Vector,
    lines::{self, Line},
    variables::Variables,
};
use crate::{
    entry::{self, State},
    frame, value,
};

/// What has been read of a file.
#[derive(Default)]
pub(super) struct File {
    variables: Variables,
    /// What all vectors begin with.
    state: State,
    vectors: Vec<Vector>,
    names: HashSet<String>,
}

/// So many vectors may come of one with `for`.
const REPEATS: u64 = 256;

impl File {
    pub(super) fn read(
        mut self,
        name: &str,
        text: &str,
        include: &dyn Fn(&str) -> Result<String>,
    ) -> Result<Vec<Vector>> {
        let lines = lines::of(text);
        let (head, mut rest) = lines.split_at(next_vector(&lines));
        for line in head {
            self.head(line, include).with_context(|| format!("{name}:{}", line.number))?;
        }
        while let Some((first, behind)) = rest.split_first() {
            let (body, next) = behind.split_at(next_vector(behind));
            let place = format!("{name}:{}", first.number);
            let (title, variable, values) = title(&first.text).with_context(|| place.clone())?;
            for value in values {
                let mut variables = self.variables.clone();
                variables.set(variable, &value);
                let vector = self.vector(name, &place, &title, body, &variables)?;
                ensure!(self.names.insert(vector.name.clone()), "{place}: there is another vector {:?}", vector.name);
                self.vectors.push(vector);
            }
            rest = next;
        }
        Ok(self.vectors)
    }

    /// A statement in front of the vectors.
    fn head(&mut self, line: &Line, include: &dyn Fn(&str) -> Result<String>) -> Result<()> {
        let (word, rest) = first_word(&line.text);
        match word {
            "let" => self.variables.define(rest),
            "table" => {
                let entry = entry::parse(&self.variables.replace(rest)?)?;
                let before = self.state.insert(entry.key(), entry);
                ensure!(before.is_none(), "there is another entry {}", entry::print_key(&entry.key()));
                Ok(())
            }
            "include" => {
                let text = include(rest)?;
                for line in lines::of(&text) {
                    let place = || format!("{rest}:{}", line.number);
                    ensure!(first_word(&line.text).0 != "include", "{}: included files include none", place());
                    self.head(&line, include).with_context(place)?;
                }
                Ok(())
            }
            other => bail!("{other:?} is no statement here (let, table, include; then vector)"),
        }
    }

    fn vector(&self, file: &str, place: &str, title: &str, body: &[Line], variables: &Variables) -> Result<Vector> {
        let name = variables.replace(title).with_context(|| place.to_owned())?;
        let state = self.state.clone();
        let mut vector =
            Vector { place: place.to_owned(), name, state, meter: None, inputs: Vec::new(), hits: Vec::new() };
        for line in body {
            let statement = variables.replace(&line.text);
            statement
                .and_then(|s| self::statement(&mut vector, &s))
                .with_context(|| format!("{file}:{}", line.number))?;
        }
        ensure!(!vector.inputs.is_empty(), "{place}: the vector has no frame (in PORT FRAME)");
        ensure!(
            vector.inputs.iter().all(|i| i.out.is_some() || i.drop.is_some()),
            "{place}: a frame has neither out nor drop"
        );
        Ok(vector)
    }
}

fn next_vector(lines: &[Line]) -> usize {
    lines.iter().position(|line| first_word(&line.text).0 == "vector").unwrap_or(lines.len())
}

fn first_word(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

/// Reads `vector "NAME"`, perhaps with `for VARIABLE in VALUE ...` or `for VARIABLE in FIRST..LAST`, both included.
fn title(line: &str) -> Result<(String, &str, Vec<String>)> {
    let quoted = first_word(line).1.strip_prefix('"').and_then(|rest| rest.split_once('"'));
    let (name, rest) = quoted.context("vector \"NAME\" is expected")?;
    if rest.is_empty() {
        return Ok((name.to_owned(), "", vec![String::new()]));
    }
    let list = || {
        let (variable, values) = rest.trim_start().strip_prefix("for ")?.split_once(" in ")?;
        Some((variable.trim(), values.trim()))
    };
    let (variable, values) = list().with_context(|| format!("{rest:?} is not `for VARIABLE in VALUE ...`"))?;
    ensure!(name.contains(&format!("${variable}")), "the name of a repeated vector must contain ${variable}");
    let values = match values.split_once("..") {
        Some((first, last)) => {
            let (first, last) = (value::number(first)?, value::number(last)?);
            ensure!(first <= last && last - first < REPEATS, "{first}..{last} is no range of 1 to {REPEATS} values");
            (first..=last).map(|n| n.to_string()).collect()
        }
        None => values.split_whitespace().map(str::to_owned).collect(),
    };
    Ok((name.to_owned(), variable, values))
}

/// A statement of a vector.
fn statement(vector: &mut Vector, line: &str) -> Result<()> {
    let (word, rest) = first_word(line);
    if matches!(word, "with" | "without" | "meter") {
        ensure!(vector.inputs.is_empty(), "{word}: entries stand in front of frames");
    }
    match word {
        "with" => {
            let entry = entry::parse(rest)?;
            vector.state.insert(entry.key(), entry);
        }
        "without" => {
            let key = entry::parse_key(rest)?;
            ensure!(vector.state.remove(&key).is_some(), "there is no entry {}", entry::print_key(&key));
        }
        "meter" => vector.meter = Some(meter(rest)?),
        "in" => {
            let (port, frame) = port_and_frame(rest)?;
            vector.inputs.push(Input { port, frame, out: None, drop: None });
        }
        "out" => {
            let input = vector.inputs.last_mut().context("out: no frame has arrived yet")?;
            let out = input.out.replace(port_and_frame(rest)?);
            ensure!(out.is_none(), "out: one frame leaves for a frame that arrives, at most");
        }
        "drop" => {
            let reason = DropReason::ALL.iter().find(|reason| reason.label() == rest);
            let reason = reason.ok_or_else(|| anyhow!("{rest:?} is no drop reason"))?;
            let input = vector.inputs.last_mut().context("drop: no frame has arrived yet")?;
            ensure!(input.drop.replace(*reason).is_none(), "drop: a frame is dropped once");
        }
        "hits" => {
            let (packets, key) = first_word(rest);
            let key = entry::parse_key(key)?;
            check_countable(vector, &key)?;
            vector.hits.push((key, value::number(packets)?));
        }
        other => bail!("{other:?} is no statement of a vector (with, without, meter, in, out, drop, hits)"),
    }
    Ok(())
}

fn check_countable(vector: &Vector, key: &EntryKey) -> Result<()> {
    let text = entry::print_key(key);
    ensure!(*key != EntryKey::SwitchInfo(mimiq_contract::tables::SwitchInfoKey {}), "switch_info has no counter");
    ensure!(vector.state.contains_key(key), "there is no entry {text}");
    ensure!(!vector.hits.iter().any(|(other, _)| other == key), "there is another expectation for {text}");
    Ok(())
}

fn port_and_frame(text: &str) -> Result<(PortId, Vec<u8>)> {
    let (port, notation) = first_word(text);
    let port = u16::try_from(value::number(port).context("port")?).ok().filter(|n| usize::from(*n) < PortId::COUNT);
    Ok((PortId(port.context("port: the largest is 511")?), frame::build(notation)?))
}

fn meter(text: &str) -> Result<Meter> {
    let (mut rate, mut burst) = (None, None);
    for word in text.split_whitespace() {
        let number = |text| u32::try_from(value::number(text)?).context("too large");
        match word.split_once('=') {
            Some(("rate", text)) => rate = Some(number(text)?),
            Some(("burst", text)) => burst = Some(number(text)?),
            _ => bail!("meter: {word:?} is neither rate=NUMBER nor burst=NUMBER"),
        }
    }
    match (rate, burst) {
        (Some(rate), Some(burst)) => Ok(Meter { rate, burst }),
        _ => bail!("meter: rate=NUMBER burst=NUMBER is expected"),
    }
}

use anyhow::{Context as _, Result, bail, ensure};

/// A layer as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) name: String,
    /// Arguments with their names; without one, they count by place.
    pub(super) args: Vec<(Option<String>, Value)>,
}

/// An argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A number, an address or hexadecimal digits.
    Word(String),
    /// What stood in quotes.
    Text(String),
    /// Layers.
    Frame(Vec<Layer>),
}

/// How deeply frames may be arguments of layers.
const DEPTH: usize = 8;

/// Reads `LAYER(ARGUMENTS)/LAYER(ARGUMENTS)/...`.
pub(super) fn frame(notation: &str) -> Result<Vec<Layer>> {
    let mut reader = Reader { rest: notation };
    let layers = reader.layers(0)?;
    ensure!(reader.rest.is_empty(), "{:?} behind the frame", reader.rest);
    Ok(layers)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn layers(&mut self, depth: usize) -> Result<Vec<Layer>> {
        ensure!(depth < DEPTH, "frames in frames: more than {DEPTH} levels");
        let mut layers = vec![self.layer(depth)?];
        while self.take('/') {
            layers.push(self.layer(depth)?);
        }
        Ok(layers)
    }

    fn layer(&mut self, depth: usize) -> Result<Layer> {
        let name = self.until(|c| !c.is_ascii_alphanumeric()).to_owned();
        ensure!(!name.is_empty(), "a layer is expected at {:?}", self.rest);
        ensure!(self.take('('), "layer {name}: ( is missing");
        let mut args = Vec::new();
        if self.take(')') {
            return Ok(Layer { name, args });
        }
        loop {
            args.push(self.argument(depth).with_context(|| format!("layer {name}"))?);
            if self.take(')') {
                return Ok(Layer { name, args });
            }
            ensure!(self.take(','), "layer {name}: ) is missing");
        }
    }

    fn argument(&mut self, depth: usize) -> Result<(Option<String>, Value)> {
        self.space();
        if let Some(rest) = self.rest.strip_prefix('"') {
            let (text, rest) = rest.split_once('"').context("the closing \" is missing")?;
            self.rest = rest;
            return Ok((None, Value::Text(text.to_owned())));
        }
        let end = self.rest.find(['=', ',', '(', ')']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        match rest.chars().next() {
            Some('(') => Ok((None, Value::Frame(self.layers(depth + 1)?))),
            Some('=') => {
                self.rest = &rest[1..];
                let value = self.until(|c| matches!(c, ',' | ')' | '('));
                if self.rest.starts_with('(') {
                    bail!("{word}: an address, a number or a word is expected");
                }
                Ok((Some(word.trim().to_owned()), Value::Word(value.trim().to_owned())))
            }
            _ => {
                self.rest = rest;
                Ok((None, Value::Word(word.trim().to_owned())))
            }
        }
    }

    fn until(&mut self, end: impl Fn(char) -> bool) -> &'a str {
        self.space();
        let (taken, rest) = self.rest.split_at(self.rest.find(end).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Whether this is what follows; if so it is passed.
    fn take(&mut self, c: char) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        self.space();
        rest.is_some()
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

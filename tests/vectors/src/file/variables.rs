use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};

/// Names for parts of statements: `$name` stands for the text.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables(BTreeMap<String, String>);

/// So long may a statement become: a frame of 9000 bytes in hexadecimal, and some.
const LONGEST: usize = 1 << 16;

impl Variables {
    /// Reads `NAME = TEXT`.
    pub(super) fn define(&mut self, definition: &str) -> Result<()> {
        let Some((name, text)) = definition.split_once('=') else { bail!("let: NAME = TEXT is expected") };
        let name = name.trim();
        ensure!(!name.is_empty() && name.chars().all(is_in_name), "let: {name:?} is no name (letters, digits, _)");
        ensure!(!self.0.contains_key(name), "let: {name} is defined already");
        let text = self.replace(text.trim())?;
        self.set(name, &text);
        Ok(())
    }

    pub(super) fn set(&mut self, name: &str, text: &str) {
        self.0.insert(name.to_owned(), text.to_owned());
    }

    /// The text with all variables replaced.
    pub(super) fn replace(&self, text: &str) -> Result<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('$') {
            let (name, behind) = behind.split_at(behind.find(|c| !is_in_name(c)).unwrap_or(behind.len()));
            let Some(value) = self.0.get(name) else { bail!("${name} is not defined") };
            out.extend([before, value]);
            ensure!(out.len() < LONGEST, "${name}: the statement becomes longer than {LONGEST} characters");
            rest = behind;
        }
        Ok(out + rest)
    }
}

fn is_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

//! How answers are printed: JSON, tables, and numbers with units.

use std::{io::Write, time::Duration};

use anyhow::Context as _;
use mimiq_api::admin::DESCRIPTORS;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};

/// Messages of the admin API as proto3 JSON, with the fields' own names, and those that have their default value too.
pub(crate) struct Json(DescriptorPool);

impl Json {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self(DescriptorPool::decode(DESCRIPTORS)?))
    }

    pub(crate) fn value(&self, name: &str, message: &impl Message) -> anyhow::Result<serde_json::Value> {
        let full_name = format!("mimiq.admin.v1.{name}");
        let descriptor = self.0.get_message_by_name(&full_name).context(full_name)?;
        let message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?;
        let options = SerializeOptions::new()
            .use_proto_field_name(true)
            .stringify_64_bit_integers(false)
            .skip_default_fields(false);
        Ok(message.serialize_with_options(serde_json::value::Serializer, &options)?)
    }

    pub(crate) fn print(&self, out: &mut impl Write, name: &str, message: &impl Message) -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut *out, &self.value(name, message)?)?;
        Ok(writeln!(out)?)
    }
}

/// A list that is printed while it arrives: an object with one field, one element on each line.
pub(crate) struct JsonList<'a> {
    json: &'a Json,
    element: &'static str,
    any: bool,
}

impl<'a> JsonList<'a> {
    pub(crate) fn begin(
        json: &'a Json,
        out: &mut impl Write,
        field: &str,
        element: &'static str,
    ) -> anyhow::Result<Self> {
        write!(out, "{{\"{field}\": [")?;
        Ok(Self { json, element, any: false })
    }

    pub(crate) fn add(&mut self, out: &mut impl Write, message: &impl Message) -> anyhow::Result<()> {
        write!(out, "{}", if self.any { ",\n" } else { "\n" })?;
        self.any = true;
        Ok(serde_json::to_writer(out, &self.json.value(self.element, message)?)?)
    }

    pub(crate) fn end(self, out: &mut impl Write) -> anyhow::Result<()> {
        Ok(writeln!(out, "\n]}}")?)
    }
}

/// Rows of cells in columns; the last one is not padded.
pub(crate) struct Table {
    widths: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        let mut table = Self { widths: vec![0; N], rows: Vec::new() };
        table.row(head.map(str::to_owned));
        table
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = (*width).max(cell.chars().count());
        }
        self.rows.push(cells.into());
    }

    /// Prints the rows so far. Those to come align with them if they fit.
    pub(crate) fn print(&mut self, out: &mut impl Write) -> anyhow::Result<()> {
        for row in self.rows.drain(..) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&self.widths) {
                line += &format!("{cell:width$}  ");
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// `-` for nothing.
pub(crate) fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".into() } else { text.into() }
}

/// A duration in its two largest units: `1d3h`, `2m05s`, `12.3s`, `250ms`.
pub(crate) fn duration(ms: u64) -> String {
    let duration = Duration::from_millis(ms);
    match duration.as_secs() {
        0 => format!("{ms}ms"),
        1..60 => format!("{:.1}s", (ms / 100) as f64 / 10.0),
        s @ 60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        s @ 3600..86_400 => format!("{}h{:02}m", s / 3600, s % 3600 / 60),
        s => format!("{}d{}h", s / 86_400, s % 86_400 / 3600),
    }
}

/// A number of addresses: exact up to a million, a power of two where it is one, otherwise three digits.
pub(crate) fn count(number: f64) -> String {
    if number < 1e6 {
        format!("{number:.0}")
    } else if number.log2().fract() == 0.0 {
        format!("2^{:.0}", number.log2())
    } else {
        format!("{number:.2e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_counts_have_fitting_units() {
        let durations = [
            (0, "0ms"),
            (999, "999ms"),
            (59_999, "59.9s"),
            (60_000, "1m00s"),
            (3_660_000, "1h01m"),
            (90_000_000, "1d1h"),
        ];
        for (ms, text) in durations {
            assert_eq!(duration(ms), text);
        }
        for (number, text) in [(0.0, "0"), (254.0, "254"), (16_777_214.0, "1.68e7"), (2f64.powi(80), "2^80")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(["A", "LONG", "C"]);
        table.row(["äöü", "x", ""].map(str::to_owned));
        let mut out = Vec::new();
        table.print(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "A    LONG  C\näöü  x\n");
    }

    #[test]
    fn json_has_the_names_of_the_fields_and_all_of_them() {
        let status = mimiq_api::admin::Status { uptime_ms: 1 << 60, ..Default::default() };
        let value = Json::new().unwrap().value("Status", &status).unwrap();
        assert_eq!(value["uptime_ms"], 1u64 << 60);
        assert_eq!(value["ready"], false);
        assert_eq!(value["not_ready"], serde_json::json!([]));
    }
}

use std::{fmt, str::FromStr};

use time::{OffsetDateTime, PrimitiveDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::{OPERATORS, SERVER_NAME, SWITCHES};

/// GeneralizedTime, for the end. OpenSSL's index takes that, but has the time of a revocation as UTCTime, which has two
/// digits of the year.
const TIME: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day][hour][minute][second]Z");

const CENTURY: &str = "20";

/// Whose a certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The controller's.
    Controller,
    /// A client's.
    Client,
    /// An operator's.
    Operator,
    /// A switch's.
    Switch,
}

impl Kind {
    /// Whose certificate it is whose subject has this organizational unit and this common name.
    pub(crate) fn of(unit: Option<&str>, name: &str) -> Self {
        match unit {
            Some(OPERATORS) => Self::Operator,
            Some(SWITCHES) => Self::Switch,
            _ if name == SERVER_NAME => Self::Controller,
            _ => Self::Client,
        }
    }

    /// The organizational unit.
    pub(super) fn unit(self) -> Option<&'static str> {
        match self {
            Self::Operator => Some(OPERATORS),
            Self::Switch => Some(SWITCHES),
            Self::Controller | Self::Client => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Controller => "the controller",
            Self::Client => "a client",
            Self::Operator => "an operator",
            Self::Switch => "a switch",
        })
    }
}

/// A certificate that the authority has issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Whose it is.
    pub kind: Kind,
    /// Its common name.
    pub name: String,
    /// Its serial number, in hexadecimal.
    pub serial: String,
    /// When it ends by itself.
    pub expires: OffsetDateTime,
    /// When it was revoked, if it was.
    pub revoked: Option<OffsetDateTime>,
}

impl fmt::Display for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: OffsetDateTime| time.format(TIME).map_err(|_| fmt::Error);
        let state = if self.revoked.is_some() { 'R' } else { 'V' };
        let revoked = self.revoked.map(time).transpose()?.unwrap_or_default();
        let revoked = revoked.get(CENTURY.len()..).unwrap_or_default();
        let unit = self.kind.unit().map(|unit| format!("/OU={unit}")).unwrap_or_default();
        let (expires, serial, name) = (time(self.expires)?, &self.serial, &self.name);
        write!(f, "{state}\t{expires}\t{revoked}\t{serial}\tunknown\t{unit}/CN={name}")
    }
}

impl FromStr for Issued {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [state, expires, revoked, serial, _file, subject] = fields[..] else {
            return Err(format!("has {} fields and not 6", fields.len()));
        };
        let time = |field: &str, text: &str| {
            PrimitiveDateTime::parse(text, TIME)
                .map(PrimitiveDateTime::assume_utc)
                .map_err(|_| format!("{field}: {text}: is no time"))
        };
        let revoked = match state {
            "V" => None,
            "R" => Some(time("revoked", &format!("{CENTURY}{revoked}"))?),
            _ => return Err(format!("state: {state}: must be V or R")),
        };
        if serial.is_empty() || serial.len() % 2 != 0 || !serial.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("serial: {serial}: must be hexadecimal bytes"));
        }
        let (unit, name) = match subject.strip_prefix("/OU=").and_then(|rest| rest.split_once("/CN=")) {
            Some((unit, name)) => (Some(unit), Some(name)),
            None => (None, subject.strip_prefix("/CN=")),
        };
        let name = name.ok_or_else(|| format!("subject: {subject}: must end in /CN=NAME"))?;
        let kind = Kind::of(unit, name);
        if unit != kind.unit() {
            return Err(format!("subject: {subject}: the unit is unknown"));
        }
        Ok(Self { kind, name: name.into(), serial: serial.into(), expires: time("expires", expires)?, revoked })
    }
}

/// What the authority has issued, kept in the format of OpenSSL's `ca` command: it and other tools can read it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Index(Vec<Issued>);

impl Index {
    /// The lines; of a damaged one its number and what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let line = |(n, line): (usize, &str)| line.parse().map_err(|problem| (n + 1, problem));
        text.lines().enumerate().map(line).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn push(&mut self, issued: Issued) {
        self.0.push(issued);
    }

    pub(super) fn latest(&self, name: &str) -> Option<&Issued> {
        self.0.iter().rev().find(|issued| issued.name == name)
    }

    pub(super) fn latest_mut(&mut self, name: &str) -> Option<&mut Issued> {
        self.0.iter_mut().rev().find(|issued| issued.name == name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Issued> {
        self.0.iter()
    }

    pub(super) fn into_all(self) -> Vec<Issued> {
        self.0
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|issued| writeln!(f, "{issued}"))
    }
}

/// Bytes as OpenSSL writes serial numbers.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The bytes of [`hex`].
pub(super) fn bytes(hex: &str) -> Option<Vec<u8>> {
    let byte = |at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (0..hex.len()).step_by(2).map(byte).collect()
}

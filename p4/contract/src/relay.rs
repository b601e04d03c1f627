//! The relay header between UDP and the wrapped frame: where the client is, said by its switch as a DHCP relay agent
//! would (MIMIQ §3.3). Eight bytes:
//!
//! | bytes | field |
//! |---|---|
//! | 0 | version, 1 |
//! | 1 | type: 1 from a client, 2 to a client |
//! | 2–3 | SID |
//! | 4–5 | port of the client-facing switch |
//! | 6–7 | reserved, 0; ignored when read |

use crate::PortId;

/// Length of the header, bytes.
pub const HEADER_LEN: usize = 8;
/// The only version.
pub const VERSION: u8 = 1;

/// Which way a wrapped frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Direction {
    /// From a client to the controller.
    FromClient = 1,
    /// From the controller to a client.
    ToClient = 2,
}

/// The relay header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayHeader {
    /// Which way the frame goes.
    pub direction: Direction,
    /// The client-facing switch.
    pub sid: u16,
    /// Its port to the client.
    pub port: PortId,
}

/// Why a relay header was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// Too short.
    #[error("relay header: {0} bytes, needs {HEADER_LEN}")]
    Truncated(usize),
    /// Another version.
    #[error("relay version: {0}, known is {VERSION}")]
    Version(u8),
    /// Neither from nor to a client.
    #[error("relay type: {0}, known are 1 and 2")]
    Type(u8),
    /// A port that no switch has.
    #[error("relay port: {0}, the largest is 511")]
    Port(u16),
}

impl RelayHeader {
    /// Reads the header; the wrapped frame follows at [`HEADER_LEN`].
    ///
    /// # Errors
    /// If the bytes are too short or a field has a value that is not known.
    pub fn parse(bytes: &[u8]) -> Result<Self, RelayError> {
        let Some(&[version, kind, s0, s1, p0, p1, _, _]) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(RelayError::Truncated(bytes.len()));
        };
        if version != VERSION {
            return Err(RelayError::Version(version));
        }
        let direction = match kind {
            1 => Direction::FromClient,
            2 => Direction::ToClient,
            other => return Err(RelayError::Type(other)),
        };
        let port = u16::from_be_bytes([p0, p1]);
        if usize::from(port) >= PortId::COUNT {
            return Err(RelayError::Port(port));
        }
        Ok(Self { direction, sid: u16::from_be_bytes([s0, s1]), port: PortId(port) })
    }

    /// The header's bytes.
    pub fn emit(&self) -> [u8; HEADER_LEN] {
        let [s0, s1] = self.sid.to_be_bytes();
        let [p0, p1] = self.port.0.to_be_bytes();
        [VERSION, self.direction as u8, s0, s1, p0, p1, 0, 0]
    }
}

//! What an observer at side A sees, as a pcap file (draft-ietf-opsawg-pcap, nanosecond time stamps).

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
const LINKTYPE_ETHERNET: u32 = 1;

/// A capture file that both directions write to, in the order of their time stamps.
pub(crate) struct Capture<W: Write> {
    out: Mutex<W>,
}

impl Capture<File> {
    /// Creates or truncates the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Self::new(File::create(path)?)
    }
}

impl<W: Write> Capture<W> {
    /// Writes the file header.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn new(mut out: W) -> io::Result<Self> {
        let mut header = Vec::with_capacity(24);
        header.extend(MAGIC_NANOSECONDS.to_le_bytes());
        header.extend(2u16.to_le_bytes());
        header.extend(4u16.to_le_bytes());
        header.extend([0; 8]);
        header.extend(crate::MAX_FRAME.to_le_bytes());
        header.extend(LINKTYPE_ETHERNET.to_le_bytes());
        out.write_all(&header)?;
        Ok(Self { out: Mutex::new(out) })
    }

    /// Appends a frame with the present time. One write each, so that a killed process leaves whole records.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn record(&self, frame: &[u8]) -> io::Result<()> {
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that time stamps do not go backwards in the file.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
        let seconds = u32::try_from(now.as_secs()).map_err(io::Error::other)?;
        let mut record = Vec::with_capacity(16 + frame.len());
        for field in [seconds, now.subsec_nanos(), length, length] {
            record.extend(field.to_le_bytes());
        }
        record.extend(frame);
        out.write_all(&record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_follow_the_header() {
        let capture = Capture::new(Vec::new()).unwrap();
        capture.record(&[7; 60]).unwrap();
        capture.record(&[8; 9]).unwrap();
        let bytes = capture.out.into_inner().unwrap();
        assert_eq!(bytes.len(), 24 + 16 + 60 + 16 + 9);
        assert_eq!(bytes[..4], MAGIC_NANOSECONDS.to_le_bytes());
        assert_eq!(bytes[24 + 8..24 + 12], 60u32.to_le_bytes());
        assert_eq!(bytes[24 + 16..24 + 76], [7; 60]);
        assert_eq!(bytes[bytes.len() - 9..], [8; 9]);
    }
}

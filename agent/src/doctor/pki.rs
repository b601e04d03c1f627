//! The PKI files: readable, of one authority, valid now; and whether the clock can be right.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Finding;
use crate::config::Pki;
use crate::session;

const DAY: i64 = 24 * 3600;

pub(super) fn examine(pki: &Pki) -> Vec<Finding> {
    // Readable, and the key is the certificate's.
    if let Err(error) = session::client_config(pki) {
        let advice = "get ca.pem, certificate and key from the operator (mimiqctl pki enrol); the agent's user must be able to read them";
        return vec![Finding::problem("pki", error.to_string(), advice)];
    }
    let mut findings =
        vec![Finding::ok("pki", "the files are readable, and the key is the certificate's"), key(&pki.key)];
    let now = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX);
    let (ca, certificate) = (certificates(&pki.ca), certificates(&pki.certificate));
    let validity = |chain: &[CertificateDer<'_>]| {
        let (_, parsed) = X509Certificate::from_der(chain.first()?).ok()?;
        let validity = parsed.validity();
        Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
    };
    let (Some(of_ca), Some(own)) = (validity(&ca), validity(&certificate)) else {
        findings.push(Finding::problem("validity", "a certificate cannot be read", "get new ones from the operator"));
        return findings;
    };
    let clock = clock(now, of_ca.0.max(own.0));
    let right = clock.advice.is_none();
    findings.push(clock);
    if right {
        findings.push(validity_left("ca_validity", now, of_ca, "the operator must renew the authority"));
        findings.push(validity_left(
            "validity",
            now,
            own,
            "ask the operator for a new certificate (mimiqctl pki enrol)",
        ));
        findings.push(signed(ca, &certificate));
    }
    findings
}

fn certificates(path: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(path).map(|found| found.filter_map(Result::ok).collect()).unwrap_or_default()
}

fn key(path: &Path) -> Finding {
    const CHECK: &str = "key";
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.mode() & 0o007 != 0 => {
            let found = format!("{} is everybody's: its mode is {:o}", path.display(), metadata.mode() & 0o777);
            Finding::problem(CHECK, found, format!("chmod o-rwx {}", path.display()))
        }
        Ok(_) => Finding::ok(CHECK, "not everybody's"),
        Err(error) => Finding::problem(CHECK, error.to_string(), "see `pki`"),
    }
}

/// Certificates were made in the past, so a clock that shows an earlier time is wrong.
fn clock(now: i64, made: i64) -> Finding {
    if now < made {
        let behind = (made - now).div_euclid(DAY);
        let found = format!("it shows a time before the certificates were made, by {behind} days or more");
        return Finding::problem("clock", found, "set the clock: timedatectl set-ntp true");
    }
    Finding::ok("clock", "later than the certificates")
}

fn validity_left(check: &'static str, now: i64, (start, end): (i64, i64), advice: &str) -> Finding {
    let days = (end - now).div_euclid(DAY);
    if end <= now {
        return Finding::problem(check, format!("expired {} days ago", (now - end).div_euclid(DAY)), advice);
    }
    if (end - now) * 10 < end - start {
        return Finding::problem(check, format!("less than a tenth is left: {days} days"), advice);
    }
    Finding::ok(check, format!("{days} days are left"))
}

fn signed(ca: Vec<CertificateDer<'static>>, chain: &[CertificateDer<'static>]) -> Finding {
    const CHECK: &str = "authority";
    const ADVICE: &str = "ca.pem and the certificate must be of the same operator, the certificate for clients";
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(ca);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = match WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build() {
        Ok(verifier) => verifier,
        Err(error) => return Finding::problem(CHECK, error.to_string(), ADVICE),
    };
    let Some((own, intermediates)) = chain.split_first() else {
        return Finding::problem(CHECK, "no certificate", ADVICE);
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    match verifier.verify_client_cert(own, intermediates, UnixTime::since_unix_epoch(now)) {
        Ok(_) => Finding::ok(CHECK, "the certificate is signed by the operator's authority, for clients"),
        Err(error) => Finding::problem(CHECK, error.to_string(), ADVICE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn dates_are_judged_both_ways() {
        let status = |now| validity_left("validity", now, (0, 100 * DAY), "renew").status;
        assert_eq!(status(50 * DAY), Status::Ok);
        assert_eq!(status(95 * DAY), Status::Problem);
        assert_eq!(status(101 * DAY), Status::Problem);
        assert_eq!(clock(10, 5).status, Status::Ok);
        assert_eq!(clock(5, 10).status, Status::Problem);
    }
}

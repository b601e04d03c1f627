use mimiq_contract::wellknown::SWITCH_DOMAIN;
use rand::RngCore as _;
use rcgen::{
    CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use time::Duration;

use super::{
    Index, Issued, Kind, PkiError, SWITCH,
    index::{bytes, hex},
    now,
};

/// The list has no distribution point from which a newer one would be fetched: it is replaced when somebody is revoked.
/// So its end must not come by itself and lock everybody out.
const LIST_LASTS: Duration = Duration::days(10 * 365);

pub(super) struct Made {
    pub(super) issued: Issued,
    pub(super) certificate: String,
    pub(super) key: String,
}

pub(super) fn certificate(issuer: &Issuer<'_, KeyPair>, kind: Kind, name: &str) -> Result<Made, PkiError> {
    let (server, client) = (ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth);
    let (names, usages) = match kind {
        // Clients and operators connect to it, and it to the switches.
        Kind::Controller => (vec![name.to_owned()], vec![server, client]),
        Kind::Client | Kind::Operator => (Vec::new(), vec![client]),
        Kind::Switch => (vec![format!("{}.{SWITCH_DOMAIN}", name.strip_prefix(SWITCH).unwrap_or(name))], vec![server]),
    };
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    if let Some(unit) = kind.unit() {
        params.distinguished_name.push(DnType::OrganizationalUnitName, unit);
    }
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = usages;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let mut serial = [0; 16];
    rand::rng().fill_bytes(&mut serial);
    // Positive, and always of this length (RFC 5280 §4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?.pem();
    let issued = Issued { kind, name: name.into(), serial: hex(&serial), expires: params.not_after, revoked: None };
    Ok(Made { issued, certificate, key: key.serialize_pem() })
}

/// The list of all revoked certificates in the index, in PEM.
pub(super) fn revocation_list(issuer: &Issuer<'_, KeyPair>, index: &Index, number: u64) -> Result<String, PkiError> {
    let revoked = |issued: &Issued| {
        Some(RevokedCertParams {
            serial_number: SerialNumber::from(bytes(&issued.serial)?),
            revocation_time: issued.revoked?,
            reason_code: None,
            invalidity_date: None,
        })
    };
    let now = now();
    let list = CertificateRevocationListParams {
        this_update: now,
        next_update: now + LIST_LASTS,
        crl_number: SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: index.iter().filter_map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Ok(list.signed_by(issuer)?.pem()?)
}

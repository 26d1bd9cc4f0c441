//! Certificates of one run: a CA of its own and a leaf for this machine's loopback names.
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A CA certificate, a leaf signed by it and the leaf's key, all PEM. The CA's key is forgotten.
pub struct Certificates {
    /// What a client must trust.
    pub ca_pem: String,
    /// The leaf.
    pub certificate_pem: String,
    /// The leaf's private key (PKCS #8).
    pub key_pem: String,
    pub(crate) certificate_der: CertificateDer<'static>,
    pub(crate) key_der: PrivateKeyDer<'static>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

/// No certificate could be made.
#[derive(Debug, thiserror::Error)]
#[error("the gateway's certificates could not be made: {0}")]
pub struct CertificateError(#[from] rcgen::Error);

impl Certificates {
    /// Makes a CA and a leaf for `names` (DNS names and IP addresses), valid from an hour before `now`.
    pub fn generate(names: &[String], now: SystemTime) -> Result<Self, CertificateError> {
        let ca_key = KeyPair::generate()?;
        let ca = ca_params(now)?;
        let ca_pem = ca.self_signed(&ca_key)?.pem();
        let leaf_key = KeyPair::generate()?;
        let leaf = leaf_params(names, now)?.signed_by(&leaf_key, &Issuer::new(ca, ca_key))?;
        Ok(Self {
            ca_pem,
            certificate_pem: leaf.pem(),
            key_pem: leaf_key.serialize_pem(),
            certificate_der: leaf.der().clone(),
            key_der: PrivatePkcs8KeyDer::from(leaf_key.serialize_der()).into(),
        })
    }
}

/// Names under which a gateway that listens at `address` is reached: loopback's, and that address.
pub fn names_at(address: IpAddr) -> Vec<String> {
    let mut names = ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec();
    let own = address.to_string();
    if !address.is_unspecified() && !names.contains(&own) {
        names.push(own);
    }
    names
}

fn ca_params(now: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let mut params = validity(CertificateParams::new(Vec::new())?, now);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "c2c gateway test CA");
    Ok(params)
}

fn leaf_params(names: &[String], now: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let mut params = validity(CertificateParams::new(names.to_vec())?, now);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.distinguished_name.push(DnType::CommonName, "c2c gateway");
    Ok(params)
}

/// A month, since a run lasts minutes; Apple's verifier refuses leaves of more than 825 days.
fn validity(mut params: CertificateParams, now: SystemTime) -> CertificateParams {
    let unix_time = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + unix_time.saturating_sub(Duration::from_secs(3600));
    params.not_after = epoch + unix_time + Duration::from_secs(30 * 24 * 3600);
    params
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_gateway_is_known_by_its_address() {
        assert_eq!(
            names_at([10, 0, 0, 7].into()),
            ["localhost", "127.0.0.1", "::1", "10.0.0.7"]
        );
        assert_eq!(names_at(Ipv4Addr::LOCALHOST.into()).len(), 3);
        assert_eq!(names_at(Ipv4Addr::UNSPECIFIED.into()).len(), 3);
    }

    #[test]
    fn debug_shows_no_key() {
        let made = Certificates::generate(&names_at(Ipv4Addr::LOCALHOST.into()), SystemTime::now()).unwrap();
        assert!(made.key_pem.contains("PRIVATE KEY"));
        assert!(!format!("{made:?}").contains("PRIVATE"));
        assert_ne!(made.ca_pem, made.certificate_pem);
    }
}

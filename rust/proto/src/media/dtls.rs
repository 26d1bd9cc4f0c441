//! DTLS of one call behind a small trait, and dimpl's implementation of it.
use super::error::MediaError;

/// A client's ECDSA P-256 certificate with its key; made once per client, shared by its calls.
pub struct DtlsCertificate {
    inner: dimpl::DtlsCertificate,
    fingerprint: String,
}

impl DtlsCertificate {
    /// Makes a self-signed certificate. Errors: [`MediaError::Internal`] when the crypto library refuses.
    pub fn generate() -> Result<Self, MediaError> {
        let inner = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| MediaError::Internal(format!("certificate: {error}")))?;
        let fingerprint = inner.fingerprint_str();
        Ok(Self { inner, fingerprint })
    }

    /// SHA-256 of the certificate as SDP writes it (`AB:CD:...`, RFC 8122 §5).
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl std::fmt::Debug for DtlsCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DtlsCertificate")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

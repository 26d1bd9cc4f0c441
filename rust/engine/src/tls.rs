//! Whom a client trusts. TLS 1.2 or 1.3, chain and host name checked always.
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::client::WantsClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::error::EngineError;

/// Roots and an optional client certificate.
#[derive(Clone)]
pub struct TlsTrust(Arc<Trust>);

struct Trust {
    roots: Roots,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    config: OnceLock<Arc<ClientConfig>>,
}

enum Roots {
    /// The platform's own verifier.
    Platform,
    /// A PEM file named by `SSL_CERT_FILE`, which replaces the platform's roots.
    File(PathBuf),
    /// Roots handed over, which replace the platform's.
    Given(RootCertStore),
}

impl fmt::Debug for TlsTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.roots {
            Roots::Platform => "TlsTrust(platform)",
            Roots::File(_) => "TlsTrust(SSL_CERT_FILE)",
            Roots::Given(_) => "TlsTrust(given)",
        })
    }
}

impl TlsTrust {
    /// Trusts the roots in `ca_pem`, else those of the file that `SSL_CERT_FILE` names, else the platform's. A client
    /// certificate and its key come together, as PEM. Fails for PEM that holds no certificate or no key.
    pub fn new(
        ca_pem: Option<&[u8]>,
        client_cert_pem: Option<&[u8]>,
        client_key_pem: Option<&[u8]>,
    ) -> Result<Self, EngineError> {
        let roots = match (ca_pem, std::env::var_os("SSL_CERT_FILE")) {
            (Some(pem), _) => {
                Roots::Given(read_roots(pem).map_err(|why| EngineError::Invalid(format!("ca_pem: {why}")))?)
            }
            (None, Some(path)) if !path.is_empty() => Roots::File(path.into()),
            (None, _) => Roots::Platform,
        };
        let client = match (client_cert_pem, client_key_pem) {
            (Some(chain), Some(key)) => Some((read_chain(chain)?, read_key(key)?)),
            (None, None) => None,
            _ => {
                return Err(EngineError::Invalid(
                    "a client certificate and its key go together".into(),
                ));
            }
        };
        Ok(Self(Arc::new(Trust {
            roots,
            client,
            config: OnceLock::new(),
        })))
    }

    /// The configuration, made when first needed: it may read files, so ask from a worker.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, String> {
        /// Clients that trust the platform and have no certificate of their own share one set of roots.
        static PLATFORM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        let shared = matches!(self.0.roots, Roots::Platform) && self.0.client.is_none();
        let made = if shared { &PLATFORM } else { &self.0.config };
        if let Some(config) = made.get() {
            return Ok(config.clone());
        }
        let config = self.make_config()?;
        Ok(made.get_or_init(|| config).clone())
    }

    fn make_config(&self) -> Result<Arc<ClientConfig>, String> {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &self.0.roots {
            Roots::Platform => builder
                .with_platform_verifier()
                .map_err(|error| format!("the platform's trust roots cannot be loaded: {error}"))?,
            Roots::File(path) => builder.with_root_certificates(read_root_file(path)?),
            Roots::Given(roots) => builder.with_root_certificates(roots.clone()),
        };
        self.with_client_certificate(builder)
    }

    fn with_client_certificate(
        &self,
        builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    ) -> Result<Arc<ClientConfig>, String> {
        let Some((chain, key)) = &self.0.client else {
            return Ok(Arc::new(builder.with_no_client_auth()));
        };
        match builder.with_client_auth_cert(chain.clone(), key.clone_key()) {
            Ok(config) => Ok(Arc::new(config)),
            Err(error) => Err(format!("the client certificate cannot be used: {error}")),
        }
    }
}

/// The one crypto library of the project.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER
        .get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .clone()
}

fn read_root_file(path: &PathBuf) -> Result<RootCertStore, String> {
    let pem = std::fs::read(path).map_err(|error| format!("SSL_CERT_FILE {}: {error}", path.display()))?;
    read_roots(&pem).map_err(|why| format!("SSL_CERT_FILE {}: {why}", path.display()))
}

fn read_roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|error| format!("not PEM: {error}"))?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        Err("it holds no certificate that can be a root".into())
    } else {
        Ok(roots)
    }
}

fn read_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, EngineError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(EngineError::Invalid(
            "client certificate: no PEM certificate in it".into(),
        )),
    }
}

fn read_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, EngineError> {
    // what is wrong with a key is not told: the text might quote it
    let key = PrivateKeyDer::from_pem_slice(pem);
    key.map_err(|_| EngineError::Invalid("client key: no unencrypted PEM private key in it".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pem_is_refused_by_name() {
        let error = TlsTrust::new(Some(b"nothing"), None, None).unwrap_err();
        assert!(error.to_string().starts_with("ca_pem: "), "{error}");
        let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
        let chain = made.cert.pem();
        assert!(TlsTrust::new(None, Some(chain.as_bytes()), None).is_err());
        let error = TlsTrust::new(None, Some(chain.as_bytes()), Some(b"geheim")).unwrap_err();
        assert!(!error.to_string().contains("geheim"));
        let trust = TlsTrust::new(
            None,
            Some(chain.as_bytes()),
            Some(made.signing_key.serialize_pem().as_bytes()),
        );
        trust.unwrap();
    }

    #[test]
    fn given_roots_make_a_configuration() {
        let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
        let trust = TlsTrust::new(Some(made.cert.pem().as_bytes()), None, None).unwrap();
        let config = trust.config().unwrap();
        assert!(Arc::ptr_eq(&config, &trust.config().unwrap()));
    }
}

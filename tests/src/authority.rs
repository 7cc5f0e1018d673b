//! A private certificate authority: what an organisation has that runs its own registry.
//!
//! It is trusted by nobody who was not given [`Authority::file`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

/// An authority with its certificate in a file.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// The certificate of a server or a client with its key, as PEM.
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

// === impl Authority ===

impl Authority {
    /// A new one, with a key that nobody else has.
    ///
    /// # Panics
    ///
    /// When there is no place for its file.
    #[must_use]
    pub fn new() -> Self {
        crate::install_crypto();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "a private authority");
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let folder = TempDir::new().expect("a temporary folder");
        let authority = Self { issuer, folder };
        std::fs::write(authority.file(), authority.issuer.pem()).expect("a file");
        authority
    }

    /// Its certificate, for who is to trust it.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// The folder with nothing but that file, as `skopeo --dest-cert-dir` wants it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A certificate for servers on this machine.
    ///
    /// # Panics
    ///
    /// When none can be made.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let names = ["127.0.0.1", "0.0.0.0", "localhost"].map(str::to_owned);
        self.vouch(&CertificateParams::new(names).expect("names"))
    }

    /// A certificate for a client, with its name and the group that it is in.
    ///
    /// # Panics
    ///
    /// When none can be made.
    #[must_use]
    pub fn client(&self, name: &str, group: &str) -> Identity {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params
            .distinguished_name
            .push(DnType::OrganizationName, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.vouch(&params)
    }

    fn vouch(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer);
        Identity {
            certificate: certificate.expect("a certificate").pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Identity ===

impl Identity {
    /// What a TLS server of this process needs.
    ///
    /// # Panics
    ///
    /// When certificate and key are not a pair.
    #[must_use]
    pub fn server(&self) -> Arc<ServerConfig> {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.expect("PEM")], key.expect("PEM"));
        Arc::new(config.expect("a pair"))
    }
}

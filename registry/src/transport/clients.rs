//! The HTTP clients: with TLS or without, by the environment's proxy or straight to this machine.
//!
//! Those with TLS are made when first needed: reading the system's authorities takes milliseconds, and a
//! machine without any can still pull from a registry on plain HTTP.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, Url};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::{TransportError, hosts};
use crate::settings::SettingsError;

pub(super) struct Clients {
    connect: Duration,
    authorities: Vec<Certificate>,
    authority_ders: Vec<Vec<u8>>,
    plain: Client,
    plain_direct: Client,
    secure: OnceLock<Result<Client, String>>,
    secure_direct: OnceLock<Result<Client, String>>,
}

// === impl Clients ===

impl Clients {
    pub(super) fn new(ca_files: &[PathBuf], connect: Duration) -> Result<Self, SettingsError> {
        // reqwest panics where nobody chose a provider. Whoever did has the last word: this fails then.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut authorities = Vec::new();
        let mut authority_ders = Vec::new();
        for path in ca_files {
            let pem = std::fs::read(path).map_err(|source| SettingsError::CaUnreadable {
                path: path.clone(),
                source,
            })?;
            for der in read_authorities(path, &pem)? {
                authorities.push(Certificate::from_der(&der).map_err(client_error)?);
                authority_ders.push(der.to_vec());
            }
        }
        // Without authorities of its own: it is not for TLS, and loading the system's may fail.
        let plain = || builder(connect).tls_certs_only([]);
        let build = |builder: ClientBuilder| builder.build().map_err(client_error);
        Ok(Self {
            plain: build(plain())?,
            plain_direct: build(plain().no_proxy())?,
            secure: OnceLock::new(),
            secure_direct: OnceLock::new(),
            connect,
            authorities,
            authority_ders,
        })
    }

    pub(super) fn has_private_authority(&self) -> bool {
        !self.authorities.is_empty()
    }

    pub(super) fn authorities(&self) -> &[Vec<u8>] {
        &self.authority_ders
    }

    /// The client for a URL. A proxy is not asked for what is on this machine: there it is another machine.
    pub(super) fn client_for(&self, url: &Url) -> Result<&Client, TransportError> {
        let secure = || builder(self.connect).tls_certs_merge(self.authorities.clone());
        let made = match (url.scheme() == "https", hosts::is_loopback(url)) {
            (false, false) => return Ok(&self.plain),
            (false, true) => return Ok(&self.plain_direct),
            (true, false) => self.secure.get_or_init(|| build(secure())),
            (true, true) => self
                .secure_direct
                .get_or_init(|| build(secure().no_proxy())),
        };
        made.as_ref()
            .map_err(|reason| TransportError::NoTls(reason.clone()))
    }
}

fn builder(connect: Duration) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("kube-wagi/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect)
        // Our own loop looks at each redirect.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // Our own story decides what is tried again.
        .retry(reqwest::retry::never())
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn client_error(error: reqwest::Error) -> SettingsError {
    SettingsError::Client(error.to_string())
}

fn build(builder: ClientBuilder) -> Result<Client, String> {
    builder.build().map_err(|error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        cause.to_string()
    })
}

/// Certificates of a PEM file; each must be usable as an authority.
fn read_authorities(
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let refuse = |reason: String| SettingsError::CaGarbage {
        path: path.to_owned(),
        reason,
    };
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|error| refuse(error.to_string()))?;
        found.push(certificate);
    }
    if found.is_empty() {
        return Err(refuse("it holds no certificate".to_owned()));
    }
    Ok(found)
}

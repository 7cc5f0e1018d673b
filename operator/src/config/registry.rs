//! How registries are spoken to, and who we are to them.
//!
//! Files of authorities are read here, so that one that is none is said with all other mistakes; the
//! credentials are read whenever they are needed, since who logs in need not restart us.

use std::ffi::OsString;
use std::path::PathBuf;

use ::registry::{Client, Credentials, DockerConfig, Mirror, Settings};

use super::Mistakes;
use crate::cli::RegistryArgs;

/// How registries are spoken to, and who we are to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// What a client is made of.
    pub settings: Settings,
    /// Who we are.
    pub credentials: Credentials,
}

// === impl Registry ===

impl Registry {
    pub(super) fn parse(mistakes: &mut Mistakes, args: &RegistryArgs) -> Option<Self> {
        let usable = |settings: Settings| Client::new(settings).map(drop);
        let mut plain_http = Vec::new();
        for host in &args.plain_http {
            plain_http.push(mistakes.flag("--plain-http", host, |text| {
                let host = text.to_owned();
                let settings = Settings {
                    plain_http: vec![host.clone()],
                    ..Settings::default()
                };
                usable(settings).map(|()| host)
            }));
        }
        let mut ca_files = Vec::new();
        for path in &args.registry_ca {
            ca_files.push(
                mistakes.flag("--registry-ca", &path.to_string_lossy(), |_| {
                    let settings = Settings {
                        ca_files: vec![path.clone()],
                        ..Settings::default()
                    };
                    usable(settings).map(|()| path.clone())
                }),
            );
        }
        let known: Vec<String> = plain_http.iter().flatten().cloned().collect();
        let mut mirrors = Vec::new();
        for text in &args.registry_mirror {
            mirrors.push(mistakes.flag("--registry-mirror", text, |text| {
                let mirror: Mirror = text.parse().map_err(|error| format!("{error}"))?;
                let settings = Settings {
                    plain_http: known.clone(),
                    mirrors: vec![mirror.clone()],
                    ..Settings::default()
                };
                let checked = usable(settings).map_err(|error| error.to_string());
                checked.map(|()| mirror)
            }));
        }
        let credentials = credentials(mistakes, args.registry_config.as_ref());
        Some(Self {
            settings: Settings {
                plain_http: plain_http.into_iter().collect::<Option<_>>()?,
                ca_files: ca_files.into_iter().collect::<Option<_>>()?,
                mirrors: mirrors.into_iter().collect::<Option<_>>()?,
                ..Settings::default()
            },
            credentials: credentials?,
        })
    }
}

/// A file that was named must be there; Docker's own may be.
fn credentials(mistakes: &mut Mistakes, named: Option<&PathBuf>) -> Option<Credentials> {
    let path = match named {
        None => {
            let variables = ["DOCKER_CONFIG", "HOME"].map(std::env::var_os);
            docker_config(variables)
        }
        Some(path) => {
            let text = path.to_string_lossy();
            let read = |_: &str| std::fs::File::open(path).map(|_| Some(path.clone()));
            mistakes.flag("--registry-config", &text, read)?
        }
    };
    Some(path.map_or(Credentials::Anonymous, |path| {
        Credentials::DockerConfig(DockerConfig::file(path))
    }))
}

fn docker_config([folder, home]: [Option<OsString>; 2]) -> Option<PathBuf> {
    let set = |text: Option<OsString>| text.filter(|text| !text.is_empty()).map(PathBuf::from);
    let folder = set(folder).or_else(|| Some(set(home)?.join(".docker")))?;
    Some(folder.join("config.json"))
}

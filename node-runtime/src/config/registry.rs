//! How registries are spoken to, and who we are to them.
//!
//! Files of authorities are read here, so that one that is none is said with all other mistakes; the
//! credentials are read whenever they are needed, since who logs in need not restart us.

use std::ffi::OsString;
use std::path::PathBuf;

use ::registry::{Client, DockerConfig, Mirror, Settings};

use super::{ConfigError, Mistakes};
use crate::cli::args::registry::RegistryArgs;

/// How registries are spoken to, and who we are to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// What a client is made of.
    pub settings: Settings,
    /// Who we are.
    pub credentials: ::registry::Credentials,
}

/// Who we are when nobody says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    /// Whom Docker's configuration of the user names.
    OfTheUser,
    /// Nobody: only what is named counts.
    Named,
}

// === impl Registry ===

impl Registry {
    pub(super) fn parse(
        mistakes: &mut Mistakes,
        args: &RegistryArgs,
        default: Credentials,
    ) -> Option<Self> {
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
        let credentials = credentials(mistakes, args.registry_config.as_ref(), default);
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

impl TryFrom<&RegistryArgs> for Registry {
    type Error = ConfigError;

    fn try_from(args: &RegistryArgs) -> Result<Self, ConfigError> {
        let mut mistakes = Mistakes::default();
        let registry = Self::parse(&mut mistakes, args, Credentials::OfTheUser);
        mistakes.finish(|| registry)
    }
}

/// A file that was named must be there; Docker's own may be.
fn credentials(
    mistakes: &mut Mistakes,
    named: Option<&PathBuf>,
    default: Credentials,
) -> Option<::registry::Credentials> {
    use ::registry::Credentials as Found;
    let path = match named {
        None if default == Credentials::Named => None,
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
    Some(path.map_or(Found::Anonymous, |path| {
        Found::DockerConfig(DockerConfig::file(path))
    }))
}

fn docker_config([folder, home]: [Option<OsString>; 2]) -> Option<PathBuf> {
    let set = |text: Option<OsString>| text.filter(|text| !text.is_empty()).map(PathBuf::from);
    let folder = set(folder).or_else(|| Some(set(home)?.join(".docker")))?;
    Some(folder.join("config.json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use crate::config::Up;
    use clap::Parser;

    fn registry(flags: &[&str]) -> Result<Registry, ConfigError> {
        let arguments = ["wagi", "up", "routes"].iter().chain(flags);
        let cli = Cli::try_parse_from(arguments).expect("a command line");
        match cli.command {
            Command::Up(args) => Up::try_from(*args).map(|up| up.serve.registry),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn dockers_configuration_is_the_default() {
        let of = |folder: Option<&str>, home: Option<&str>| {
            docker_config([folder.map(OsString::from), home.map(OsString::from)])
        };
        let is = |path: &str| Some(PathBuf::from(path));
        assert_eq!(of(Some("/d"), Some("/h")), is("/d/config.json"));
        assert_eq!(of(None, Some("/h")), is("/h/.docker/config.json"));
        assert_eq!(of(Some(""), Some("/h")), is("/h/.docker/config.json"));
        assert_eq!(of(None, None), None);
    }

    #[test]
    fn flags_are_read() {
        let read = registry(&[
            "--plain-http=a.example,b.example:5000",
            "--registry-mirror=docker.io=http://a.example/hub",
            "--registry-mirror=docker.io=https://c.example",
        ]);
        let settings = read.expect("a configuration").settings;
        assert_eq!(settings.plain_http, ["a.example", "b.example:5000"]);
        let urls: Vec<_> = settings
            .mirrors
            .iter()
            .map(|mirror| mirror.url.as_str())
            .collect();
        assert_eq!(urls, ["http://a.example/hub", "https://c.example/"]);
    }

    #[test]
    fn mistakes_are_said_together() {
        let error = registry(&[
            "--plain-http=http://a.example",
            "--registry-ca=/nowhere/ca.pem",
            "--registry-mirror=docker.io",
            "--registry-mirror=docker.io=http://m.example",
            "--registry-config=/nowhere/config.json",
        ])
        .expect_err("five mistakes");
        assert_eq!(error.0.len(), 5, "{error}");
        for part in [
            "without a scheme",
            "ca.pem",
            "REGISTRY=URL",
            "--plain-http m.example",
            "config.json",
        ] {
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
    }
}

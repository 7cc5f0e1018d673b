//! `wagi up`: serves manifests, and says where.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use crds::host::HostPattern;
use process_shell::effective::Effective;

use super::{Error, UpArgs};
use crate::app::command;
use crate::config::Up;
use crate::control::Applied;
use crate::source::Document;

/// More routes than fit a terminal are counted.
const MOST_ROUTES: usize = 20;

pub(super) fn run(args: UpArgs, effective: &Effective) -> Result<ExitCode, Error> {
    let config = Up::try_from(args)?;
    effective.log();
    command::serve(config).map_err(Error::Failed)?;
    Ok(ExitCode::SUCCESS)
}

/// Tells scripts that the address answers: the one line on stdout.
///
/// # Errors
/// When nobody reads it.
pub fn announce(stdout: &mut impl Write, address: SocketAddr) -> io::Result<()> {
    writeln!(stdout, "Ready: serving on http://{address}")?;
    stdout.flush()
}

/// Tells a person what is served at start: the first routes with their URLs, a count of the rest.
///
/// # Errors
/// When nobody reads it.
pub fn list(stderr: &mut impl Write, address: SocketAddr, applied: &Applied) -> io::Result<()> {
    for document in applied.serving.iter().take(MOST_ROUTES) {
        let route = &document.route;
        writeln!(stderr, "  {}  {}", urls(address, document), route.name)?;
    }
    match applied.serving.len() {
        0 => writeln!(stderr, "  no routes yet")?,
        routes if routes > MOST_ROUTES => {
            writeln!(stderr, "  and {} more", routes - MOST_ROUTES)?;
        }
        _ => {}
    }
    match applied.other_kinds {
        0 => Ok(()),
        1 => writeln!(stderr, "  1 object of another kind skipped"),
        objects => writeln!(stderr, "  {objects} objects of other kinds skipped"),
    }
}

/// Writes what a swap changed to the log, one line each. The routes that are there at start are
/// listed instead.
pub fn log(applied: &Applied) {
    for change in &applied.changes {
        if change.is_trouble() {
            tracing::warn!("{change}");
        } else if applied.is_first {
            tracing::debug!("{change}");
        } else {
            tracing::info!("{change}");
        }
    }
}

/// Where a route answers: its first host, and how many more there are.
fn urls(address: SocketAddr, document: &Arc<Document>) -> String {
    let port = address.port();
    let path = &document.route.path;
    match &document.route.hosts[..] {
        [] => format!("http://{address}{path}"),
        [host] => format!("http://{}:{port}{path}", host_text(host)),
        [host, others @ ..] => {
            format!("http://{}:{port}{path} +{}", host_text(host), others.len())
        }
    }
}

/// A host as it stands in a URL.
fn host_text(host: &HostPattern) -> String {
    let text = host.to_string();
    if text.contains(':') && !text.starts_with('[') {
        format!("[{text}]")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crds::validate::Place;

    use super::*;
    use crate::source::read_once;

    fn applied(routes: usize, hosts: &str) -> Applied {
        let dir = tempfile::tempdir().expect("a folder");
        let text: String = (0..routes)
            .map(|n| {
                format!(
                    "---\napiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {{name: r{n}}}\n\
                     spec: {{path: /{n}/..., hosts: [{hosts}], module: {{image: file:x.wasm}}}}\n"
                )
            })
            .collect();
        fs::write(dir.path().join("a.yaml"), text).expect("a file");
        let snapshot = read_once(vec![dir.path().to_owned()], Place::Local).expect("a snapshot");
        assert_eq!(snapshot.mistakes, []);
        Applied {
            changes: Vec::new(),
            is_first: true,
            loading: Vec::new(),
            serving: snapshot.documents,
            other_kinds: 2,
        }
    }

    fn listed(applied: &Applied) -> String {
        let mut out = Vec::new();
        let address = "127.0.0.1:3000".parse().expect("an address");
        list(&mut out, address, applied).expect("a vector takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_first_twenty_routes_are_listed_and_the_rest_counted() {
        let text = listed(&applied(25, ""));
        assert!(
            text.starts_with("  http://127.0.0.1:3000/0/...  default/r0\n"),
            "{text}"
        );
        assert_eq!(text.matches("http://").count(), 20);
        assert!(
            text.ends_with("  and 5 more\n  2 objects of other kinds skipped\n"),
            "{text}"
        );
    }

    #[test]
    fn a_route_with_hosts_is_listed_under_the_first() {
        let text = listed(&applied(1, "shop.example, \"*.shop.example\""));
        assert!(
            text.starts_with("  http://shop.example:3000/0/... +1  default/r0\n"),
            "{text}"
        );
    }

    #[test]
    fn the_ready_line_names_the_bound_address() {
        let mut out = Vec::new();
        announce(&mut out, "[::1]:8080".parse().expect("an address")).expect("a vector");
        assert_eq!(out, b"Ready: serving on http://[::1]:8080\n");
    }
}

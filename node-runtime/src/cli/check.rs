//! `wagi check`: says every mistake, and whether the modules can be served.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use super::{CheckArgs, Error, FAILED};
use crate::app::build::Compiler;
use crate::app::{capacity, command};
use crate::compile;
use crate::config::Compile as CompileConfig;
use crate::modules::{Bounds, Compile, LoadError, Modules};
use crate::routing::{Conflict, Entry, RouteTable};
use crate::source::{Document, ModuleSource, Snapshot, read_once};

pub(super) fn run(args: &CheckArgs) -> Result<ExitCode, Error> {
    let config = CompileConfig::try_from(&args.compile)?;
    let snapshot = read_once(args.paths.clone(), args.place.into()).map_err(Error::failed)?;
    let compiler = Compiler::alone(command::compile_config(config)).map_err(Error::failed)?;
    let has_entry = |document: &Document, program: &crate::guest::Program| {
        let entry = program.entry(&document.route.entrypoint);
        entry.err().map(|error| format!("spec.entrypoint: {error}"))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(Error::failed)?;
    let bounds = Bounds {
        compiles: compile::parallel(capacity::memory_bytes()),
        ..Bounds::default()
    };
    let modules = Modules::new(compiler, bounds, None, None, None);
    let lines = runtime.block_on(check(&snapshot, &modules, has_entry));
    let is_ok = print(&snapshot, &lines).map_err(Error::failed)?;
    Ok(if is_ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// Everything that is wrong, one line each: first the texts, then what they refer to.
pub async fn check<C: Compile>(
    snapshot: &Snapshot,
    modules: &Modules<C>,
    fault: impl Fn(&Document, &C::Program) -> Option<String>,
) -> Vec<String> {
    let mut lines: Vec<String> = snapshot
        .mistakes
        .iter()
        .map(|mistake| mistake.to_string())
        .collect();
    let loads = snapshot
        .documents
        .iter()
        .map(|document| modules.load(&document.module));
    let loads = futures::future::join_all(loads).await;
    for (document, loaded) in snapshot.documents.iter().zip(loads) {
        let mut say = |text: String| {
            let origin = &document.origin;
            lines.push(format!("{origin}:1: {}: {text}", document.name()));
        };
        if let Some(folder) = &document.missing_volume {
            say(format!(
                "spec.volumes: there is no folder {}",
                folder.display()
            ));
        }
        if let Err(missing) = &document.given {
            say(missing.clone());
        }
        match loaded {
            Err(failure) if failure.error == LoadError::NoRegistries => {}
            Err(failure) => say(format!("spec.module.image: {failure}")),
            Ok((_, program)) => {
                if let Some(text) = fault(document, &program) {
                    say(text);
                }
            }
        }
    }
    lines.extend(conflicts(&snapshot.documents));
    lines
}

fn conflicts(documents: &[Arc<Document>]) -> Vec<String> {
    let entries = documents.iter().map(|document| Entry {
        hosts: document.route.hosts.clone(),
        path: document.route.path.clone(),
        target: (),
    });
    let (_, conflicts) = RouteTable::build(entries);
    let line = |Conflict {
                    winner,
                    loser,
                    host,
                    path,
                }: Conflict| {
        let (winner, loser) = (&documents[winner], &documents[loser]);
        let host = host.map_or_else(|| "any host".to_owned(), |host| host.to_string());
        format!(
            "{}:1: {}: spec.path: {path} of {host} belongs to {} already ({})",
            loser.origin,
            loser.name(),
            winner.name(),
            winner.origin,
        )
    };
    conflicts.into_iter().map(line).collect()
}

fn print(snapshot: &Snapshot, lines: &[String]) -> io::Result<bool> {
    let mut stdout = io::stdout().lock();
    for line in lines {
        writeln!(stdout, "{line}")?;
    }
    let count = |number: usize, one: &str| match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {one}s"),
    };
    if snapshot.other_kinds > 0 {
        let objects = count(snapshot.other_kinds, "object");
        writeln!(io::stderr(), "skipped: {objects} of other kinds")?;
    }
    if images(snapshot) > 0 {
        let images = count(images(snapshot), "image");
        writeln!(
            io::stderr(),
            "not looked at: {images} in registries; wagi inspect looks at one"
        )?;
    }
    if lines.is_empty() {
        let routes = count(snapshot.documents.len(), "route");
        writeln!(stdout, "ok: {routes} in {}", count(snapshot.files, "file"))?;
    } else {
        writeln!(io::stderr(), "{}", count(lines.len(), "mistake"))?;
    }
    Ok(lines.is_empty())
}

fn images(snapshot: &Snapshot) -> usize {
    let is_image = |document: &&Arc<Document>| matches!(document.module, ModuleSource::Registry(_));
    snapshot.documents.iter().filter(is_image).count()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crds::validate::Place;

    use super::*;
    use crate::modules::tests::TextCompiler;

    async fn lines(files: &[(&str, &str)]) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(dir.path().join(name), text).expect("a file");
        }
        let snapshot = read_once(vec![dir.path().to_owned()], Place::Local).expect("a snapshot");
        let modules = crate::modules::tests::files(TextCompiler::default());
        let fault = |_: &Document, program: &String| {
            (program == "no entry").then(|| "spec.entrypoint: there is no _start".to_owned())
        };
        let prefix = format!("{}/", dir.path().display());
        let lines = check(&snapshot, &modules, fault).await;
        lines.iter().map(|line| line.replace(&prefix, "")).collect()
    }

    fn manifest(name: &str, path: &str, more: &str) -> String {
        format!(
            "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {{name: {name}}}\n\
             spec: {{path: {path}, module: {{image: file:{name}.wasm}}{more}}}\n"
        )
    }

    #[tokio::test]
    async fn what_can_be_served_has_no_line() {
        let lines = lines(&[("a.yaml", &manifest("a", "/a", "")), ("a.wasm", "good")]).await;
        assert_eq!(lines, [""; 0]);
    }

    #[tokio::test]
    async fn texts_modules_volumes_and_conflicts_are_judged() {
        let volumes = ", volumes: [{mountPath: /site, hostPath: site}]";
        let lines = lines(&[
            ("a.yaml", &manifest("a", "/a", volumes)),
            ("a.wasm", "good"),
            ("b.yaml", &manifest("b", "/a", "")),
            ("b.wasm", "bad"),
            ("c.yaml", &manifest("c", "/c", ", extra: 1")),
            ("d.yaml", &manifest("d", "/d", "")),
            ("e.yaml", &manifest("e", "/e", "")),
            ("e.wasm", "no entry"),
        ])
        .await;
        assert_eq!(
            lines,
            [
                "c.yaml:4:48: spec.extra: unknown field; write one of hosts, path, module, entrypoint, argv, \
                 env, envFrom, volumes, limits, onDisconnect, suspend",
                "a.yaml:1:1: default/a: spec.volumes: there is no folder site",
                "b.yaml:1:1: default/b: spec.module.image: the module says bad",
                "d.yaml:1:1: default/d: spec.module.image: there is no file d.wasm",
                "e.yaml:1:1: default/e: spec.entrypoint: there is no _start",
                "b.yaml:1:1: default/b: spec.path: /a of any host belongs to default/a already (a.yaml:1)",
            ]
        );
    }
}

//! The repository keeps its own rules: who knows whom, and that the papers name what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tests::guests;

fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the crate is in the workspace")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a folder that has one of these endings, in order.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            let ending = path.extension().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                folders.push(path);
            } else if endings.contains(&&*ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The words in backticks.
fn quoted(text: &str) -> Vec<String> {
    let words = text.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

/// The cells of the rows of tables.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
}

/// A room's place and what it may use, where it may not use everything.
struct Law {
    layer: u32,
    uses: Option<BTreeSet<String>>,
}

fn law() -> BTreeMap<String, Law> {
    let text = read("ARCHITECTURE.md");
    let (_, section) = text
        .split_once("## Who may know whom")
        .expect("ARCHITECTURE.md has the law");
    let (section, _) = section.split_once("\n## ").expect("a section follows");
    let mut law = BTreeMap::new();
    for row in rows(section) {
        let Ok(layer) = row[0].parse() else { continue };
        for room in quoted(row[1]) {
            let uses = (row[2] != "everything").then(|| quoted(row[2]).into_iter().collect());
            law.insert(room, Law { layer, uses });
        }
    }
    law
}

/// The room that a file of `node-runtime/src` is part of.
fn room_of(file: &Path) -> String {
    let source = root().join("node-runtime/src");
    let inside = file.strip_prefix(source).expect("a file of the crate");
    let first = inside.components().next().expect("a file has a name");
    let name = first.as_os_str().to_string_lossy().into_owned();
    name.trim_end_matches(".rs").to_owned()
}

/// The rooms named after `crate::`: one, or those of a list in braces, which may hold more lists.
fn named(rest: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = vec![String::new()];
    let mut is_path = false;
    for c in rest.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => {
                names.push(String::new());
                is_path = false;
            }
            ':' => is_path = true,
            c if c.is_ascii_alphanumeric() || c == '_' => {
                if depth <= 1 && !is_path {
                    names.last_mut().expect("never empty").push(c);
                }
                continue;
            }
            _ => {}
        }
        if depth <= 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Every `crate::ROOM` in code, with the file that says so.
fn arrows() -> Vec<(String, String, PathBuf)> {
    let mut arrows = Vec::new();
    for file in files("node-runtime/src", &["rs"]) {
        let text = read(&file);
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(|line| [line, "\n"])
            .collect();
        let from = room_of(&file);
        for (at, _) in code.match_indices("crate::") {
            for name in named(&code[at + "crate::".len()..]) {
                if name != from {
                    arrows.push((from.clone(), name, file.clone()));
                }
            }
        }
    }
    arrows
}

#[test]
fn rooms_know_only_what_the_architecture_allows() {
    let law = law();
    for (room, Law { layer, uses }) in &law {
        for used in uses.iter().flatten() {
            let below = law.get(used).map(|used| used.layer);
            assert!(
                below.is_some_and(|below| below < *layer),
                "ARCHITECTURE.md lets {room} use {used}, which is not below it"
            );
        }
    }
    let mut unused: BTreeSet<(String, String)> = law
        .iter()
        .flat_map(|(room, law)| {
            law.uses
                .iter()
                .flatten()
                .map(|used| (room.clone(), used.clone()))
        })
        .collect();
    let mut forbidden = Vec::new();
    for (from, to, file) in arrows() {
        unused.remove(&(from.clone(), to.clone()));
        let Some(Law { uses, .. }) = law.get(&from) else {
            // What the binary and the library consist of says nothing by itself.
            assert!(from == "lib", "ARCHITECTURE.md has no row for {from}");
            continue;
        };
        assert!(law.contains_key(&to), "ARCHITECTURE.md has no row for {to}");
        if uses.as_ref().is_some_and(|uses| !uses.contains(&to)) {
            forbidden.push(format!("{from} uses {to} in {}", file.display()));
        }
    }
    assert_eq!(
        forbidden, [""; 0],
        "arrows that ARCHITECTURE.md does not allow"
    );
    assert!(
        unused.is_empty(),
        "ARCHITECTURE.md allows what nothing uses: {unused:?}"
    );
}

#[test]
fn the_architecture_names_every_room() {
    let declared = read("node-runtime/src/lib.rs");
    let declared = declared.lines().filter_map(|line| {
        let name = line.strip_prefix("pub mod ")?.strip_suffix(';')?;
        Some(name.to_owned())
    });
    let mut declared: BTreeSet<String> = declared.collect();
    declared.insert("main".to_owned());
    assert_eq!(law().into_keys().collect::<BTreeSet<_>>(), declared);
    let map = read("ARCHITECTURE.md");
    let mapped: BTreeSet<String> = rows(&map).flat_map(|row| quoted(row[0])).collect();
    let unmapped: Vec<_> = declared.difference(&mapped).collect();
    assert!(unmapped.is_empty(), "the code map lacks {unmapped:?}");
}

#[test]
fn only_guest_names_the_engine() {
    for file in files("node-runtime/src", &["rs"]) {
        let names_it = read(&file)
            .lines()
            .any(|line| line.contains("wasmtime::") && !line.trim_start().starts_with("//"));
        assert!(
            !names_it || room_of(&file) == "guest",
            "{} names wasmtime",
            file.display()
        );
    }
}

/// The crates that a crate's manifest names, those of its tests apart.
fn dependencies(of: &str) -> Vec<String> {
    let manifest = read(format!("{of}/Cargo.toml"));
    let (_, section) = manifest
        .split_once("\n[dependencies]\n")
        .expect("a crate has dependencies");
    let section = section.split("\n[").next().unwrap_or_default();
    let lines = section.lines().filter(|line| !line.starts_with('#'));
    let names = lines.filter_map(|line| line.split(['.', ' ', '=']).next());
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn crates_know_only_what_the_architecture_allows() {
    let law = read("ARCHITECTURE.md");
    let law = law.lines().find_map(|line| line.strip_prefix("Crates: "));
    let (law, _) = law.and_then(|law| law.split_once("; ")).expect("the law");
    let sentences = quoted(law);
    let law: BTreeMap<&str, Vec<&str>> = sentences
        .iter()
        .filter_map(|sentence| sentence.split_once(" → "))
        .map(|(of, known)| (of, known.split(", ").collect()))
        .collect();
    let ours = members();
    for of in ours.iter().filter(|of| *of != "tests") {
        let mut known = dependencies(of);
        known.retain(|name| ours.contains(name));
        known.sort();
        let allowed = law.get(&**of).cloned().unwrap_or_default();
        assert_eq!(known, allowed, "what {of} knows");
    }
    for (of, foreign) in [
        ("crds", &["tokio", "hyper", "wasm", "oci"][..]),
        ("process-shell", &["kube", "k8s", "wasm", "wagi"]),
    ] {
        for name in dependencies(of) {
            let is_foreign = foreign.iter().any(|prefix| name.starts_with(prefix));
            assert!(!is_foreign, "{of} depends on {name}");
        }
    }
}

/// The crates of the workspace.
fn members() -> Vec<String> {
    let manifest = read("Cargo.toml");
    let line = manifest.lines().find(|line| line.starts_with("members = "));
    let names = line.expect("a workspace").split('"').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

/// Whether one of the files that a test's path may mean has it.
fn has_test(path: &str) -> bool {
    let parts: Vec<&str> = path.split("::").collect();
    let (name, modules) = parts.split_last().expect("a path has a last part");
    let wanted = [format!("fn {name}("), format!("mod {name} {{")];
    [
        "node-runtime/src",
        "operator/src",
        "crds/src",
        "registry/src",
        "operator/src",
        "process-shell/src",
        "tests/it",
        "tests/cluster",
    ]
    .iter()
    .any(|root_folder| {
        (1..=modules.len()).any(|depth| {
            let (files, inline) = modules.split_at(depth);
            let file = root()
                .join(root_folder)
                .join(files.join("/"))
                .with_extension("rs");
            fs::read_to_string(file).is_ok_and(|text| {
                let inline = inline
                    .iter()
                    .all(|name| text.contains(&format!("mod {name} {{")));
                inline && wanted.iter().any(|wanted| text.contains(wanted))
            })
        })
    })
}

/// The names of tests that are not there, each with the row that has it; every row names one.
fn missing_tests<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let missing = |(row, cell): (&str, &str)| {
        let tests = quoted(cell);
        assert!(!tests.is_empty(), "{row} names no test");
        let absent = tests.into_iter().filter(|test| !has_test(test));
        absent
            .map(|test| format!("{row}: {test}"))
            .collect::<Vec<_>>()
    };
    rows.into_iter().flat_map(missing).collect()
}

#[test]
fn every_promise_has_its_test() {
    let contract = read("docs/contract.md");
    let promises: Vec<_> = rows(&contract)
        .filter(|row| row.len() == 3 && row[0].ends_with(|c: char| c.is_ascii_digit()))
        .collect();
    assert!(promises.len() > 100, "the tables of the contract are read");
    let mut ids = BTreeSet::new();
    for row in &promises {
        assert!(
            ids.insert(row[0]),
            "{} stands twice in the contract",
            row[0]
        );
    }
    let missing = missing_tests(promises.iter().map(|row| (row[0], row[2])));
    assert!(
        missing.is_empty(),
        "the contract names tests that are not there: {missing:#?}"
    );
}

#[test]
fn every_fault_has_its_test_and_every_test_of_faults_its_row() {
    let faults = read("docs/faults.md");
    let is_row = |row: &Vec<&str>| row.len() == 4 && row[3].contains("::");
    let rows: Vec<_> = rows(&faults).filter(is_row).collect();
    assert!(rows.len() > 20, "the tables of the faults are read");
    let missing = missing_tests(rows.iter().map(|row| (row[0], row[3])));
    assert!(
        missing.is_empty(),
        "the faults name tests that are not there: {missing:#?}"
    );
    for room in ["faults", "fleet", "forgotten", "lists"] {
        let text = read(format!("tests/cluster/{room}.rs"));
        for test in text.split("#[test]\nfn ").skip(1) {
            let (name, _) = test.split_once('(').expect("a function");
            let test = format!("`{room}::{name}`");
            assert!(faults.contains(&test), "docs/faults.md lacks {test}");
        }
    }
}

#[test]
fn what_code_cites_of_the_contract_is_there() {
    let contract = read("docs/contract.md");
    let ids: BTreeSet<&str> = rows(&contract).map(|row| row[0]).collect();
    for folder in members() {
        for file in files(&folder, &["rs"]) {
            let text = read(&file);
            for (at, cited) in text.match_indices("docs/contract.md ") {
                let rest = &text[at + cited.len()..];
                let id: String = rest
                    .chars()
                    .take_while(char::is_ascii_alphanumeric)
                    .collect();
                let is_id = id.starts_with(|c: char| c.is_ascii_uppercase())
                    && id.ends_with(|c: char| c.is_ascii_digit());
                assert!(
                    !is_id || ids.contains(&*id),
                    "{} cites {id}, which the contract lacks",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn papers_that_are_named_exist() {
    let mut named = files("docs", &["md"]);
    named.extend(
        [
            "README.md",
            "ARCHITECTURE.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
        ]
        .map(|name| root().join(name)),
    );
    for folder in members() {
        named.extend(files(&folder, &["rs"]));
    }
    for file in named {
        let text = read(&file);
        let is_part = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
        for (at, _) in text.match_indices("docs/") {
            let name: String = text[at..].chars().take_while(|c| is_part(*c)).collect();
            // `make bench` writes it.
            if name.ends_with(".md") && name != "docs/benchmarks.md" {
                assert!(
                    root().join(&name).exists(),
                    "{} names {name}",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn nothing_is_left_for_later() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("#[ig", "nore"),
    ];
    let others = ["charts", "docs", "examples", "scripts"].map(str::to_owned);
    for folder in members().into_iter().chain(others) {
        for file in files(&folder, &["rs", "wat", "md", "toml", "c", "go", "yaml", ""]) {
            let text = String::from_utf8_lossy(&fs::read(&file).expect("a file")).into_owned();
            for word in words {
                assert!(!text.contains(word), "{} has {word}", file.display());
            }
        }
    }
}

#[test]
fn every_guest_file_is_listed() {
    assert_eq!(guests::unlisted().expect("the folder"), [""; 0]);
}

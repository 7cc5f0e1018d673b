//! `wagi store`: what is kept of modules, whether it is whole, and what can go.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use super::args::store::{StoreCommand, StoreCommandArgs};
use super::{Error, FAILED};
use crate::config::store::{Prune, folder};
use crate::store::{Inventory, Kind, Pruned, Store};

pub(super) fn run(args: &StoreCommandArgs) -> Result<ExitCode, Error> {
    match &args.command {
        StoreCommand::List(args) => list(&folder(args)?),
        StoreCommand::Verify(args) => verify(&folder(args)?),
        StoreCommand::Prune(args) => prune(&Prune::try_from(args)?),
    }
}

fn list(folder: &Path) -> Result<ExitCode, Error> {
    let inventory = Inventory::read(folder).map_err(Error::failed)?;
    let mut text = String::new();
    let rows = rows(&inventory, SystemTime::now());
    let widths: [usize; 4] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    for [kind, module, size, used, references] in &rows {
        let [k, m, s, u] = widths;
        let line = format!("{kind:k$}  {module:m$}  {size:>s$}  {used:>u$}  {references}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    print(&text)?;
    let (files, bytes) = (
        count(inventory.items.len(), "file"),
        Bytes(inventory.bytes()),
    );
    let _ = writeln!(io::stderr(), "{}: {files}, {bytes}", folder.display());
    Ok(ExitCode::SUCCESS)
}

fn rows(inventory: &Inventory, now: SystemTime) -> Vec<[String; 5]> {
    let head = ["KIND", "MODULE", "SIZE", "LAST USE", "REFERENCES"];
    let mut rows = vec![head.map(str::to_owned)];
    for item in &inventory.items {
        let references: Vec<_> = inventory
            .references_to(item.module)
            .map(printable)
            .collect();
        rows.push([
            match &item.kind {
                Kind::Blob => "blob".to_owned(),
                Kind::Compiled(_) => "compiled".to_owned(),
            },
            item.module.to_string(),
            Bytes(item.size).to_string(),
            age(item.used, now),
            references.join(", "),
        ]);
    }
    for (reference, pinned) in &inventory.references {
        if !inventory
            .items
            .iter()
            .any(|item| item.module == pinned.module)
        {
            let module = pinned.module.to_string();
            let [none, never] = ["-".to_owned(), "-".to_owned()];
            rows.push([
                "absent".to_owned(),
                module,
                none,
                never,
                printable(reference),
            ]);
        }
    }
    rows
}

fn verify(folder: &Path) -> Result<ExitCode, Error> {
    let inventory = Inventory::read(folder).map_err(Error::failed)?;
    let damaged = inventory.verify();
    let text: String = damaged
        .iter()
        .map(|damage| format!("{}: {}\n", damage.path.display(), damage.reason))
        .collect();
    if damaged.is_empty() {
        let files = count(inventory.items.len(), "file");
        print(&format!("ok: {files}, {}\n", Bytes(inventory.bytes())))?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&text)?;
    let files = count(damaged.len(), "damaged file");
    let _ = writeln!(io::stderr(), "{files}; what is needed of it is made again");
    Ok(ExitCode::from(FAILED))
}

fn prune(config: &Prune) -> Result<ExitCode, Error> {
    // Only to prune it a store is not made.
    Inventory::read(&config.folder).map_err(Error::failed)?;
    let store = Store::open(&config.folder, u64::MAX).map_err(Error::failed)?;
    let unused_since = config.unused_for.map(|duration| {
        let since = SystemTime::now().checked_sub(duration.get());
        since.unwrap_or(SystemTime::UNIX_EPOCH)
    });
    let Pruned {
        blobs,
        compiled,
        references,
        bytes,
    } = store.prune(unused_since).map_err(Error::failed)?;
    let removed = [
        (blobs, "blob", "blobs"),
        (compiled, "compiled module", "compiled modules"),
        (references, "reference", "references"),
    ]
    .map(|(number, one, many)| format!("{number} {}", if number == 1 { one } else { many }))
    .join(", ");
    let stay = Bytes(store.usage().bytes);
    print(&format!(
        "removed {removed}: {} freed, {stay} stay\n",
        Bytes(bytes)
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn print(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    let printed = stdout.write_all(text.as_bytes());
    printed.and_then(|()| stdout.flush()).map_err(Error::failed)
}

/// What others wrote must not steer a terminal.
fn printable(text: &str) -> String {
    text.escape_debug().to_string()
}

fn count(number: usize, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {one}s"),
    }
}

fn age(then: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(then).unwrap_or_default().as_secs();
    match seconds {
        0..60 => "now".to_owned(),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// A number of bytes for people.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shift, unit) = match self.0 {
            0..1024 => return write!(f, "{} B", self.0),
            1024..0x10_0000 => (10, "KiB"),
            0x10_0000..0x4000_0000 => (20, "MiB"),
            _ => (30, "GiB"),
        };
        let tenths = (u128::from(self.0) * 10) >> shift;
        write!(f, "{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn sizes_have_a_unit_and_at_most_one_decimal() {
        let texts = [0, 1023, 1024, 1_500_000, 1 << 30, u64::MAX].map(|n| Bytes(n).to_string());
        let expected = [
            "0 B",
            "1023 B",
            "1.0 KiB",
            "1.4 MiB",
            "1.0 GiB",
            "17179869183.9 GiB",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn ages_have_the_largest_unit() {
        let then = SystemTime::UNIX_EPOCH;
        let texts = [0, 59, 60, 7_199, 172_800].map(|n| age(then, then + Duration::from_secs(n)));
        assert_eq!(texts, ["now", "now", "1 min ago", "1 h ago", "2 d ago"]);
        assert_eq!(age(then + Duration::from_secs(9), then), "now");
    }
}

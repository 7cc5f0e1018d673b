//! One manifest: what was read of it last, and the last of it that was good.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crds::validate::{Place, ValidRoute};

use crate::source::document::{self, Contents};
use crate::source::listing::Stamp;
use crate::source::mistake::Mistake;
use crate::source::object::Held;

/// Larger files are no manifests: 10,000 routes need 4 MiB.
pub(super) const LARGEST: u64 = 64 << 20;

/// How long a file that looks half written may stay so before it is believed.
const HALF_WRITTEN: Duration = Duration::from_secs(2);

/// One manifest.
#[derive(Debug)]
pub(super) struct File {
    /// Where its routes are to be served.
    place: Place,
    pub(super) stamp: Stamp,
    /// The text that was read last; compared before it is parsed again.
    text: String,
    /// The routes that are served, and where each begins.
    pub(super) routes: Vec<(u64, ValidRoute)>,
    /// The ConfigMaps and Secrets beside them.
    pub(super) objects: Vec<Held>,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) other_kinds: usize,
    /// Whether the last text was good, and ended as a finished text does.
    was_whole: bool,
    /// Since when a text that looks half written stands there.
    pub(super) doubted_since: Option<Instant>,
}

// === impl File ===

impl File {
    /// A manifest that is read for the first time.
    pub(super) fn new(
        place: Place,
        path: &Arc<Path>,
        stamp: Stamp,
        text: Result<String, String>,
    ) -> Self {
        let mut file = Self {
            place,
            stamp,
            text: String::new(),
            routes: Vec::new(),
            objects: Vec::new(),
            mistakes: Vec::new(),
            other_kinds: 0,
            was_whole: false,
            doubted_since: None,
        };
        match text {
            Ok(text) => {
                let contents = document::contents(path, &text, place);
                // Nothing is served yet that could be kept, so what is good is served.
                file.take(contents, text);
            }
            Err(reason) => file.mistakes = vec![Mistake::whole(path, reason)],
        }
        file
    }

    /// Takes what stands in the file now, or keeps what stood there when that is not good.
    pub(super) fn update(
        &mut self,
        path: &Arc<Path>,
        stamp: Stamp,
        text: Result<String, String>,
        now: Instant,
    ) {
        self.stamp = stamp;
        let text = match text {
            Ok(text) => text,
            Err(reason) => return self.keep(vec![Mistake::whole(path, reason)]),
        };
        if text == self.text && self.doubted_since.is_none() {
            // Touched, or readable again.
            if self
                .mistakes
                .iter()
                .all(|mistake| mistake.position.is_some())
            {
                return;
            }
        }
        let contents = document::contents(path, &text, self.place);
        if !contents.mistakes.is_empty() {
            self.doubted_since = None;
            self.keep(contents.mistakes);
            self.text = text;
        } else if self.looks_half_written(&text, &contents) && !self.is_believed(&text, now) {
            let reason = "ends without a line's end and lacks routes it had; half written?";
            self.keep(vec![Mistake::whole(path, reason.to_owned())]);
            self.text = text;
        } else {
            self.take(contents, text);
        }
    }

    fn take(&mut self, contents: Contents, text: String) {
        self.was_whole = contents.mistakes.is_empty() && is_finished(&text);
        self.routes = contents.routes;
        self.objects = contents.objects;
        self.mistakes = contents.mistakes;
        self.other_kinds = contents.other_kinds;
        self.doubted_since = None;
        self.text = text;
    }

    fn keep(&mut self, mut mistakes: Vec<Mistake>) {
        for mistake in &mut mistakes {
            mistake.kept = self.routes.len();
        }
        self.mistakes = mistakes;
    }

    /// A writer that is not done leaves a text that may well be good: fewer routes, cut in a line.
    fn looks_half_written(&self, text: &str, contents: &Contents) -> bool {
        self.was_whole
            && !is_finished(text)
            && self
                .routes
                .iter()
                .any(|(_, old)| contents.routes.iter().all(|(_, new)| new.name != old.name))
    }

    /// Believes a doubtful text when it has not changed for a while.
    fn is_believed(&mut self, text: &str, now: Instant) -> bool {
        match self.doubted_since {
            Some(since) if text == self.text => now.duration_since(since) >= HALF_WRITTEN,
            _ => {
                self.doubted_since = Some(now);
                false
            }
        }
    }
}

fn is_finished(text: &str) -> bool {
    text.ends_with('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(names: &[&str]) -> String {
        names
            .iter()
            .map(|name| {
                format!(
                    "---\napiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {{name: {name}}}\n\
                     spec: {{path: /{name}, module: {{image: file:x.wasm}}}}\n"
                )
            })
            .collect()
    }

    struct Bench {
        path: Arc<Path>,
        stamp: Stamp,
        file: File,
        now: Instant,
    }

    impl Bench {
        fn new(text: &str) -> Self {
            let temporary = tempfile::NamedTempFile::new().expect("a file");
            let stamp = Stamp::of(temporary.path())
                .expect("a look")
                .expect("a stamp");
            let path: Arc<Path> = Arc::from(Path::new("a.yaml"));
            let file = File::new(Place::Local, &path, stamp, Ok(text.to_owned()));
            Self {
                path,
                stamp,
                file,
                now: Instant::now(),
            }
        }

        #[track_caller]
        fn check(&mut self, text: &str, names: &[&str], mistakes: usize) {
            self.file
                .update(&self.path, self.stamp, Ok(text.to_owned()), self.now);
            self.served(names, mistakes);
        }

        #[track_caller]
        fn served(&self, names: &[&str], mistakes: usize) {
            let served: Vec<&str> = self
                .file
                .routes
                .iter()
                .map(|(_, route)| route.name.name.as_str())
                .collect();
            assert_eq!(served, names);
            assert_eq!(
                self.file.mistakes.len(),
                mistakes,
                "{:?}",
                self.file.mistakes
            );
        }
    }

    #[test]
    fn a_mistake_keeps_the_whole_last_good_version() {
        let mut bench = Bench::new(&manifest(&["a", "b"]));
        bench.check(&manifest(&["c", "B"]), &["a", "b"], 1);
        assert_eq!(bench.file.mistakes[0].kept, 2);
        bench.check(&manifest(&["c"]), &["c"], 0);
    }

    #[test]
    fn at_first_what_is_good_is_served() {
        let bench = Bench::new(&manifest(&["a", "B", "c"]));
        bench.served(&["a", "c"], 1);
    }

    #[test]
    fn a_half_written_file_keeps_its_routes_until_it_stays_so() {
        let whole = manifest(&["a", "b"]);
        let mut bench = Bench::new(&whole);
        bench.check("", &["a", "b"], 1);
        bench.check(manifest(&["a"]).trim_end(), &["a", "b"], 1);
        bench.check(&whole[..whole.len() - 20], &["a", "b"], 1);
        bench.check(&whole, &["a", "b"], 0);
        bench.check("", &["a", "b"], 1);
        bench.now += HALF_WRITTEN;
        bench.check("", &[], 0);
    }

    #[test]
    fn a_file_that_cannot_be_read_keeps_its_routes() {
        let mut bench = Bench::new(&manifest(&["a"]));
        let refused = Err("permission denied".to_owned());
        bench
            .file
            .update(&bench.path, bench.stamp, refused, bench.now);
        bench.served(&["a"], 1);
        bench.check(&manifest(&["a"]), &["a"], 0);
    }
}

//! What the command line and the environment say, checked.
//!
//! Flags are text until they come here, so that every mistake is said at once and not only the
//! first. Rooms get their part by value and never see the rest.

mod parse;
pub mod registry;

use std::net::SocketAddr;
use std::path::PathBuf;

use crds::names;
pub use process_shell::mistakes::ConfigError;
use process_shell::mistakes::Mistakes;

use crate::cli::{PlaceArgs, RunArgs};
use crate::reconcile::Step;
use crate::uninstall::Place;

/// The kernel's name of this machine; in a pod it is the pod's.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// What `wagi-operator run` was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where the API server is; none is as a pod is told.
    pub kubeconfig: Option<PathBuf>,
    /// The step of a story after which to abort, in tests.
    pub abort_after: Option<Step>,
    /// Where to answer probes; port 0 takes a free one.
    pub admin_listen: SocketAddr,
    /// The namespace of the programs.
    pub system_namespace: String,
    /// The pool of runtimes.
    pub pool: String,
    /// The namespace of what is published to the pool.
    pub documents_namespace: String,
    /// Who we are, to others of our kind.
    pub pod_name: String,
    /// How registries are spoken to.
    pub registry: registry::Registry,
}

/// What `wagi-operator uninstall` was told.
#[derive(Clone, Debug)]
pub struct Uninstall {
    /// Where the API server is; none is as a pod is told.
    pub kubeconfig: Option<PathBuf>,
    /// Where the objects are.
    pub place: Place,
}

// === impl Uninstall ===

impl TryFrom<PlaceArgs> for Uninstall {
    type Error = ConfigError;

    fn try_from(args: PlaceArgs) -> Result<Self, ConfigError> {
        let mut mistakes = Mistakes::default();
        let kubeconfig = kubeconfig(&args);
        let namespaces = namespaces(&mut mistakes, &args);
        mistakes.finish(move || {
            let (system_namespace, pool) = namespaces?;
            Some(Self {
                kubeconfig,
                place: Place {
                    system_namespace,
                    documents_namespace: names::documents_namespace(&pool),
                },
            })
        })
    }
}

// === impl Run ===

impl TryFrom<RunArgs> for Run {
    type Error = ConfigError;

    fn try_from(args: RunArgs) -> Result<Self, ConfigError> {
        let mut mistakes = Mistakes::default();
        let admin_listen = mistakes.flag("--admin-listen", &args.admin_listen, parse::address);
        let namespaces = namespaces(&mut mistakes, &args.place);
        let pod_name = pod_name(&mut mistakes, args.pod_name.as_deref());
        let abort_after = abort_after(&mut mistakes, args.abort_after.as_deref());
        let registry = registry::Registry::parse(&mut mistakes, &args.registry);
        mistakes.finish(move || {
            let (system_namespace, pool) = namespaces?;
            Some(Self {
                kubeconfig: kubeconfig(&args.place),
                abort_after: abort_after?,
                admin_listen: admin_listen?,
                system_namespace,
                documents_namespace: names::documents_namespace(&pool),
                pool,
                pod_name: pod_name?,
                registry: registry?,
            })
        })
    }
}

/// An empty variable is one that was not set.
fn kubeconfig(args: &PlaceArgs) -> Option<PathBuf> {
    let file = args.kubeconfig.clone();
    file.filter(|file| !file.as_os_str().is_empty())
}

/// The namespace of the programs, and the pool.
fn namespaces(mistakes: &mut Mistakes, args: &PlaceArgs) -> Option<(String, String)> {
    let namespace = &args.system_namespace;
    let system_namespace = mistakes.flag("--system-namespace", namespace, parse::dns_label);
    let pool = mistakes.flag("--pool", &args.pool, parse::pool);
    Some((system_namespace?, pool?))
}

#[expect(
    clippy::option_option,
    reason = "a mistake is not the same as nothing asked for"
)]
fn abort_after(mistakes: &mut Mistakes, given: Option<&str>) -> Option<Option<Step>> {
    let Some(word) = given else { return Some(None) };
    let step = |word: &str| {
        // A cluster that has it set must not end its operator again and again.
        if !cfg!(debug_assertions) {
            return Err("leave it out: only a build with debug assertions aborts");
        }
        let step = Step::ALL.into_iter().find(|step| step.word() == word);
        step.ok_or("write validate, resolve, build, apply or status")
    };
    mistakes.flag("--abort-after", word, step).map(Some)
}

fn pod_name(mistakes: &mut Mistakes, given: Option<&str>) -> Option<String> {
    let given = given.filter(|name| !name.trim().is_empty());
    let name = match given {
        Some(name) => name.to_owned(),
        // What cannot be read is empty, which is said below.
        None => std::fs::read_to_string(HOST_NAME).unwrap_or_default(),
    };
    mistakes.flag("--pod-name", &name, parse::holder)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn run(flags: &[&str]) -> Result<Run, ConfigError> {
        let arguments = ["wagi-operator", "run"].iter().chain(flags);
        let cli = Cli::try_parse_from(arguments).expect("a command line");
        match cli.command {
            Command::Run(args) => Run::try_from(*args),
            Command::Crds | Command::Uninstall(_) => panic!("it says run"),
        }
    }

    #[test]
    fn a_pool_has_its_own_documents_namespace() {
        let namespace = |pool| {
            run(&[&format!("--pool={pool}")])
                .expect("a pool")
                .documents_namespace
        };
        assert_eq!(namespace("default"), "wagi-documents");
        assert_eq!(namespace("blue"), "wagi-documents-blue");
    }

    #[test]
    fn every_mistake_is_said_at_once_and_names_the_flag_the_value_and_what_to_write() {
        let error = run(&[
            "--admin-listen=9090",
            "--system-namespace=Wagi",
            "--pool=a_b",
            "--pod-name=a b",
            "--registry-mirror=x",
            "--registry-config=/does/not/exist",
        ]);
        let ConfigError(mistakes) = error.expect_err("all of it is wrong");
        let begins: Vec<_> = mistakes
            .iter()
            .filter_map(|line| line.split(':').next())
            .collect();
        assert_eq!(
            begins,
            [
                "--admin-listen \"9090\"",
                "--system-namespace \"Wagi\"",
                "--pool \"a_b\"",
                "--pod-name \"a b\"",
                "--registry-mirror \"x\"",
                "--registry-config \"/does/not/exist\"",
            ]
        );
        assert!(
            mistakes.iter().take(4).all(|line| line.contains("write ")),
            "{mistakes:?}"
        );
    }

    #[test]
    fn a_pool_whose_namespace_would_be_too_long_is_refused() {
        let fits = "p".repeat(48);
        assert_eq!(run(&["--pool", &fits]).expect("63 characters").pool, fits);
        let error = run(&["--pool", &"p".repeat(49)]).expect_err("64 characters");
        assert!(error.to_string().contains("at most 48"), "{error}");
    }

    #[test]
    fn without_a_pod_name_it_is_the_hosts() {
        let host = std::fs::read_to_string(HOST_NAME).expect("the kernel has a name");
        for flags in [&[][..], &["--pod-name="]] {
            assert_eq!(run(flags).expect("a command line").pod_name, host.trim());
        }
        assert_eq!(run(&["--pod-name=a-1"]).expect("a name").pod_name, "a-1");
    }
}

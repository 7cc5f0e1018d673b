//! What can be seen of the process, as it was asked for.

use super::{Mistakes, parse};
use crate::admin::Config;
use crate::cli::args::admin::AdminArgs;

/// What can be seen of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admin {
    /// The admin server, if there is one.
    pub server: Option<Config>,
    /// Whether each request is logged.
    pub access_log: bool,
}

impl Admin {
    pub(super) fn parse(mistakes: &mut Mistakes, args: &AdminArgs) -> Option<Self> {
        let listen = args.admin_listen.as_deref();
        // An empty variable is one that was not set.
        let listen = listen.filter(|listen| !listen.trim().is_empty());
        let listen = listen.map(|listen| mistakes.flag("--admin-listen", listen, parse::address));
        let token_file = args.admin_token_file.clone();
        let token_file = token_file.filter(|file| !file.as_os_str().is_empty());
        if let (None, Some(file)) = (&listen, &token_file) {
            let file = file.display().to_string();
            let _ = mistakes.flag("--admin-token-file", &file, |_| {
                Err::<(), _>("there is no admin server; write --admin-listen, too")
            });
        }
        let access_log = mistakes.flag("--access-log", &args.access_log, parse::switch)?;
        let server = match listen {
            None => None,
            Some(listen) => Some(Config {
                listen: listen?,
                token_file,
            }),
        };
        Some(Self { server, access_log })
    }
}

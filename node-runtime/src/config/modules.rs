//! How modules are loaded.

use std::num::NonZeroU32;

use crds::quantity::Quantity;

use super::{Mistakes, parse};
use crate::cli::args::modules::ModuleArgs;

/// How modules are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modules {
    /// Bytes of the largest module.
    pub max_size: Quantity,
    /// Modules that are pulled at the same time.
    pub parallel_pulls: NonZeroU32,
}

// === impl Modules ===

impl Modules {
    pub(super) fn parse(mistakes: &mut Mistakes, args: &ModuleArgs) -> Option<Self> {
        let max_size = mistakes.flag("--max-module-size", &args.max_module_size, size);
        let parallel_pulls = mistakes.flag("--parallel-pulls", &args.parallel_pulls, parse::count);
        Some(Self {
            max_size: max_size?,
            parallel_pulls: parallel_pulls?,
        })
    }
}

/// WebAssembly binaries count in 32 bits.
fn size(text: &str) -> Result<Quantity, String> {
    let quantity = Quantity::parse(text).map_err(|error| error.to_string())?;
    match quantity.bytes() {
        1..=0xffff_ffff => Ok(quantity),
        _ => Err("write 1 byte to 4Gi".to_owned()),
    }
}

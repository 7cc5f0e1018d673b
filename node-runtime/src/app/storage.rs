//! The store of a server, or why there is none.

use crate::config::store::{self, Folder};
use crate::store::{OpenError, Store};

/// Opens the store. Where nobody asked for one by name, a server does without rather than not serve:
/// two of them on one laptop share the default folder, and one holds it.
///
/// # Errors
///
/// When the folder that was named cannot be used.
pub fn open(config: &store::Store) -> Result<Option<Store>, OpenError> {
    let size = config.size.bytes();
    match &config.folder {
        Folder::Named(folder) => Store::open(folder, size).map(Some),
        Folder::Default(folder) => Ok(Store::open(folder, size)
            .inspect_err(|error| {
                tracing::warn!(
                    "modules are not kept: {error}; they are pulled and compiled at each start \
                     (--store names another folder)"
                );
            })
            .ok()),
        Folder::Nowhere => {
            tracing::warn!("modules are not kept: there is no HOME (--store names a folder)");
            Ok(None)
        }
    }
}

//! The table that requests are looked up in now: one writer, many readers.
//!
//! The writer replaces the whole table at once, so that a request sees the old routes or the new
//! ones and never a mixture; a request keeps the table it was looked up in until it lets go of it.
//! Readers never wait, and nothing can be written through them.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::RouteTable;

/// Makes the two ends, with a table that has no routes yet.
#[must_use]
pub fn channel<T>() -> (RoutesWriter<T>, Routes<T>) {
    let current = Arc::new(ArcSwap::from_pointee(RouteTable::default()));
    let writer = RoutesWriter {
        current: Arc::clone(&current),
    };
    (writer, Routes { current })
}

/// The one end that replaces the table.
#[derive(Debug)]
pub struct RoutesWriter<T> {
    current: Arc<ArcSwap<RouteTable<T>>>,
}

impl<T> RoutesWriter<T> {
    /// Serves another table from now on.
    pub fn replace(&mut self, table: RouteTable<T>) {
        self.current.store(Arc::new(table));
    }
}

/// An end that reads the table; clones read the same one.
#[derive(Debug)]
pub struct Routes<T> {
    current: Arc<ArcSwap<RouteTable<T>>>,
}

impl<T> Routes<T> {
    /// The table as it is now.
    ///
    /// Meant to be held for a look-up, not for a whole request: clone what was found.
    #[must_use]
    pub fn current(&self) -> Guard<Arc<RouteTable<T>>> {
        self.current.load()
    }
}

impl<T> Clone for Routes<T> {
    fn clone(&self) -> Self {
        Self {
            current: Arc::clone(&self.current),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Entry, RequestPath};

    fn table(target: &'static str) -> RouteTable<&'static str> {
        let entry = Entry {
            hosts: Vec::new(),
            path: "/...".parse().expect("a pattern"),
            target,
        };
        RouteTable::build([entry]).0
    }

    #[test]
    fn readers_see_the_table_that_was_written_last() {
        let (mut writer, routes) = channel();
        let path = RequestPath::parse("/").expect("a path");
        let reader = routes.clone();
        let found = |routes: &Routes<_>| {
            let table = routes.current();
            table.find("", &path).map(|found| *found.target)
        };
        assert_eq!(found(&reader), None);
        writer.replace(table("first"));
        assert_eq!(found(&reader), Some("first"));
        writer.replace(table("second"));
        assert_eq!(found(&reader), Some("second"));
        assert_eq!(found(&routes), Some("second"));
    }

    #[test]
    fn a_request_keeps_the_table_it_was_looked_up_in() {
        let (mut writer, routes) = channel();
        writer.replace(table("first"));
        let path = RequestPath::parse("/").expect("a path");
        let held = routes.current();
        writer.replace(table("second"));
        assert_eq!(
            held.find("", &path).map(|found| *found.target),
            Some("first")
        );
    }
}

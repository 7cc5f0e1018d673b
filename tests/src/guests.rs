//! The guests that the tests run: one WAT file a behaviour, known by name.
//!
//! Invariant: every file in `guests/` is in [`for_each_guest!`](crate::for_each_guest), and every
//! name there has a test: where one is missing,
//! [`require_a_test_for_each_guest!`](crate::require_a_test_for_each_guest) does not compile.
//! Knows nothing of routes, servers or clients: what a guest does stands in its own file.

/// Calls the macro of this name or path once, with the names of all guests.
///
/// A new guest is a file `guests/NAME.wat` and its name here.
#[macro_export]
macro_rules! for_each_guest {
    ($($with:tt)+) => {
        $($with)+! {
            // Answers, and none.
            hello silent
            // Computing.
            spin print_then_spin spin_in_host_calls spin_in_bulk start_function_spins
            first_line_then_compute sched_yield
            // Printing.
            drip tick print_forever print_until_error big one_big_write many_vectors
            small_writes finish_after_client
            // Sleeping.
            sleep sleep_after_head
            // Reading.
            read_all_then_answer read_forever echo answer_then_read
            answer_without_reading refuse_without_reading stdin_error poll_stdin
            // Endings.
            trap_before_head trap_mid_body trap_after_megabyte stack_overflow exit_0
            exit_3_before_head exit_3_after_head
            // Heads.
            no_blank_line no_required_field bad_status status_101 status_418 huge_head
            endless_head two_writes_split_head crlf_head head_only head_only_204
            head_205 head_304 run_on_after_204 run_on location location_with_status
            set_cookies bad_header_bytes own_content_length
            wrong_content_length_at_once short_content_length long_content_length
            bad_content_length transfer_encoding own_accel_buffering
            // What a guest is given.
            env_dump open_file write_file random_big fdstat fd_close_stdout
            fd_renumber wild_pointers stderr_lines stderr_flood
            // Memory and tables.
            grow_memory grow_memory_then_trap grow_memory_then_trap_mid_body
            grow_and_hold grow_table leak_probe_write leak_probe_read
            leak_deep_write leak_deep_read
            // Entry points and `_routes`.
            reactor custom_entry routes routes_curious routes_spin routes_sleep
            routes_empty routes_malformed routes_missing_entry routes_trap routes_many
            routes_flood
            // Modules at the edge of what is accepted.
            no_memory two_memories proposals_on
            // Modules refused at load.
            no_start start_with_parameter missing_import wasi_unstable component
            threads memory64 exceptions gc relaxed_simd stack_switching big_memory
            big_table three_memories five_tables
        }
    };
}

/// Refuses to compile where an item is missing that is named like a guest.
///
/// Used once, in the module whose test functions (or modules of tests) carry the guests' names.
#[macro_export]
macro_rules! require_a_test_for_each_guest {
    () => {
        $crate::for_each_guest!($crate::__require_tests);
    };
}

/// The body of [`require_a_test_for_each_guest!`](crate::require_a_test_for_each_guest).
#[doc(hidden)]
#[macro_export]
macro_rules! __require_tests {
    ($($guest:ident)*) => {
        $(
            #[allow(unused_imports, reason = "that the name resolves is the check")]
            use self::$guest as _;
        )*
    };
}

/// A guest: its name, and its text as committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guest {
    /// The file's name without `.wat`.
    pub name: &'static str,
    /// The file, as a server would read it.
    pub wat: &'static str,
}

impl Guest {
    /// The module in Wasm's binary format.
    ///
    /// # Panics
    ///
    /// If the file is not WAT, which no test can go on from.
    pub fn wasm(&self) -> Vec<u8> {
        wat::parse_str(self.wat)
            .unwrap_or_else(|error| panic!("guest {} is not WAT: {error}", self.name))
    }

    /// The guest of this name.
    pub fn named(name: &str) -> Option<&'static Guest> {
        ALL.iter().find(|guest| guest.name == name)
    }
}

macro_rules! define {
    ($($guest:ident)*) => {
        $(
            #[allow(non_upper_case_globals, reason = "spelled like the file, to be found by it")]
            #[doc = concat!("`guests/", stringify!($guest), ".wat`")]
            pub const $guest: Guest = Guest {
                name: stringify!($guest),
                wat: include_str!(concat!("../guests/", stringify!($guest), ".wat")),
            };
        )*

        /// Every guest, in the order of the list.
        pub const ALL: &[Guest] = &[$($guest),*];
    };
}
for_each_guest!(define);

/// The files of `guests/` that the list does not name, so that none lies there unused.
///
/// # Errors
///
/// If the folder cannot be read.
pub fn unlisted() -> std::io::Result<Vec<String>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("guests");
    let mut unlisted = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let listed = name
            .strip_suffix(".wat")
            .is_some_and(|name| Guest::named(name).is_some());
        if !listed {
            unlisted.push(name);
        }
    }
    unlisted.sort();
    Ok(unlisted)
}

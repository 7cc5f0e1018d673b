//! What becomes of each guest: a test for every file in `guests/`, named like it.

mod nodes;

mod computing;
mod entries;
mod given;
mod heads;
mod memory;
mod modules;
mod printing;

use computing::*;
use entries::*;
use given::*;
use heads::*;
use memory::*;
use modules::*;
use printing::*;

tests::require_a_test_for_each_guest!();

//! A bounded channel whose unit is the byte.

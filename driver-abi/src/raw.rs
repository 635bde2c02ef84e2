//! Types and constants of `include/saker_abi.h`, made by bindgen at build time.
#![allow(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    unreachable_pub
)]
#![allow(clippy::all)]
// bindgen writes its layout tests without comments; they read sizes of types only.
#![allow(clippy::undocumented_unsafe_blocks)]

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));

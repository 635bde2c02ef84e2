//! Turns the C contract into Rust: types and constants by bindgen, the table as linked data.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest as _, Sha256};

include!("src/contract.rs");

fn main() {
    println!("cargo::rerun-if-changed=include");
    println!("cargo::rerun-if-changed=src/contract.rs");
    for directory in ["include", "fillers"] {
        let path = Path::new(directory)
            .canonicalize()
            .expect("part of the crate");
        println!("cargo::metadata={directory}={}", path.display());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));

    cc::Build::new()
        .file("include/saker_table.c")
        .include("include")
        .compile("saker_table");

    bindgen::Builder::default()
        .header("include/bindings.h")
        .clang_arg("-Iinclude")
        .allowlist_item("saker_.*|SAKER_.*")
        .default_enum_style(bindgen::EnumVariation::Consts)
        .prepend_enum_name(false)
        .derive_default(true)
        .layout_tests(true)
        .generate()
        .unwrap_or_else(|e| {
            panic!("bindgen failed: {e}\nIt needs libclang: apt-get install libclang-dev clang")
        })
        .write_to_file(out.join("bindings.rs"))
        .expect("write bindings.rs");

    let hash = schema_hash();
    println!("cargo::metadata=schema_hash={hash}");
    println!("cargo::rustc-env=SAKER_SCHEMA_HASH={hash}");
}

/// The first 64 bits of the SHA-256 of the contract, as 16 hexadecimal digits.
fn schema_hash() -> String {
    let mut digest = Sha256::new();
    for name in CONTRACT {
        let path = Path::new("include").join(name);
        digest.update(fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())));
    }
    let digest = digest.finalize();
    digest[..8].iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("write to a string");
        text
    })
}

//! The kernels of the test bed.

use std::fmt;

use anyhow::{Context, Result, bail};

/// A kernel of a Debian suite, or built from a suite's source. Which version it is changes with the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kernel {
    /// 5.10, from bullseye.
    V5_10,
    /// 6.1, from bookworm.
    V6_1,
    /// 6.12, from trixie.
    V6_12,
    /// The newest, from sid.
    Sid,
    /// Bookworm's source with KASAN, lockdep and the like: built here ([`crate::debug`]).
    Debug,
}

/// Names the kernels of tests that run on several.
const VARIABLE: &str = "SAKER_VM_KERNELS";
/// Those without [`VARIABLE`].
const DEFAULT: &str = "5.10 6.1";

/// With what modules for a kernel are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiler {
    /// This program of the host, if the host has it; else as [`Self::Unpacked`].
    Host(&'static str),
    /// The toolchain of trixie, unpacked into the cache: objtool of newer kernels needs a newer libc
    /// than bookworm's.
    Unpacked,
}

impl Kernel {
    /// Debian's own, oldest first. `all` means these: [`Self::Debug`] takes minutes to build.
    pub const ALL: [Self; 4] = [Self::V5_10, Self::V6_1, Self::V6_12, Self::Sid];

    /// Reads a name: `5.10`, `6.1`, `6.12`, `sid`, `debug`.
    ///
    /// # Errors
    /// When there is no such kernel.
    pub fn parse(name: &str) -> Result<Self> {
        let mut kernels = Self::ALL.into_iter().chain([Self::Debug]);
        let Some(kernel) = kernels.find(|kernel| kernel.name() == name) else {
            let known = [&Self::ALL.map(Self::name)[..], &[Self::Debug.name()]].concat();
            bail!("no kernel {name:?} in the test bed; there are {known:?}");
        };
        Ok(kernel)
    }

    /// Reads names, each perhaps a list separated by blanks or commas; `all` means [`Self::ALL`].
    ///
    /// # Errors
    /// When one of them is unknown, or there is none.
    pub fn parse_list<S: AsRef<str>>(names: &[S]) -> Result<Vec<Self>> {
        let mut kernels = Vec::new();
        let words = names
            .iter()
            .flat_map(|name| name.as_ref().split([' ', ',']));
        for word in words.filter(|word| !word.is_empty()) {
            match word {
                "all" => kernels.extend(Self::ALL),
                name => kernels.push(Self::parse(name)?),
            }
        }
        kernels.sort();
        kernels.dedup();
        if kernels.is_empty() {
            bail!("no kernel named");
        }
        Ok(kernels)
    }

    /// The kernels that `SAKER_VM_KERNELS` names for this run of the tests, else 5.10 and 6.1.
    ///
    /// # Errors
    /// When one of them is unknown, or there is none.
    pub fn selected() -> Result<Vec<Self>> {
        let names = std::env::var(VARIABLE).unwrap_or_else(|_| DEFAULT.to_owned());
        Self::parse_list(&[names]).with_context(|| format!("in {VARIABLE}"))
    }

    /// Its name on the command line and in the cache.
    pub fn name(self) -> &'static str {
        match self {
            Self::V5_10 => "5.10",
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
            Self::Sid => "sid",
            Self::Debug => "debug",
        }
    }

    /// The Debian suite it comes from.
    pub fn suite(self) -> &'static str {
        match self {
            Self::V5_10 => "bullseye",
            Self::V6_1 | Self::Debug => "bookworm",
            Self::V6_12 => "trixie",
            Self::Sid => "sid",
        }
    }

    /// What builds its modules.
    pub fn compiler(self) -> Compiler {
        match self {
            Self::V5_10 | Self::V6_1 | Self::Debug => Compiler::Host("gcc-12"),
            Self::V6_12 | Self::Sid => Compiler::Unpacked,
        }
    }

    /// Whether its eBPF has what the programs need: 5.10 has no atomic operations that return the old value
    /// (5.12), `debug` has none at all. The conformance test fails if one of those loads them after all.
    pub fn has_ebpf(self) -> bool {
        !matches!(self, Self::V5_10 | Self::Debug)
    }

    /// How many times as long as with Debian's kernels a guest, and the build of a module, may take:
    /// checkers are code in both.
    pub fn slowness(self) -> u32 {
        match self {
            Self::Debug => 4,
            _ => 1,
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        for kernel in Kernel::ALL.into_iter().chain([Kernel::Debug]) {
            assert_eq!(Kernel::parse(kernel.name()).expect("known"), kernel);
        }
        let error = Kernel::parse("6.2").expect_err("unknown").to_string();
        assert!(error.contains("6.12") && error.contains("debug"), "{error}");
    }

    #[test]
    fn lists_are_sorted_and_unique() {
        let list = |names: &[&str]| Kernel::parse_list(names);
        assert_eq!(list(&["all", "6.1"]).expect("all"), Kernel::ALL);
        assert!(!Kernel::ALL.contains(&Kernel::Debug), "CI builds no kernel");
        assert_eq!(
            list(&["6.1 5.10", "6.1,sid"]).expect("three"),
            [Kernel::V5_10, Kernel::V6_1, Kernel::Sid]
        );
        assert!(list(&[" "]).is_err());
        assert!(list(&["6.1", "x"]).is_err());
    }
}

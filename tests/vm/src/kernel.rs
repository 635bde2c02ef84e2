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
    /// Of packages that somebody put into the cache under this name, `4.15` ([`crate::added`]).
    Added(&'static str),
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

    /// Reads a name: `5.10`, `6.1`, `6.12`, `sid`, `debug`, or a version that may have been added.
    ///
    /// # Errors
    /// When there can be no such kernel. Whether one was added is seen where it is fetched.
    pub fn parse(name: &str) -> Result<Self> {
        let mut kernels = Self::ALL.into_iter().chain([Self::Debug]);
        if let Some(kernel) = kernels.find(|kernel| kernel.name() == name) {
            return Ok(kernel);
        }
        if version(name).is_some() {
            // A few bytes for each time an option is read.
            return Ok(Self::Added(Box::leak(name.to_owned().into_boxed_str())));
        }
        let known = [&Self::ALL.map(Self::name)[..], &[Self::Debug.name()]].concat();
        bail!(
            "no kernel {name:?} in the test bed; there are {known:?}, and added ones by version, 4.15"
        );
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
            Self::Added(name) => name,
        }
    }

    /// The Debian suite it comes from.
    ///
    /// # Errors
    /// When it is an added one, which comes from none.
    pub fn suite(self) -> Result<&'static str> {
        Ok(match self {
            Self::V5_10 => "bullseye",
            Self::V6_1 | Self::Debug => "bookworm",
            Self::V6_12 => "trixie",
            Self::Sid => "sid",
            Self::Added(name) => bail!(
                "{name} is no kernel that is fetched: `saker-vm add {name} DIRECTORY` takes its packages"
            ),
        })
    }

    /// What builds its modules.
    pub fn compiler(self) -> Compiler {
        match self {
            Self::V5_10 | Self::V6_1 | Self::Debug | Self::Added(_) => Compiler::Host("gcc-12"),
            Self::V6_12 | Self::Sid => Compiler::Unpacked,
        }
    }

    /// Whether its eBPF has what the programs need: 5.10 has no atomic operations that return the old value
    /// (5.12), `debug` has none at all. The conformance test fails if one of those loads them after all.
    pub fn has_ebpf(self) -> bool {
        match self {
            Self::V5_10 | Self::Debug => false,
            Self::V6_1 | Self::V6_12 | Self::Sid => true,
            Self::Added(name) => version(name) >= Some((5, 12)),
        }
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

/// The first two numbers of `4.15` or `4.18-hwe`, the name of an added kernel.
fn version(name: &str) -> Option<(u32, u32)> {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let (major, rest) = name.split_once('.')?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let numbers = (major.parse().ok()?, rest[..end].parse().ok()?);
    name.chars().all(fits).then_some(numbers)
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
        for name in ["6", "x", "4.", ".4", "4.x", "4.15/../6.1", "4.15 "] {
            let error = Kernel::parse(name).expect_err(name).to_string();
            assert!(error.contains("6.12") && error.contains("debug"), "{error}");
        }
    }

    #[test]
    fn added_kernels_are_named_by_version() {
        let kernel = |name| Kernel::parse(name).expect("a version");
        assert_eq!(kernel("4.15"), Kernel::Added("4.15"));
        assert_eq!(kernel("4.18.0-80.el8").name(), "4.18.0-80.el8");
        for (name, has) in [
            ("4.15", false),
            ("5.4", false),
            ("5.15-hwe", true),
            ("6.8", true),
        ] {
            assert_eq!(kernel(name).has_ebpf(), has, "{name}");
        }
        let error = kernel("4.15").suite().expect_err("of no suite").to_string();
        assert!(error.contains("saker-vm add 4.15 "), "{error}");
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
        assert_eq!(list(&["4.15 6.1"]).expect("two").len(), 2);
    }
}

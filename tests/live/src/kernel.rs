//! The kernel under test.

use std::fs;

use anyhow::{Context, Result, bail};

const RELEASE: &str = "/proc/sys/kernel/osrelease";

/// Whether it is one before 6.1: it says some things otherwise, and has fewer requests of io_uring.
///
/// # Errors
/// When its release cannot be read.
pub fn is_old() -> Result<bool> {
    is_before_6_1(&fs::read_to_string(RELEASE).context(RELEASE)?)
}

/// Of a release as `5.10.0-46-amd64`.
fn is_before_6_1(release: &str) -> Result<bool> {
    let mut numbers = release.split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        bail!("{RELEASE}: {release}");
    };
    Ok((major, minor) < (6, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_numbers() {
        for (release, old) in [
            ("5.10.0-46-amd64\n", true),
            ("6.1.0-57-amd64", false),
            ("6.0.1", true),
            ("10.0.1", false),
        ] {
            assert_eq!(is_before_6_1(release).expect("a release"), old, "{release}");
        }
        assert!(is_before_6_1("newest").is_err());
    }
}

//! The configuration of a kernel, as its headers have it.

use std::collections::HashMap;
use std::path::Path;

use crate::host::read_text;

/// Options of a kernel that are set.
#[derive(Debug, Default, Clone)]
pub(super) struct Config {
    options: HashMap<String, String>,
}

impl Config {
    /// Reads `include/config/auto.conf` of a header tree.
    pub(super) fn read(headers: &Path) -> std::io::Result<Self> {
        Ok(Self::parse(&read_text(
            &headers.join("include/config/auto.conf"),
        )?))
    }

    /// Strings come with quotes or without, depending on the kernel.
    fn parse(text: &str) -> Self {
        let options = text.lines().filter_map(|line| {
            let (key, value) = line.strip_prefix("CONFIG_")?.split_once('=')?;
            Some((key.to_owned(), value.trim().trim_matches('"').to_owned()))
        });
        Self {
            options: options.collect(),
        }
    }

    /// Value of an option named without `CONFIG_`.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.options.get(key).map(String::as_str)
    }

    /// Whether an option is built in.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.get(key) == Some("y")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_with_quotes_and_without() {
        let config = Config::parse(
            "#\n# Automatically generated file\n#\nCONFIG_MODULE_SIG=y\nCONFIG_FOO=m\n\
             CONFIG_MODULE_SIG_HASH=\"sha512\"\nCONFIG_CC_VERSION_TEXT=gcc-12 (D) 12.2.0\ngarbage\n",
        );
        assert!(config.is_set("MODULE_SIG"));
        assert!(!config.is_set("FOO"));
        assert_eq!(config.get("MODULE_SIG_HASH"), Some("sha512"));
        assert_eq!(config.get("CC_VERSION_TEXT"), Some("gcc-12 (D) 12.2.0"));
        assert_eq!(config.get("BAR"), None);
    }
}

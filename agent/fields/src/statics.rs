//! Values that are the same for all events: `static_fields` of the configuration.

use std::collections::BTreeMap;

/// Most static fields of a configuration.
pub const MAX_STATIC_FIELDS: usize = 256;

/// Keys and values, in order of the keys.
#[derive(Debug, Default)]
pub(crate) struct Statics {
    entries: Box<[(String, String)]>,
}

impl Statics {
    /// The first [`MAX_STATIC_FIELDS`] of `values`.
    pub(crate) fn new(values: &BTreeMap<String, String>) -> Self {
        let entries = values.iter().take(MAX_STATIC_FIELDS);
        Self {
            entries: entries.map(|(k, v)| (k.clone(), v.clone())).collect(),
        }
    }

    /// Number of `key`.
    pub(crate) fn find(&self, key: &str) -> Option<u32> {
        let at = self
            .entries
            .binary_search_by(|(known, _)| known.as_str().cmp(key));
        at.ok().map(|at| at as u32)
    }

    pub(crate) fn key(&self, number: u32) -> &str {
        self.entry(number).map_or("?", |(key, _)| key)
    }

    pub(crate) fn value(&self, number: u32) -> Option<&str> {
        self.entry(number).map(|(_, value)| value.as_str())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(_, value)| value.as_str())
    }

    fn entry(&self, number: u32) -> Option<&(String, String)> {
        self.entries.get(number as usize)
    }
}

/// Whether rules can write `static.KEY`: names of letters, digits and underscores, joined by dots.
pub fn is_static_key(key: &str) -> bool {
    let name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    key.split('.').all(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_follows_the_dot_of_a_field() {
        for key in ["env", "a_1", "team.name"] {
            assert!(is_static_key(key), "{key}");
        }
        for key in ["", "1a", "a-b", "a b", "a.", "_a", "a[b]"] {
            assert!(!is_static_key(key), "{key}");
        }
    }

    #[test]
    fn values_are_found_by_key_and_number() {
        let pair = |(k, v): (&str, &str)| (k.to_owned(), v.to_owned());
        let statics = Statics::new(&[("z", "1"), ("a", "2")].map(pair).into());
        let at = statics.find("z").expect("there");
        assert_eq!((statics.key(at), statics.value(at)), ("z", Some("1")));
        assert_eq!((statics.find("b"), statics.value(7)), (None, None));
    }
}

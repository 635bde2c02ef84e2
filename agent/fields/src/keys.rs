//! Interned keys of fields such as `proc.env[HOME]`.

use std::sync::{Mutex, OnceLock, PoisonError};

use regex::bytes::{Regex, RegexBuilder};

/// Distinct keys all rules together may name in the life of the process.
pub const MAX_KEYS: usize = 4096;

/// Memory that one key which is a pattern may take.
const MAX_PATTERN_BYTES: usize = 1 << 16;

#[derive(Debug)]
struct Key {
    text: Box<[u8]>,
    /// The text as a regular expression, for fields that look for what it matches.
    pattern: OnceLock<Regex>,
}

/// Append-only list of keys: written while rules are loaded, read by workers without a lock.
#[derive(Debug)]
pub(crate) struct Keys {
    slots: Box<[OnceLock<Key>]>,
    len: Mutex<usize>,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self {
            slots: (0..MAX_KEYS).map(|_| OnceLock::new()).collect(),
            len: Mutex::new(0),
        }
    }

    /// Number of `key`; `None` when there are too many.
    pub(crate) fn intern(&self, key: &str) -> Option<u32> {
        // A panic elsewhere cannot leave the length wrong: it is written last.
        let mut len = self.len.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.slots[..*len].iter().position(|slot| {
            slot.get()
                .is_some_and(|known| *known.text == *key.as_bytes())
        });
        if let Some(at) = known {
            return Some(at as u32);
        }
        self.slots.get(*len)?.get_or_init(|| Key {
            text: key.as_bytes().into(),
            pattern: OnceLock::new(),
        });
        *len += 1;
        Some(*len as u32 - 1)
    }

    pub(crate) fn get(&self, number: u32) -> Option<&[u8]> {
        self.slots.get(number as usize)?.get().map(|key| &*key.text)
    }

    /// Makes `key`, of this number, a pattern. The error says what is wrong with it.
    pub(crate) fn compile(&self, number: u32, key: &str) -> Result<(), String> {
        let pattern = RegexBuilder::new(key)
            .size_limit(MAX_PATTERN_BYTES)
            .build()
            .map_err(|error| {
                let text = error.to_string();
                // The lines before show the place.
                text.lines().last().unwrap_or(&text).to_owned()
            })?;
        if let Some(slot) = self.slots.get(number as usize).and_then(OnceLock::get) {
            slot.pattern.get_or_init(|| pattern);
        }
        Ok(())
    }

    /// The key as a pattern, if it was made one.
    pub(crate) fn pattern(&self, number: u32) -> Option<&Regex> {
        self.slots.get(number as usize)?.get()?.pattern.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_share_a_number() {
        let keys = Keys::new();
        let (home, path) = (keys.intern("HOME"), keys.intern("PATH"));
        assert_ne!(home, path);
        assert_eq!(keys.intern("HOME"), home);
        assert_eq!(path.and_then(|at| keys.get(at)), Some(&b"PATH"[..]));
        assert_eq!(keys.get(2), None);
        assert_eq!(keys.get(u32::MAX), None);
    }

    #[test]
    fn a_key_may_be_a_pattern() {
        let keys = Keys::new();
        let at = keys.intern("/proc*").expect("room");
        assert!(keys.pattern(at).is_none());
        keys.compile(at, "/proc*").expect("a pattern");
        let found = |text: &[u8]| keys.pattern(at).is_some_and(|it| it.is_match(text));
        assert!(found(b"/host/procccc") && found(b"/pro") && !found(b"/etc"));
        let bad = keys.intern("(").expect("room");
        assert!(keys.compile(bad, "(").is_err() && keys.pattern(bad).is_none());
        let large = "(a{1000}){1000}";
        assert!(keys.compile(bad, large).is_err());
    }

    #[test]
    fn the_list_is_bounded() {
        let keys = Keys::new();
        for i in 0..MAX_KEYS {
            assert!(keys.intern(&i.to_string()).is_some());
        }
        assert_eq!(keys.intern("one more"), None);
        assert_eq!(keys.intern("7"), Some(7));
    }
}

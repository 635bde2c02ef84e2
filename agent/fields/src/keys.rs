//! Interned keys of fields such as `proc.env[HOME]`.

use std::sync::{Mutex, OnceLock, PoisonError};

/// Distinct keys all rules together may name in the life of the process.
pub const MAX_KEYS: usize = 4096;

/// Append-only list of keys: written while rules are loaded, read by workers without a lock.
#[derive(Debug)]
pub(crate) struct Keys {
    slots: Box<[OnceLock<Box<[u8]>>]>,
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
        let known = self.slots[..*len]
            .iter()
            .position(|slot| slot.get().is_some_and(|known| **known == *key.as_bytes()));
        if let Some(at) = known {
            return Some(at as u32);
        }
        self.slots.get(*len)?.get_or_init(|| key.as_bytes().into());
        *len += 1;
        Some(*len as u32 - 1)
    }

    pub(crate) fn get(&self, number: u32) -> Option<&[u8]> {
        self.slots.get(number as usize)?.get().map(|key| &**key)
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
    fn the_list_is_bounded() {
        let keys = Keys::new();
        for i in 0..MAX_KEYS {
            assert!(keys.intern(&i.to_string()).is_some());
        }
        assert_eq!(keys.intern("one more"), None);
        assert_eq!(keys.intern("7"), Some(7));
    }
}

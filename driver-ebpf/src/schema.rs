//! Whether the eBPF object was built from the contract that this program was built from.

use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

use crate::LoadError;

/// The object's constant with the hash of the contract (bpf/platform.h).
const SYMBOL: &str = "saker_schema_hash";

/// Compares the hash in the object's read-only data with [`saker_abi::SCHEMA_HASH`].
///
/// # Errors
/// [`LoadError::Schema`] when they differ or the object has none.
pub(crate) fn check(object: &[u8]) -> Result<(), LoadError> {
    compare(hash_in(object), saker_abi::SCHEMA_HASH)
}

fn compare(object: Option<u64>, agent: u64) -> Result<(), LoadError> {
    if object == Some(agent) {
        return Ok(());
    }
    let object = object.map_or_else(|| "none".to_owned(), |hash| format!("{hash:016x}"));
    let agent = format!("{agent:016x}");
    Err(LoadError::Schema { object, agent })
}

fn hash_in(object: &[u8]) -> Option<u64> {
    let file = object::File::parse(object).ok()?;
    let symbol = file.symbols().find(|symbol| symbol.name() == Ok(SYMBOL))?;
    let section = file.section_by_index(symbol.section_index()?).ok()?;
    let offset = usize::try_from(symbol.address()).ok()?;
    let bytes = section.data().ok()?.get(offset..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hooks;

    #[test]
    fn the_objects_of_this_build_fit() {
        for hooks in [Hooks::Raw, Hooks::Unpreempted] {
            assert_eq!(hash_in(hooks.object()), Some(saker_abi::SCHEMA_HASH));
            check(hooks.object()).expect("built together");
        }
    }

    #[test]
    fn another_hash_is_refused_with_what_to_do() {
        let mut other = Hooks::Raw.object().to_vec();
        let hash = saker_abi::SCHEMA_HASH.to_le_bytes();
        let places = other
            .windows(hash.len())
            .enumerate()
            .filter_map(|(at, bytes)| (bytes == hash).then_some(at));
        for at in places.collect::<Vec<_>>() {
            other[at] ^= 1;
        }
        let error = check(&other).expect_err("another hash").to_string();
        assert!(
            error.contains("interface") && error.contains("build"),
            "{error}"
        );
        let error = check(b"not an object").expect_err("no hash").to_string();
        assert!(error.contains("none"), "{error}");
    }
}

//! Names of addresses, as rules compare them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;

/// Names by address: a snapshot of what is known, made in the background.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostNames {
    by_address: Arc<FxHashMap<IpAddr, Vec<Box<str>>>>,
    awaited: bool,
}

impl HostNames {
    /// The table of `known`: addresses of each name.
    pub fn new(known: &BTreeMap<String, Vec<IpAddr>>) -> Self {
        let mut by_address: FxHashMap<IpAddr, Vec<Box<str>>> = FxHashMap::default();
        for (name, addresses) in known {
            for address in addresses {
                let names = by_address.entry(address.to_canonical()).or_default();
                if !names.iter().any(|known| **known == **name) {
                    names.push(name.as_str().into());
                }
            }
        }
        Self {
            by_address: Arc::new(by_address),
            awaited: false,
        }
    }

    /// The same; `awaited`: names are still being looked up for the first time.
    pub fn awaited(self, awaited: bool) -> Self {
        Self { awaited, ..self }
    }

    /// Whether an address without a name may have one soon.
    pub fn are_awaited(&self) -> bool {
        self.awaited
    }

    /// Names of an address, none when it has none that is known.
    pub fn of(&self, address: IpAddr) -> &[Box<str>] {
        self.by_address.get(&address).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_may_have_several_names() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let known = BTreeMap::from([
            (
                "a.example".to_owned(),
                vec![ip("192.0.2.1"), ip("192.0.2.1")],
            ),
            (
                "b.example".to_owned(),
                vec![ip("::ffff:192.0.2.1"), ip("2001:db8::1")],
            ),
        ]);
        let names = HostNames::new(&known);
        let of = |text| {
            names
                .of(ip(text))
                .iter()
                .map(|name| &**name)
                .collect::<Vec<_>>()
        };
        assert_eq!(of("192.0.2.1"), ["a.example", "b.example"]);
        assert_eq!(of("2001:db8::1"), ["b.example"]);
        assert!(of("192.0.2.2").is_empty());
    }
}

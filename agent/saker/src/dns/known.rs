//! Addresses of names as they were answered last.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use saker_fields::HostNames;

/// Addresses of a name by family, in the order of [`super::wire::FAMILIES`]; none where nobody answered.
pub(super) type Found = [Option<Vec<IpAddr>>; 2];

/// Addresses stay so long without an answer.
const KEEP: Duration = Duration::from_secs(3600);

/// Addresses of names. As large as the set of names that it is told of.
#[derive(Debug, Default)]
pub(super) struct Known {
    names: BTreeMap<String, [Answered; 2]>,
}

#[derive(Debug, Default)]
struct Answered {
    addresses: Vec<IpAddr>,
    at: Option<Instant>,
}

impl Known {
    /// Takes over what was found `now`; tells whether addresses changed.
    pub(super) fn take(&mut self, name: &str, found: Found, now: Instant) -> bool {
        if found.iter().all(Option::is_none) {
            return false;
        }
        let known = self.names.entry(name.to_owned()).or_default();
        let mut changed = false;
        for (known, found) in known.iter_mut().zip(found) {
            let Some(mut addresses) = found else {
                continue;
            };
            // Servers give them in ever another order.
            addresses.sort_unstable();
            addresses.dedup();
            changed |= addresses != known.addresses;
            *known = Answered {
                addresses,
                at: Some(now),
            };
        }
        changed
    }

    /// Drops the addresses that nobody told of for too long; tells whether there were such.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let mut changed = false;
        for known in self.names.values_mut().flatten() {
            let old = |at| now.saturating_duration_since(at) >= KEEP;
            if known.at.is_some_and(old) {
                changed |= !known.addresses.is_empty();
                *known = Answered::default();
            }
        }
        changed
    }

    /// The table for workers; `awaited`: names are missing that have not been looked up yet.
    pub(super) fn host_names(&self, awaited: bool) -> HostNames {
        let addresses = |known: &[Answered; 2]| {
            let each = known.iter().flat_map(|known| &known.addresses);
            each.copied().collect()
        };
        let names = self.names.iter();
        let names = names.map(|(name, known)| (name.clone(), addresses(known)));
        HostNames::new(&names.collect()).awaited(awaited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips<const N: usize>(texts: [&str; N]) -> Option<Vec<IpAddr>> {
        Some(texts.map(|text| text.parse().expect("an address")).to_vec())
    }

    fn is_named(known: &Known, address: &str) -> bool {
        let address = address.parse().expect("an address");
        !known.host_names(false).of(address).is_empty()
    }

    #[test]
    fn an_answer_replaces_and_none_changes_nothing() {
        let (mut known, now) = (Known::default(), Instant::now());
        assert!(!known.take("a", [None, None], now));
        assert!(!known.take("a", [ips([]), None], now));
        assert!(known.take(
            "a",
            [ips(["192.0.2.2", "192.0.2.1"]), ips(["2001:db8::1"])],
            now
        ));
        // In another order.
        assert!(!known.take("a", [ips(["192.0.2.1", "192.0.2.2"]), None], now));
        assert!(!known.take("a", [None, None], now));
        assert!(is_named(&known, "192.0.2.2") && is_named(&known, "2001:db8::1"));

        assert!(known.take("a", [ips([]), None], now));
        assert!(!is_named(&known, "192.0.2.2") && is_named(&known, "2001:db8::1"));
    }

    #[test]
    fn what_nobody_tells_of_for_an_hour_goes() {
        let (mut known, now) = (Known::default(), Instant::now());
        known.take("a", [ips(["192.0.2.1"]), ips(["2001:db8::1"])], now);
        let half = now + KEEP / 2;
        known.take("a", [ips(["192.0.2.1"]), None], half);
        assert!(!known.expire(half));
        assert!(known.expire(now + KEEP));
        assert!(is_named(&known, "192.0.2.1") && !is_named(&known, "2001:db8::1"));
        assert!(known.expire(half + KEEP));
        assert!(!is_named(&known, "192.0.2.1"));
        assert!(!known.expire(half + KEEP));
    }
}

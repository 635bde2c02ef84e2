//! CPUs of the machine, and how workers and ring memory are divided among them.

use std::{fs, io};

use saker_abi::raw;

/// Most CPUs a driver has rings for.
pub const CPUS_MAX: u32 = raw::SAKER_MAX_CPUS;

/// Least data of one ring.
pub const RING_BYTES_MIN: usize = 256 << 10;

/// Most data of one ring: more only delays the moment when loss is noticed.
pub const RING_BYTES_MAX: usize = 8 << 20;

/// Why a CPU list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CpuListError {
    /// Not the kernel's list format.
    #[error("CPU list {list:?}: {part:?} is neither a number nor a range")]
    Format {
        /// The whole list.
        list: String,
        /// What was not understood.
        part: String,
    },
    /// A CPU number no driver has a ring for.
    #[error("CPU {cpu}: at most {CPUS_MAX} CPUs are supported")]
    TooMany {
        /// The number.
        cpu: u32,
    },
    /// The file could not be read.
    #[error("{path}")]
    Read {
        /// Where it is expected.
        path: &'static str,
        /// Why not.
        source: io::Error,
    },
}

/// CPUs that may ever appear, ascending: `/sys/devices/system/cpu/possible`.
///
/// # Errors
/// When the file is missing or does not hold a CPU list.
pub fn possible_cpus() -> Result<Vec<u32>, CpuListError> {
    read("/sys/devices/system/cpu/possible")
}

/// CPUs that run now, ascending: `/sys/devices/system/cpu/online`.
///
/// # Errors
/// When the file is missing or does not hold a CPU list.
pub fn online_cpus() -> Result<Vec<u32>, CpuListError> {
    read("/sys/devices/system/cpu/online")
}

fn read(path: &'static str) -> Result<Vec<u32>, CpuListError> {
    let list = fs::read_to_string(path).map_err(|source| CpuListError::Read { path, source })?;
    parse_cpu_list(&list)
}

/// Parses the kernel's list format, `0-3,5` (cpuset(7), "List format"); ascending, each CPU once.
///
/// # Errors
/// When it is not such a list or names a CPU no driver has a ring for.
pub fn parse_cpu_list(list: &str) -> Result<Vec<u32>, CpuListError> {
    let mut cpus = Vec::new();
    for part in list.trim().split(',').filter(|part| !part.is_empty()) {
        let wrong = || CpuListError::Format {
            list: list.trim().into(),
            part: part.into(),
        };
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        if first > last {
            return Err(wrong());
        }
        if last >= CPUS_MAX {
            return Err(CpuListError::TooMany { cpu: last });
        }
        cpus.extend(first..=last);
    }
    cpus.sort_unstable();
    cpus.dedup();
    Ok(cpus)
}

/// Workers on a machine with `cpus` CPUs, when the configuration does not say.
pub const fn default_partitions(cpus: usize) -> u32 {
    match cpus {
        0..=4 => 1,
        5..=16 => 2,
        17..=64 => 4,
        _ => raw::SAKER_MAX_PARTITIONS,
    }
}

/// Data bytes of one ring, when `total_budget_bytes` are there for the rings of all CPUs and
/// partitions: rounded down to a power of two, within [`RING_BYTES_MIN`] and [`RING_BYTES_MAX`].
/// A budget below the minimum for all rings is exceeded: smaller rings would lose bursts.
pub const fn ring_bytes(total_budget_bytes: u64, cpus: usize, partitions: u32) -> usize {
    let rings = cpus as u64 * partitions as u64;
    let Some(share) = total_budget_bytes.checked_div(rings) else {
        return RING_BYTES_MIN;
    };
    if share <= RING_BYTES_MIN as u64 {
        return RING_BYTES_MIN;
    }
    if share >= RING_BYTES_MAX as u64 {
        return RING_BYTES_MAX;
    }
    1 << share.ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists() {
        let list = |text| parse_cpu_list(text).expect("a list");
        assert_eq!(list("0-3\n"), [0, 1, 2, 3]);
        assert_eq!(list("5,0-1,1"), [0, 1, 5]);
        assert_eq!(list("7"), [7]);
        assert_eq!(list("\n"), [0; 0]);
    }

    #[test]
    fn wrong_lists_are_errors() {
        for text in ["a", "1-", "-1", "3-1", "0-1-2", "99999999999"] {
            let error = parse_cpu_list(text).expect_err(text);
            assert!(
                matches!(error, CpuListError::Format { .. }),
                "{text}: {error}"
            );
        }
        let error = parse_cpu_list("0-4294967295").expect_err("too many");
        assert!(matches!(error, CpuListError::TooMany { cpu: u32::MAX }));
    }

    #[test]
    fn this_machine_has_cpus() {
        let possible = possible_cpus().expect("possible");
        let online = online_cpus().expect("online");
        assert!(!online.is_empty() && online.iter().all(|cpu| possible.contains(cpu)));
    }

    #[test]
    fn partitions_follow_the_number_of_cpus() {
        let got: Vec<u32> = [1, 4, 5, 16, 17, 64, 65, 1024]
            .map(default_partitions)
            .into();
        assert_eq!(got, [1, 1, 2, 2, 4, 4, 8, 8]);
    }

    #[test]
    fn ring_memory_is_divided() {
        const MIB: u64 = 1 << 20;
        assert_eq!(ring_bytes(512 * MIB, 128, 8), 512 << 10);
        assert_eq!(ring_bytes(64 * MIB, 16, 2), 2 << 20);
        assert_eq!(ring_bytes(100 * MIB, 16, 2), 2 << 20);
        assert_eq!(ring_bytes(MIB, 128, 8), RING_BYTES_MIN);
        assert_eq!(ring_bytes(1 << 40, 2, 1), RING_BYTES_MAX);
        assert_eq!(ring_bytes(MIB, 0, 1), RING_BYTES_MIN);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9,\\- a\n]{0,12}") {
            if let Ok(cpus) = parse_cpu_list(&text) {
                prop_assert!(cpus.is_sorted());
            }
        }

        #[test]
        fn every_ring_size_is_one_a_ring_can_have(total: u64, cpus in 0usize..2048, p in 1u32..9) {
            let bytes = ring_bytes(total, cpus, p);
            prop_assert!(saker_abi::ring::valid_data_bytes(bytes));
            prop_assert!((RING_BYTES_MIN..=RING_BYTES_MAX).contains(&bytes));
        }
    }
}

//! What the agent reads about its host and itself, off the event path.

use std::fs;
use std::net::IpAddr;

/// Name of the host: as configured, else the kernel's.
pub(crate) fn hostname(configured: Option<&str>) -> String {
    match configured {
        Some(name) => name.to_owned(),
        None => rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
    }
}

/// The host name of the environment.
pub(crate) fn hostname_override() -> Option<String> {
    std::env::var("SAKER_HOSTNAME")
        .ok()
        .filter(|name| !name.is_empty())
}

/// What must be added to a boot-time stamp to get nanoseconds since the epoch.
pub(crate) fn boot_to_epoch_ns() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    let ns = |clock| {
        let time = clock_gettime(clock);
        u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
            + u64::try_from(time.tv_nsec).unwrap_or(0)
    };
    // Boot time is read between two looks at the real-time clock, so an interruption in between
    // moves the result by half its length at most.
    let before = ns(ClockId::Realtime);
    let boot = ns(ClockId::Boottime);
    let after = ns(ClockId::Realtime);
    (before / 2 + after / 2).saturating_sub(boot)
}

/// The clock of the records, now.
pub(crate) fn boot_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let number = |part: i64| u64::try_from(part).unwrap_or(0);
    number(now.tv_sec) * 1_000_000_000 + number(now.tv_nsec)
}

/// Addresses of the host's interfaces, from the kernel's routing table of local addresses.
pub(crate) fn interface_addresses() -> Vec<IpAddr> {
    let v4 = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let v6 = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let mut all: Vec<IpAddr> = local_v4(&v4).chain(local_v6(&v6)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Addresses marked `host LOCAL`, which stand on the line before the mark.
fn local_v4(fib_trie: &str) -> impl Iterator<Item = IpAddr> {
    let lines = fib_trie.lines();
    lines.clone().zip(lines.skip(1)).filter_map(|(line, next)| {
        let local = next.contains("/32 host LOCAL");
        line.trim()
            .strip_prefix("|-- ")
            .filter(|_| local)?
            .parse()
            .ok()
    })
}

fn local_v6(if_inet6: &str) -> impl Iterator<Item = IpAddr> {
    if_inet6.lines().filter_map(|line| {
        let bits = u128::from_str_radix(line.split_whitespace().next()?, 16).ok()?;
        Some(IpAddr::V6(bits.into()))
    })
}

/// What this process uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OwnUsage {
    /// Resident memory in bytes, rings included as far as they were touched.
    pub resident_bytes: u64,
    /// Processor time of all threads, user and system, in seconds.
    pub cpu_seconds: f64,
}

/// Reads what this process uses; absent when /proc is not readable.
pub(crate) fn own_usage() -> Option<OwnUsage> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may contain anything, so fields are counted after its end; utime and
    // stime are fields 14 and 15 (proc_pid_stat(5)).
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(OwnUsage {
        resident_bytes: pages * rustix::param::page_size() as u64,
        cpu_seconds: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_addresses_only() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.0.0\n        /24 link UNICAST\n     \
                    |-- 10.0.0.7\n        /32 host LOCAL\n     |-- 10.0.0.255\n        /32 link \
                    BROADCAST\n";
        let found: Vec<IpAddr> = local_v4(trie).collect();
        assert_eq!(found, ["10.0.0.7".parse::<IpAddr>().expect("an address")]);
        let v6 = "00000000000000000000000000000001 01 80 10 80       lo\ngarbage\n";
        let found: Vec<IpAddr> = local_v6(v6).collect();
        assert_eq!(found, ["::1".parse::<IpAddr>().expect("an address")]);
    }

    #[test]
    fn this_process_uses_something() {
        let usage = own_usage().expect("/proc");
        assert!(usage.resident_bytes > 100_000, "{usage:?}");
    }

    #[test]
    fn epoch_is_now() {
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let now =
            boot_to_epoch_ns() + u64::try_from(boot.tv_sec).expect("positive") * 1_000_000_000;
        let system = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let system = u64::try_from(system.expect("after 1970").as_nanos()).expect("before 2554");
        assert!(system.abs_diff(now) < 2_000_000_000, "{system} {now}");
    }
}

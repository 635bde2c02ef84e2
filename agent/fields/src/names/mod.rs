//! Names of flags and enumerations as rules and outputs spell them (rules-spec I), and how a number
//! becomes text (rules-spec E4).

pub mod caps;
pub mod convert;
pub mod enums;
pub mod errno;
pub mod flags;
pub mod signals;
pub mod sockets;

/// One name and its number.
pub type Name = (&'static str, u64);

/// Appends the names of the flags set in `value` in table order, joined by `|`.
///
/// A name counts when all its bits are still there; they are taken away then, so that `O_RDWR`
/// hides `O_RDONLY` and `O_WRONLY`. A name of value zero stands only for a value of zero. Bits
/// without a name leave no trace.
pub fn write_flags(out: &mut Vec<u8>, table: &[Name], value: u64) {
    let mut rest = value;
    let start = out.len();
    for &(name, bits) in table {
        let hit = if bits == 0 {
            value == 0
        } else {
            rest & bits == bits
        };
        if hit {
            join(out, start, name);
            rest &= !bits;
        }
    }
}

/// Appends all names that equal `value`, in table order, joined by `|`.
pub fn write_enum(out: &mut Vec<u8>, table: &[Name], value: u64) {
    let start = out.len();
    for &(name, number) in table {
        if number == value {
            join(out, start, name);
        }
    }
}

fn join(out: &mut Vec<u8>, start: usize, name: &str) {
    if out.len() > start {
        out.push(b'|');
    }
    out.extend_from_slice(name.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(table: &[Name], value: u64) -> String {
        let mut out = Vec::new();
        write_flags(&mut out, table, value);
        String::from_utf8(out).expect("names are ASCII")
    }

    #[test]
    fn matched_bits_are_taken_away() {
        assert_eq!(flags(flags::OPEN, 3), "O_RDWR");
        assert_eq!(flags(flags::OPEN, 1), "O_RDONLY");
        assert_eq!(
            flags(flags::OPEN, 0b1_0000_0000_0110),
            "O_CREAT|O_WRONLY|O_CLOEXEC"
        );
    }

    #[test]
    fn zero_has_a_name_only_when_nothing_is_set() {
        assert_eq!(flags(flags::OPEN, 0), "O_NONE");
        assert_eq!(flags(flags::MOUNT, 0), "");
        assert_eq!(flags(flags::EXE, 1 | 4), "EXE_WRITABLE|EXE_FROM_MEMFD");
    }

    #[test]
    fn bits_without_a_name_are_silent() {
        assert_eq!(flags(flags::UMOUNT, 2 | 1 << 40), "DETACH");
    }

    #[test]
    fn equal_names_are_joined() {
        let name = |value| {
            let mut out = Vec::new();
            write_enum(&mut out, enums::DOMAIN, value);
            String::from_utf8(out).expect("names are ASCII")
        };
        assert_eq!(name(1), "AF_LOCAL|AF_UNIX");
        assert_eq!(name(16), "AF_ROUTE|AF_NETLINK");
        assert_eq!(name(17), "AF_PACKET");
        assert_eq!(name(4711), "");
    }

    #[test]
    fn no_table_has_an_empty_or_repeated_name() {
        let tables = [flags::ALL, enums::ALL, sockets::ALL].concat();
        for table in tables {
            let mut names: Vec<_> = table.iter().map(|n| n.0).collect();
            assert!(names.iter().all(|n| !n.is_empty()));
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), table.len());
        }
    }
}

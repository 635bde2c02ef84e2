//! Lexical path normalisation (rules-spec F7).
//!
//! Only the text is looked at: `.`, `..` and doubled slashes go, symbolic links stay. Rules on
//! `fd.name` depend on exactly this form.

/// Longest base plus path that is resolved, bytes (rules-spec F7).
pub const MAX_JOINED_LEN: usize = 1024;

/// What stands for a path above [`MAX_JOINED_LEN`]; the text is part of the rule language.
pub const TOO_LONG: &[u8] = b"/DIR_TOO_LONG/FILENAME_TOO_LONG";

/// What stands for the directory of an unknown descriptor; the text is part of the rule language.
pub const UNKNOWN_DIR: &[u8] = b"<UNKNOWN>";

/// Writes `path`, seen from directory `base`, normalised into `out` (cleared first).
///
/// An absolute `path` ignores `base`, an empty one means `base` itself. The result has no trailing
/// slash unless it is the root. Nothing is allocated once `out` has room for the result.
pub fn join(base: &[u8], path: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let absolute = path.first() == Some(&b'/');
    let base = if absolute { &[] } else { base };
    if base.len() + path.len() > MAX_JOINED_LEN {
        out.extend_from_slice(TOO_LONG);
        return;
    }
    let rooted = absolute || base.first() == Some(&b'/');
    push_components(base, rooted, out);
    push_components(path, rooted, out);
    if out.is_empty() && rooted {
        out.push(b'/');
    }
}

/// Like [`join`] for a working directory: the result always ends in a slash.
pub fn join_dir(base: &[u8], path: &[u8], out: &mut Vec<u8>) {
    join(base, path, out);
    if out.last() != Some(&b'/') {
        out.push(b'/');
    }
}

fn push_components(path: &[u8], rooted: bool, out: &mut Vec<u8>) {
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => pop_component(rooted, out),
            _ => {
                if rooted || !out.is_empty() {
                    out.push(b'/');
                }
                out.extend_from_slice(part);
            }
        }
    }
}

/// Drops the last component; above the root there is nothing to drop.
fn pop_component(rooted: bool, out: &mut Vec<u8>) {
    match out.iter().rposition(|&b| b == b'/') {
        Some(slash) => out.truncate(slash),
        // The base is a stand-in such as `<UNKNOWN>`: it stays, its parent is just as unknown.
        None if !rooted => {}
        None => out.clear(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(base: &str, path: &str) -> String {
        let mut out = b"left over".to_vec();
        join(base.as_bytes(), path.as_bytes(), &mut out);
        String::from_utf8(out).expect("the inputs are text")
    }

    #[test]
    fn lexical_rules() {
        assert_eq!(joined("/home/u/", "a/b"), "/home/u/a/b");
        assert_eq!(joined("/home/u", "../x/./y//z/"), "/home/x/y/z");
        assert_eq!(joined("/home", "/etc//passwd"), "/etc/passwd");
        assert_eq!(joined("/", "../../etc"), "/etc");
        assert_eq!(joined("/a/b/", ""), "/a/b");
        assert_eq!(joined("/", ""), "/");
        assert_eq!(joined("/a", ".."), "/");
        assert_eq!(joined("", "x/./y"), "x/y");
        assert_eq!(joined("<UNKNOWN>", "f"), "<UNKNOWN>/f");
        assert_eq!(joined("<UNKNOWN>", "../f"), "<UNKNOWN>/f");
    }

    #[test]
    fn long_paths_have_a_name_of_their_own() {
        let long = "x".repeat(MAX_JOINED_LEN - 1);
        assert_eq!(joined("/", &long).len(), MAX_JOINED_LEN);
        assert_eq!(joined("/a", &long).as_bytes(), TOO_LONG);
        assert_eq!(joined("/a", &format!("/{long}")).len(), MAX_JOINED_LEN);
    }

    #[test]
    fn directories_end_in_a_slash() {
        let mut out = Vec::new();
        join_dir(b"/a", b"..", &mut out);
        assert_eq!(out, b"/");
        join_dir(b"/a", b"b", &mut out);
        assert_eq!(out, b"/a/b/");
    }

    proptest! {
        #[test]
        fn results_are_normal(base in "/[a./]{0,20}", path in "[a./]{0,20}") {
            let once = joined(&base, &path);
            prop_assert!(once.starts_with('/'));
            prop_assert!(!once.contains("//"));
            prop_assert!(once == "/" || !once.ends_with('/'));
            prop_assert!(once.split('/').all(|part| part != "." && part != ".."));
            prop_assert_eq!(joined("/", &once), once);
        }
    }
}

//! Where the host has its file systems, to call a file by the name the host knows it by, whatever path
//! leads to it.

use rustc_hash::FxHashMap;

/// Lines looked at; a host with more has its later mounts unknown.
const MAX_MOUNTS: usize = 65_536;

/// The mounts of the host's mount namespace, by device.
///
/// Of each file system only those stay that show a part which no earlier one shows: the first is where it
/// belongs, the others are bind mounts. Overlays but for the host's own root are left out: they belong to
/// containers, where their files have their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mounts {
    by_dev: FxHashMap<u32, Vec<Mount>>,
    left_out: usize,
}

/// Directory `root` of a file system, visible at `point`. Both without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    root: Box<[u8]>,
    point: Box<[u8]>,
}

impl Mounts {
    /// From the text of `/proc/PID/mountinfo`; damaged lines are left out.
    pub fn parse(mountinfo: &[u8]) -> Self {
        let mut mounts = Self::default();
        let mut lines = mountinfo.split(|&b| b == b'\n');
        for (dev, mount) in lines.by_ref().take(MAX_MOUNTS).filter_map(line) {
            let known = mounts.by_dev.entry(dev).or_default();
            if !known
                .iter()
                .any(|earlier| below(&earlier.root, &mount.root, b"").is_some())
            {
                known.push(mount);
            }
        }
        mounts.left_out = lines.filter(|line| !line.is_empty()).count();
        mounts
    }

    /// Lines beyond the bound.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// From what [`Self::entries`] gave: devices, directories mounted, and where.
    pub fn from_entries<'e>(entries: impl Iterator<Item = (u32, &'e str, &'e str)>) -> Self {
        let mut mounts = Self::default();
        for (dev, root, point) in entries.take(MAX_MOUNTS) {
            let mount = Mount {
                root: root.as_bytes().into(),
                point: point.as_bytes().into(),
            };
            mounts.by_dev.entry(dev).or_default().push(mount);
        }
        mounts
    }

    /// All that is known, but for names that are no UTF-8: of each file system in the order of its mounts.
    pub fn entries(&self) -> impl Iterator<Item = (u32, &str, &str)> {
        self.by_dev.iter().flat_map(|(&dev, mounts)| {
            mounts.iter().filter_map(move |mount| {
                let text = |bytes| std::str::from_utf8(bytes).ok();
                Some((dev, text(&mount.root)?, text(&mount.point)?))
            })
        })
    }

    /// Writes the host's name of the file at `tail` below directory `top` of file system `dev` (encoded as
    /// by stat(2)) into `out`; `false` when the host does not have it mounted.
    pub(crate) fn host_name(&self, dev: u32, top: &[u8], tail: &[u8], out: &mut Vec<u8>) -> bool {
        let (top, tail) = (without_slash(top), without_slash(tail));
        let Some(mounts) = self.by_dev.get(&dev) else {
            return false;
        };
        let found = mounts
            .iter()
            .find_map(|mount| Some((mount, below(&mount.root, top, tail)?)));
        let Some((mount, (rest, tail))) = found else {
            return false;
        };
        for part in [&mount.point[..], rest, tail] {
            out.extend_from_slice(part);
        }
        if out.is_empty() {
            out.push(b'/');
        }
        true
    }
}

/// What of `top` and `tail`, together a path, is below `root`.
fn below<'a>(root: &[u8], top: &'a [u8], tail: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let rest = match top.strip_prefix(root) {
        Some(rest) => (rest, tail),
        None => (&[][..], tail.strip_prefix(root.strip_prefix(top)?)?),
    };
    let next = rest.0.first().or(rest.1.first());
    next.is_none_or(|&b| b == b'/').then_some(rest)
}

fn without_slash(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").unwrap_or(path)
}

/// `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAGS] - TYPE ...` (proc(5)).
fn line(line: &[u8]) -> Option<(u32, Mount)> {
    let mut words = line.split(|&b| b == b' ');
    let dev = device(words.nth(2)?)?;
    let root = unescape(words.next()?);
    let point = unescape(words.next()?);
    let kind = words.skip_while(|&word| word != b"-").nth(1)?;
    if kind == b"overlay" && point != b"/" {
        return None;
    }
    let mount = Mount {
        root: without_slash(&root).into(),
        point: without_slash(&point).into(),
    };
    Some((dev, mount))
}

/// `8:1` as stat(2) encodes it.
fn device(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    let (major, minor) = text.split_once(':')?;
    let (major, minor): (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
    Some((minor & 0xff) | (major << 8) | ((minor & !0xff) << 12))
}

/// Blanks, newlines and backslashes are written as `\040` and the like.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, behind)) = rest.split_first() {
        let octal = |digits: &[u8]| {
            let value = digits.iter().try_fold(0_u32, |value, &digit| {
                let digit = digit.checked_sub(b'0').filter(|&digit| digit < 8)?;
                Some(value * 8 + u32::from(digit))
            });
            value.and_then(|value| u8::try_from(value).ok())
        };
        let escaped = (first == b'\\')
            .then(|| behind.split_at_checked(3))
            .flatten()
            .and_then(|(digits, behind)| Some((octal(digits)?, behind)));
        let (byte, behind) = escaped.unwrap_or((first, behind));
        out.push(byte);
        rest = behind;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &[u8] = b"\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /proc rw - proc proc rw
24 22 0:30 /@home /home rw - btrfs /dev/vdb rw
25 22 254:0 /etc /mnt/bind rw - ext4 /dev/vda rw
26 22 0:30 / /mnt/all rw - btrfs /dev/vdb rw
27 22 0:40 / /var/lib/containers/merged rw - overlay overlay rw
28 22 259:300 / /mnt/a\\040b\\134 rw - ext4 /dev/nvme0n1 rw
not a line
";

    fn name(dev: u32, top: &str, tail: &str) -> Option<String> {
        let mut out = Vec::new();
        Mounts::parse(HOST)
            .host_name(dev, top.as_bytes(), tail.as_bytes(), &mut out)
            .then(|| String::from_utf8(out).expect("text"))
    }

    const ROOT: u32 = 254 << 8;

    #[test]
    fn what_does_not_fit_is_counted() {
        let text = "not a line\n".repeat(MAX_MOUNTS + 3);
        assert_eq!(Mounts::parse(text.as_bytes()).left_out(), 3);
        assert_eq!(Mounts::parse(HOST).left_out(), 0);
    }

    #[test]
    fn a_file_is_where_its_file_system_was_mounted_first() {
        assert_eq!(
            name(ROOT, "", "/etc/shadow").as_deref(),
            Some("/etc/shadow")
        );
        assert_eq!(
            name(ROOT, "/etc", "/shadow").as_deref(),
            Some("/etc/shadow")
        );
        assert_eq!(
            name(ROOT, "/etc/shadow", "").as_deref(),
            Some("/etc/shadow")
        );
        assert_eq!(name(ROOT, "/", "/").as_deref(), Some("/"));
        assert_eq!(name(21, "", "/1/status").as_deref(), Some("/proc/1/status"));
    }

    #[test]
    fn parts_of_a_file_system_have_places_of_their_own() {
        assert_eq!(name(30, "/@home", "/u/x").as_deref(), Some("/home/u/x"));
        assert_eq!(name(30, "", "/@home/u/x").as_deref(), Some("/home/u/x"));
        assert_eq!(name(30, "/@", "/x").as_deref(), Some("/mnt/all/@/x"));
        assert_eq!(
            name(30, "/@homes", "/x").as_deref(),
            Some("/mnt/all/@homes/x")
        );
    }

    #[test]
    fn mounts_come_back_from_their_entries() {
        let mounts = Mounts::parse(HOST);
        assert_eq!(Mounts::from_entries(mounts.entries()), mounts);
        assert!(mounts.entries().any(|entry| entry == (ROOT, "", "")));
    }

    #[test]
    fn what_the_host_does_not_have_has_no_name_there() {
        assert_eq!(name(99, "", "/etc/shadow"), None);
        assert_eq!(name(40, "", "/etc/shadow"), None, "a container's");
    }

    #[test]
    fn odd_numbers_and_names() {
        // Major 259, minor 300, as stat(2) says it.
        let dev = 259 << 8 | 300 & 0xff | (300 & !0xff) << 12;
        assert_eq!(name(dev, "", "/x").as_deref(), Some("/mnt/a b\\/x"));
        for len in 0..HOST.len() {
            let _ = Mounts::parse(&HOST[..len]);
        }
        assert_eq!(unescape(b"\\777\\04"), b"\\777\\04");
    }
}

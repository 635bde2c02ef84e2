//! One record's parameters as text.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use saker_abi::event::EVENTS;
use saker_abi::raw::*;
use saker_abi::record::Record;

use crate::labels::Labels;
use crate::tree::is_birth;

/// A byte that comes so often in a row is written once.
const RUN_MIN: usize = 12;

/// Paths of the kernel's own, and the parameter that says where the mount in them begins.
const MOUNT_OF: [(&str, &str); 2] = [("real", "mount_at"), ("real2", "mount_at2")];

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// All parameters of a record: names and values. Header flags come first when there are any.
pub fn parameters(record: &Record<'_>, labels: &mut Labels) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let hdr = record.hdr();
    if hdr.flags != 0 {
        let mut flags = Vec::new();
        for (bit, name) in [
            (SAKER_HF_COMPAT32, "compat32"),
            (SAKER_HF_FAULT, "fault"),
            (SAKER_HF_IO_URING, "io_uring"),
        ] {
            if u32::from(hdr.flags) & bit != 0 {
                flags.push(name.to_owned());
            }
        }
        let rest = u32::from(hdr.flags) & !(SAKER_HF_COMPAT32 | SAKER_HF_FAULT | SAKER_HF_IO_URING);
        if rest != 0 {
            flags.push(format!("{rest:#x}"));
        }
        all.push(("hdr".to_owned(), flags.join(",")));
    }
    let cgroup = labels.cgroup(hdr.cgroup_id);
    if cgroup != "C1" {
        all.push(("cgroup".to_owned(), cgroup));
    }
    for (slot, param) in record.info().params.iter().enumerate() {
        let value = if param.is_var() {
            let mount_at = MOUNT_OF.into_iter().find(|&(path, _)| path == param.name);
            let mount_at = mount_at.map(|(_, at)| at);
            variable(record, slot as u32, u32::from(param.ty), mount_at, labels)
        } else {
            fixed(record, slot as u32, u32::from(param.ty), param.name, labels)
        };
        all.push((param.name.to_owned(), value));
    }
    all
}

fn fixed(record: &Record<'_>, slot: u32, ty: u32, name: &str, labels: &mut Labels) -> String {
    let (value, signed) = (record.u64(slot), record.i64(slot));
    let sibling = |name| {
        let slot = record.info().slot(name);
        slot.map_or(0, |slot| record.u64(slot as u32))
    };
    match (ty, name) {
        (SAKER_T_PID, _) => labels.pid(signed),
        // The parent is told a number; 0 is the child.
        (SAKER_T_ERRNO, "res") if is_birth(record.event()) && signed > 0 => labels.pid(signed),
        (_, "start_ns" | "pidns_start_ns" | "child_start_ns" | "parent_start_ns") => {
            labels.time(value)
        }
        // Of the call that it stands before.
        (_, "event") if matches!(record.event(), SAKER_EV_ACTED | SAKER_EV_GIVEN) => {
            let info = usize::try_from(value).ok().and_then(|at| EVENTS.get(at));
            info.map_or_else(|| value.to_string(), |info| info.name.to_owned())
        }
        // Shown with the path.
        (_, "mount_at" | "mount_at2") => "shown".to_owned(),
        // Of a program that has just begun, and of the thread that began it.
        (_, "pgft_maj" | "pgft_min") => "any".to_owned(),
        (SAKER_T_HEX, "source" | "peer" | "sock_id") => labels.socket(value),
        (_, "dev" | "exe_dev") => labels.device(value),
        (_, "ino") => labels.inode(sibling("dev"), value),
        (_, "exe_ino") => labels.inode(sibling("exe_dev"), value),
        // Where the heap begins is another place each time, and how much of the memory is there depends on
        // what the kernel does besides.
        (SAKER_T_HEX, "res") | (_, "vm_rss" | "vm_swap") => {
            if value == 0 { "0" } else { "set" }.to_owned()
        }
        (SAKER_T_ABSTIME, _) => if value == 0 { "0" } else { "set" }.to_owned(),
        (SAKER_T_OCTAL | SAKER_T_MODE | SAKER_T_MKNOD_MODE, _) => format!("0{value:o}"),
        (
            SAKER_T_HEX
            | SAKER_T_OPEN_FLAGS
            | SAKER_T_EXE_FLAGS
            | SAKER_T_CLONE_FLAGS
            | SAKER_T_UNSHARE_FLAGS
            | SAKER_T_MOUNT_FLAGS
            | SAKER_T_UMOUNT_FLAGS
            | SAKER_T_UNLINKAT_FLAGS
            | SAKER_T_LINKAT_FLAGS
            | SAKER_T_FCHOWNAT_FLAGS
            | SAKER_T_RENAME_FLAGS
            | SAKER_T_RESOLVE_FLAGS
            | SAKER_T_MEMFD_FLAGS
            | SAKER_T_MODULE_FLAGS
            | SAKER_T_CAPS
            | SAKER_T_FILE_FACTS
            | SAKER_T_CLOSE_RANGE_FLAGS
            | SAKER_T_ERRNO_HEX
            | SAKER_T_SIGSET
            | SAKER_T_FD_FLAGS..=SAKER_T_URING_FEATURES,
            _,
        ) => format!("{value:#x}"),
        (SAKER_T_U64 | SAKER_T_U32 | SAKER_T_UID | SAKER_T_GID, _) => value.to_string(),
        _ => signed.to_string(),
    }
}

fn variable(
    record: &Record<'_>,
    slot: u32,
    ty: u32,
    mount_at: Option<&str>,
    labels: &mut Labels,
) -> String {
    let var = record.var(slot);
    let raw = record.u64(slot);
    let (flags, full) = ((raw >> 32) as u16, (raw >> 48) as u16);
    let mount_at = mount_at.and_then(|name| record.info().slot(name));
    let mut text = if let Some(at) = mount_at {
        reached(var.bytes, record.u64(at as u32), labels)
    } else if ty != SAKER_T_TUPLE {
        quoted(var.bytes)
    } else if let Some(tuple) = record.tuple(slot) {
        tuple_text(&tuple, var.bytes.len(), labels)
    } else {
        // No socket: nothing, or what cannot be a tuple.
        if var.bytes.is_empty() {
            "-".to_owned()
        } else {
            quoted(var.bytes)
        }
    };
    if var.truncated {
        text.push_str(",truncated");
    }
    if var.shortened {
        text.push_str(",shortened");
    }
    if var.fault {
        text.push_str(",fault");
    }
    if u32::from(flags) & SAKER_VF_GIVEN != 0 {
        text.push_str(",given");
    }
    let known = SAKER_VF_TRUNCATED | SAKER_VF_SHORTENED | SAKER_VF_FAULT | SAKER_VF_GIVEN;
    let rest = u32::from(flags) & !known;
    if rest != 0 {
        let _ = write!(text, ",flags={rest:#x}");
    }
    if full != 0 {
        let _ = write!(text, ",of={full}");
    }
    text
}

/// A path of the kernel's own, in two where the file's mount begins, `"/proc"+"/P1/stat"`: numbers of processes
/// in it have names, so its lengths say nothing.
fn reached(path: &[u8], mount_at: u64, labels: &Labels) -> String {
    let name = |part: &[u8]| -> Vec<u8> {
        let number = std::str::from_utf8(part).ok().filter(|text| {
            text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0')
        });
        let pid = number.and_then(|text| text.parse().ok());
        pid.map_or_else(|| part.to_vec(), |pid| labels.pid(pid).into_bytes())
    };
    let named = |path: &[u8]| {
        let parts: Vec<Vec<u8>> = path.split(|&byte| byte == b'/').map(name).collect();
        quoted(&parts.join(&b'/'))
    };
    match usize::try_from(mount_at)
        .ok()
        .and_then(|at| path.split_at_checked(at))
    {
        Some(([], _)) => named(path),
        Some((before, after)) => format!("{}+{}", named(before), named(after)),
        None => format!("{},mount at {mount_at}", named(path)),
    }
}

/// `family/type/protocol,local,remote,socket,peer` and a unix socket's path.
fn tuple_text(tuple: &saker_tuple, bytes: usize, labels: &mut Labels) -> String {
    let mut text = format!("{}/{}/{}", tuple.family, tuple.type_, tuple.proto);
    for (address, port) in [
        (&tuple.local_addr, tuple.local_port),
        (&tuple.remote_addr, tuple.remote_port),
    ] {
        text.push(',');
        text.push_str(&end(tuple.family, address, port));
    }
    let socket = labels.socket(tuple.sock_id);
    let peer = labels.socket(tuple.peer_id);
    let _ = write!(text, ",{socket},{peer}");
    let inet = SAKER_TUPLE_INET_LEN as usize;
    if bytes > inet {
        let len = tuple
            .path
            .iter()
            .rposition(|&byte| byte != 0)
            .map_or(0, |at| at + 1);
        let _ = write!(text, ",{}", quoted(&tuple.path[..len]));
    }
    if bytes != inet && bytes != size_of::<saker_tuple>() {
        let _ = write!(text, ",{bytes} bytes");
    }
    text
}

fn end(family: u16, address: &[u8; 16], port: u16) -> String {
    let [a, b, c, d, rest @ ..] = *address;
    match family {
        AF_INET if rest == [0; 12] => format!("{}:{port}", Ipv4Addr::new(a, b, c, d)),
        AF_INET6 => format!("[{}]:{port}", Ipv6Addr::from(*address)),
        _ if *address == [0; 16] => format!("{port}"),
        _ => format!("{}:{port}", quoted(address)),
    }
}

/// Bytes between quotes. `\xHH` is a byte that is not printable, `\0` a NUL, `\{12*x}` a run.
pub fn quoted(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    let mut rest = bytes;
    while let Some(&byte) = rest.first() {
        let run = rest.iter().take_while(|&&b| b == byte).count();
        let one = escaped(byte);
        if run >= RUN_MIN {
            let _ = write!(text, "\\{{{run}*{one}}}");
            rest = &rest[run..];
        } else {
            text.push_str(&one);
            rest = &rest[1..];
        }
    }
    text.push('"');
    text
}

fn escaped(byte: u8) -> String {
    match byte {
        0 => "\\0".to_owned(),
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        0x20..=0x7e => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saker_abi::record::RecordBuilder;

    fn value(record: &[u8], name: &str, labels: &mut Labels) -> String {
        let record = Record::parse(record).expect("a record");
        let all = parameters(&record, labels);
        let found = all.into_iter().find(|(n, _)| n == name);
        found.unwrap_or_else(|| panic!("no {name}")).1
    }

    #[test]
    fn bytes_are_readable_and_exact() {
        assert_eq!(quoted(b"a b\"\\"), "\"a b\\\"\\\\\"");
        assert_eq!(quoted(b"-c\0\xff\n"), "\"-c\\0\\xff\\x0a\"");
        assert_eq!(quoted(&[b'a'; 11]), format!("\"{}\"", "a".repeat(11)));
        assert_eq!(quoted(&[b'a'; 4095]), "\"\\{4095*a}\"");
        assert_eq!(quoted(&[0; 12]), "\"\\{12*\\0}\"");
    }

    #[test]
    fn numbers_that_change_are_named_and_others_are_whole() {
        let mut labels = Labels::new(&[]);
        labels.thread(100, 100);
        let open = RecordBuilder::new(SAKER_EV_OPEN, 1, 100, 100)
            .hdr(|h| (h.flags, h.cgroup_id) = (3, 8))
            .num(SAKER_P_OPEN_fd, -2)
            .num(SAKER_P_OPEN_flags, 0x8000_0241)
            .num(SAKER_P_OPEN_mode, 0o644)
            .num(SAKER_P_OPEN_dev, 0xfd01)
            .num(SAKER_P_OPEN_ino, 123)
            .var_with_flags(SAKER_P_OPEN_name, b"/x", SAKER_VF_TRUNCATED)
            .build();
        let record = Record::parse(&open).expect("a record");
        let line: Vec<String> = parameters(&record, &mut labels)
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            line.join(" "),
            "hdr=compat32,fault fd=-2 name=\"/x\",truncated flags=0x80000241 mode=0644 dev=D1 \
             ino=I1 facts=0x0 real=\"\" mount_at=shown mount_root=\"\""
        );
        let kill = RecordBuilder::new(SAKER_EV_KILL, 1, 100, 100)
            .num(SAKER_P_KILL_pid, -100)
            .build();
        assert_eq!(value(&kill, "pid", &mut labels), "-P1");
        // The same number is no process elsewhere.
        let close = RecordBuilder::new(SAKER_EV_CLOSE, 1, 100, 100)
            .num(SAKER_P_CLOSE_fd, 100)
            .build();
        assert_eq!(value(&close, "fd", &mut labels), "100");
    }

    #[test]
    fn processes_in_paths_are_named_and_mounts_shown() {
        let mut labels = Labels::new(&[(4, "outside")]);
        labels.thread(100, 100);
        labels.thread(100, 101);
        let mut text = |path: &[u8], at| {
            let open = RecordBuilder::new(SAKER_EV_OPEN, 1, 100, 100)
                .num(SAKER_P_OPEN_mount_at, at)
                .var(SAKER_P_OPEN_real, path)
                .build();
            value(&open, "real", &mut labels)
        };
        assert_eq!(
            text(b"/proc/100/task/101/stat", 5),
            "\"/proc\"+\"/P1/task/P1.T2/stat\""
        );
        assert_eq!(text(b"/proc/4/0100/x100", 0), "\"/proc/outside/0100/x100\"");
        assert_eq!(text(b"/a", 3), "\"/a\",mount at 3");
        assert_eq!(text(b"/a", 2), "\"/a\"+\"\"");
        assert_eq!(text(b"", 0), "\"\"");
    }

    #[test]
    fn births_tell_the_parent_a_process() {
        let mut labels = Labels::new(&[]);
        labels.thread(100, 100);
        labels.thread(101, 101);
        let fork = |res| {
            RecordBuilder::new(SAKER_EV_FORK, 1, 100, 100)
                .num(SAKER_P_FORK_res, res)
                .num(SAKER_P_FORK_child_start_ns, 5_000_000)
                .build()
        };
        assert_eq!(value(&fork(101), "res", &mut labels), "P2");
        assert_eq!(value(&fork(0), "res", &mut labels), "0");
        assert_eq!(value(&fork(0), "child_start_ns", &mut labels), "t1");
    }

    #[test]
    fn sockets_are_named_and_their_ends_shown() {
        let mut labels = Labels::new(&[]);
        let mut tuple = saker_tuple::default_zero();
        (tuple.family, tuple.type_, tuple.proto) = (2, 1, 6);
        (tuple.local_port, tuple.remote_port) = (5000, 4000);
        tuple.local_addr[..4].copy_from_slice(&[127, 0, 0, 2]);
        (tuple.sock_id, tuple.peer_id) = (0xffff_8880_1234_5678, 0);
        let connect = RecordBuilder::new(SAKER_EV_CONNECT, 1, 2, 2)
            .tuple(SAKER_P_CONNECT_tuple, &tuple)
            .build();
        assert_eq!(
            value(&connect, "tuple", &mut labels),
            "2/1/6,127.0.0.2:5000,0.0.0.0:4000,S1,0,\"\""
        );
        tuple = saker_tuple::default_zero();
        (tuple.family, tuple.type_) = (1, 2);
        (tuple.sock_id, tuple.peer_id) = (7, 0xffff_8880_1234_5678);
        tuple.path[..3].copy_from_slice(b"\0ab");
        let connect = RecordBuilder::new(SAKER_EV_CONNECT, 1, 2, 2)
            .tuple(SAKER_P_CONNECT_tuple, &tuple)
            .build();
        assert_eq!(
            value(&connect, "tuple", &mut labels),
            "1/2/0,0,0,S2,S1,\"\\0ab\""
        );
        let none = RecordBuilder::new(SAKER_EV_CONNECT, 1, 2, 2).build();
        assert_eq!(value(&none, "tuple", &mut labels), "-");
    }
}

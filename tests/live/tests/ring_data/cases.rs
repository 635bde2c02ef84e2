//! What the program does and what rules see of it.

use saker_tests_live::case::Case;

/// A way of the program, in a network of its own: the port is free there.
macro_rules! talk {
    ($rule:literal, $way:literal, $fields:expr) => {
        Case {
            rule: $rule,
            script: concat!(
                "unshare -n sh -eu <<'END'\nip link set lo up\n$LAB/talker ",
                $way,
                "\nEND"
            ),
            fields: $fields,
        }
    };
}

/// One alert for each.
pub(crate) const CASES: &[Case] = &[
    talk!(
        "moved by a ring",
        "pair",
        &[
            ("evt.type", "sendto"),
            ("fd.num", "100"),
            ("fd.type", "unix"),
            ("evt.rawres", "4"),
            ("evt.rawarg.size", "4"),
        ]
    ),
    talk!(
        "moved by a ring",
        "pair",
        &[
            ("evt.type", "recvfrom"),
            ("fd.num", "101"),
            ("fd.type", "unix"),
            ("evt.rawres", "4"),
            ("evt.rawarg.size", "64"),
        ]
    ),
    talk!(
        "moved by a ring",
        "pair",
        &[
            ("evt.type", "sendto"),
            ("fd.num", "100"),
            ("evt.rawres", "7")
        ]
    ),
    // The first place of the ring's own table.
    talk!(
        "moved by a ring",
        "table",
        &[
            ("evt.type", "sendto"),
            ("fd.num", "1073741824"),
            ("fd.type", "unix"),
            ("evt.rawres", "5"),
        ]
    ),
    talk!(
        "moved by a ring",
        "address",
        &[
            ("evt.type", "sendto"),
            ("fd.rip", "127.0.0.1"),
            ("fd.rport", "6310"),
            ("evt.rawres", "3"),
        ]
    ),
    talk!(
        "moved by a ring",
        "message",
        &[
            ("evt.type", "sendmsg"),
            ("fd.rip", "127.0.0.1"),
            ("fd.rport", "6310"),
            ("evt.rawres", "11"),
            ("evt.rawarg.size", "11"),
        ]
    ),
    talk!(
        "moved by a ring",
        "message",
        &[
            ("evt.type", "recvmsg"),
            ("fd.rip", "127.0.0.1"),
            ("fd.lport", "6310"),
            ("fd.is_server", "true"),
            ("evt.rawres", "11"),
            ("evt.rawarg.size", "64"),
        ]
    ),
    // One request, two receipts.
    talk!(
        "moved by a ring",
        "stay",
        &[
            ("evt.type", "recvfrom"),
            ("fd.num", "100"),
            ("fd.type", "ipv4"),
            ("evt.rawres", "6"),
        ]
    ),
    talk!(
        "moved by a ring",
        "stay",
        &[
            ("evt.type", "recvfrom"),
            ("fd.num", "100"),
            ("evt.rawres", "9")
        ]
    ),
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "write"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "7"),
            ("evt.rawarg.size", "7")
        ]
    ),
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "read"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "7"),
            ("evt.rawarg.size", "12")
        ]
    ),
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "writev"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "11"),
            ("evt.rawarg.size", "11")
        ]
    ),
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "readv"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "11"),
            ("evt.rawarg.size", "30")
        ]
    ),
    // From and to buffers that were registered.
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "write"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "13"),
            ("evt.rawarg.size", "13")
        ]
    ),
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "read"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "13"),
            ("evt.rawarg.size", "14")
        ]
    ),
    // By a worker.
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "write"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "6"),
            ("evt.rawarg.size", "6")
        ]
    ),
    // Sockets.
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "write"),
            ("fd.num", "100"),
            ("evt.rawres", "8"),
            ("evt.rawarg.size", "8")
        ]
    ),
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "read"),
            ("fd.num", "101"),
            ("evt.rawres", "8"),
            ("evt.rawarg.size", "64")
        ]
    ),
    talk!(
        "read or written by a ring",
        "vectors",
        &[
            ("evt.type", "writev"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "15"),
            ("evt.rawarg.size", "15")
        ]
    ),
    talk!(
        "read or written by a ring",
        "vectors",
        &[
            ("evt.type", "readv"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "15"),
            ("evt.rawarg.size", "25")
        ]
    ),
    // One request, two reads.
    talk!(
        "read or written by a ring",
        "again",
        &[
            ("evt.type", "read"),
            ("fd.num", "100"),
            ("fd.type", "pipe"),
            ("evt.rawres", "5"),
            ("evt.rawarg.size", "5")
        ]
    ),
    talk!(
        "read or written by a ring",
        "again",
        &[
            ("evt.type", "read"),
            ("fd.num", "100"),
            ("fd.type", "pipe"),
            ("evt.rawres", "6"),
            ("evt.rawarg.size", "6")
        ]
    ),
    // One request, two connections, and what another of the same number receives.
    talk!(
        "accepted by a ring",
        "accept",
        &[
            ("fd.type", "ipv4"),
            ("fd.rip", "127.0.0.1"),
            ("fd.lport", "6310"),
            ("fd.rport", "6311"),
            ("fd.is_server", "true")
        ]
    ),
    talk!(
        "accepted by a ring",
        "accept",
        &[
            ("fd.type", "ipv4"),
            ("fd.rip", "127.0.0.1"),
            ("fd.lport", "6310"),
            ("fd.rport", "6312"),
            ("fd.is_server", "true")
        ]
    ),
    talk!(
        "moved by a ring",
        "accept",
        &[
            ("evt.type", "recvfrom"),
            ("fd.num", "101"),
            ("fd.rport", "6311"),
            ("evt.rawres", "6")
        ]
    ),
    talk!(
        "read or written by a ring",
        "accept",
        &[
            ("evt.type", "write"),
            ("fd.num", "101"),
            ("evt.rawres", "8"),
        ]
    ),
    // Into the table of the ring.
    talk!(
        "accepted by a ring",
        "places",
        &[
            ("fd.type", "ipv4"),
            ("fd.rip", "127.0.0.1"),
            ("fd.lport", "6310"),
            ("fd.rport", "6313"),
            ("fd.is_server", "true"),
            ("fd.num", "1073741824")
        ]
    ),
    talk!(
        "accepted by a ring",
        "places",
        &[
            ("fd.type", "ipv4"),
            ("fd.rip", "127.0.0.1"),
            ("fd.lport", "6310"),
            ("fd.rport", "6314"),
            ("fd.is_server", "true"),
            ("fd.num", "1073741825")
        ]
    ),
    talk!(
        "accepted by a ring",
        "once",
        &[
            ("fd.type", "ipv4"),
            ("fd.rip", "127.0.0.1"),
            ("fd.lport", "6310"),
            ("fd.rport", "6315"),
            ("fd.is_server", "true"),
            ("fd.num", "1073741824")
        ]
    ),
    talk!(
        "bound",
        "serve",
        &[
            ("evt.type", "bind"),
            ("fd.num", "100"),
            ("fd.name", "127.0.0.1:6310"),
            ("fd.sport", "6310")
        ]
    ),
    talk!(
        "bound",
        "serve",
        &[
            ("evt.type", "listen"),
            ("fd.num", "100"),
            ("fd.sport", "6310"),
            ("evt.arg.backlog", "7")
        ]
    ),
    // A ring of 32 bits.
    talk!(
        "moved by a ring",
        "narrow",
        &[
            ("evt.type", "sendmsg"),
            ("fd.rport", "6310"),
            ("evt.rawres", "17"),
            ("evt.rawarg.size", "17")
        ]
    ),
    talk!(
        "moved by a ring",
        "narrow",
        &[
            ("evt.type", "recvmsg"),
            ("fd.name", "127.0.0.1:6310"),
            ("evt.rawres", "17"),
            ("evt.rawarg.size", "17")
        ]
    ),
    talk!(
        "read or written by a ring",
        "narrow",
        &[
            ("evt.type", "writev"),
            ("fd.name", "/dev/null"),
            ("evt.rawres", "17"),
            ("evt.rawarg.size", "17")
        ]
    ),
    // By a worker, behind another request, behind all others.
    talk!(
        "moved by a ring",
        "ways",
        &[
            ("evt.type", "sendto"),
            ("fd.num", "100"),
            ("evt.rawres", "21")
        ]
    ),
    talk!(
        "moved by a ring",
        "ways",
        &[
            ("evt.type", "sendto"),
            ("fd.num", "100"),
            ("evt.rawres", "22")
        ]
    ),
    talk!(
        "moved by a ring",
        "ways",
        &[
            ("evt.type", "sendto"),
            ("fd.num", "100"),
            ("evt.rawres", "23")
        ]
    ),
    // Success is not told.
    talk!(
        "moved by a ring",
        "quiet",
        &[
            ("evt.type", "sendto"),
            ("fd.num", "100"),
            ("evt.rawres", "0"),
            ("evt.rawarg.size", "31")
        ]
    ),
    talk!(
        "read or written by a ring",
        "quiet",
        &[
            ("evt.type", "write"),
            ("fd.num", "100"),
            ("evt.rawres", "0"),
            ("evt.rawarg.size", "32")
        ]
    ),
    talk!("moved by a call", "stay", &[("fd.rport", "6310")]),
];

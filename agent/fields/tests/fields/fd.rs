//! `fd.*` and `fs.path.*`: rules-spec D4, D6.

use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;

use crate::world::{CHILD, SHELL, World, connect, exec, openat, record, tcp};

const O_DIRECTORY: i64 = 0o200_000;
const LOCAL: ([u8; 4], u16) = ([10, 0, 0, 5], 5000);
const REMOTE: ([u8; 4], u16) = ([8, 8, 8, 8], 443);

fn close(ts_ns: u64, fd: i64) -> RecordBuilder {
    record(SAKER_EV_CLOSE, ts_ns, CHILD).num(SAKER_P_CLOSE_fd, fd)
}

#[test]
fn a_file() {
    let open = openat(5_000, CHILD, 3, "/etc/../etc/shadow", 0)
        .num(SAKER_P_OPENAT_dev, 0x0080_1305)
        .num(SAKER_P_OPENAT_ino, 77);
    World::new().expect(
        &open,
        &[
            ("fd.num", "3"),
            ("fd.name", "/etc/shadow"),
            ("fd.nameraw", "/etc/../etc/shadow"),
            ("fd.directory", "/etc"),
            ("fd.filename", "shadow"),
            ("fd.type", "file"),
            ("fd.typechar", "f"),
            ("fd.l4proto", "<NA>"),
            ("fd.sockfamily", "~"),
            ("fd.sip", "~"),
            ("fd.ip", ""),
            ("fd.port", ""),
            ("fd.net", ""),
            ("fd.connected", "false"),
            ("fd.is_server", "false"),
            ("fd.dev.major", "19"),
            ("fd.dev.minor", "2053"),
            ("fd.ino", "77"),
            ("fd.uid", "303"),
            ("fd.containername", "host:/etc/shadow"),
            ("fd.containerdirectory", "host:/etc"),
            ("fs.path.name", "/etc/shadow"),
            ("fs.path.nameraw", "/etc/../etc/shadow"),
        ],
    );
}

#[test]
fn a_file_behind_a_name() {
    let open = openat(5_000, CHILD, 3, "/tmp/link", 0).num(SAKER_P_OPENAT_dev, 0x800);
    let mut world = World::new();
    world.expect(&open, &[("fd.realpath", "~"), ("evt.via", "syscall")]);
    let reached = open.var(SAKER_P_OPENAT_real, b"/mnt/shadow");
    world.expect(
        &reached,
        &[("fd.name", "/tmp/link"), ("fd.realpath", "/mnt/shadow")],
    );
    // Through a mount of /etc at /mnt; then on a file system that the host does not have.
    let bound = reached
        .num(SAKER_P_OPENAT_mount_at, 4)
        .var(SAKER_P_OPENAT_mount_root, b"/etc");
    world.expect(
        &bound,
        &[("fd.name", "/tmp/link"), ("fd.realpath", "/etc/shadow")],
    );
    let elsewhere = bound.num(SAKER_P_OPENAT_dev, 0x999);
    world.expect(&elsewhere, &[("fd.realpath", "/mnt/shadow")]);
    // A mount that begins behind the path is damage.
    let damaged = elsewhere.num(SAKER_P_OPENAT_mount_at, 400);
    world.expect(&damaged, &[("fd.realpath", "/mnt/shadow")]);
}

/// A path too deep to be followed ends at its own mount: it names nothing but on the host.
#[test]
fn a_file_too_deep_behind_a_name() {
    let cut = |top: &[u8]| {
        openat(5_000, CHILD, 3, "/tmp/link", 0)
            .num(SAKER_P_OPENAT_dev, 0x800)
            .var_with_flags(SAKER_P_OPENAT_real, b"/shadow", SAKER_VF_TRUNCATED)
            .var(SAKER_P_OPENAT_mount_root, top)
    };
    let mut world = World::new();
    world.expect(
        &cut(b"/etc"),
        &[("fd.name", "/tmp/link"), ("fd.realpath", "/etc/shadow")],
    );
    let elsewhere = cut(b"/etc").num(SAKER_P_OPENAT_dev, 0x999);
    world.expect(&elsewhere, &[("fd.realpath", "~")]);
}

#[test]
fn a_directory() {
    World::new().expect(
        &openat(5_000, CHILD, 3, "/etc", O_DIRECTORY),
        &[
            ("fd.type", "directory"),
            ("fd.typechar", "d"),
            ("fd.directory", "/etc"),
            ("fd.filename", "~"),
        ],
    );
}

#[test]
fn a_failed_open_is_known_by_its_parameters() {
    World::new().expect(
        &openat(5_000, CHILD, -13, "../etc/shadow", 0),
        &[
            ("fd.num", "-1"),
            ("fd.name", "/etc/shadow"),
            ("fd.nameraw", "../etc/shadow"),
            ("fd.directory", "/etc"),
            ("fd.filename", "~"),
            ("fd.type", "~"),
            ("fd.typechar", "f"),
            ("fd.l4proto", "~"),
            ("fd.connected", "~"),
            ("fd.name_changed", "~"),
            ("fs.path.name", "~"),
        ],
    );
    let open = record(SAKER_EV_OPEN, 5_000, CHILD)
        .num(SAKER_P_OPEN_fd, -2)
        .var(SAKER_P_OPEN_name, b"/nowhere");
    World::new().expect(&open, &[("fd.typechar", "o"), ("fd.name", "/nowhere")]);
}

#[test]
fn closed_descriptors_are_there_for_the_rules() {
    let mut world = World::new();
    world.feed(&openat(5_000, CHILD, 3, "/etc/shadow", 0));
    world.expect(
        &close(6_000, 3),
        &[("fd.name", "/etc/shadow"), ("fd.num", "3")],
    );
    let fields = [
        ("fd.name", ""),
        ("fd.num", "3"),
        ("fd.type", "~"),
        ("fd.directory", "~"),
    ];
    world.expect(&close(7_000, 3), &fields);
}

#[test]
fn events_without_descriptor_have_no_fd_fields() {
    let fields = [
        ("fd.num", "~"),
        ("fd.name", "~"),
        ("fd.typechar", "~"),
        ("fd.types", "~"),
        ("fd.types[0]", "~"),
        ("fd.net", "~"),
    ];
    World::new().expect(&exec(CHILD, SHELL, 5_000, "x", &[]), &fields);
    World::new().expect(&record(SAKER_EV_UNLINK, 5_000, CHILD), &fields);
}

#[test]
fn a_client() {
    World::new().expect(
        &connect(5_000, -115, 4, &tcp(LOCAL, REMOTE)),
        &[
            ("fd.name", "10.0.0.5:5000->8.8.8.8:443"),
            ("fd.type", "ipv4"),
            ("fd.typechar", "4"),
            ("fd.l4proto", "tcp"),
            ("fd.sockfamily", "ip"),
            ("fd.cip", "10.0.0.5"),
            ("fd.cport", "5000"),
            ("fd.sip", "8.8.8.8"),
            ("fd.sport", "443"),
            ("fd.lip", "10.0.0.5"),
            ("fd.lport", "5000"),
            ("fd.rip", "8.8.8.8"),
            ("fd.rport", "443"),
            ("fd.ip", "10.0.0.5 8.8.8.8"),
            ("fd.port", "5000 443"),
            ("fd.net", "10.0.0.5 8.8.8.8"),
            ("fd.snet", "8.8.8.8"),
            ("fd.rnet", "8.8.8.8"),
            ("fd.connected", "true"),
            ("fd.name_changed", "true"),
            ("fd.is_server", "false"),
            ("fd.directory", "~"),
            ("fd.sip.name", "~"),
        ],
    );
}

#[test]
fn a_server_shows_the_client_first() {
    let accept = record(SAKER_EV_ACCEPT, 5_000, CHILD)
        .num(SAKER_P_ACCEPT_fd, 4)
        .tuple(SAKER_P_ACCEPT_tuple, &tcp(LOCAL, REMOTE));
    World::new().expect(
        &accept,
        &[
            ("fd.name", "8.8.8.8:443->10.0.0.5:5000"),
            ("fd.cip", "8.8.8.8"),
            ("fd.sip", "10.0.0.5"),
            ("fd.sport", "5000"),
            ("fd.lip", "10.0.0.5"),
            ("fd.lport", "5000"),
            ("fd.rip", "8.8.8.8"),
            ("fd.is_server", "true"),
        ],
    );
}

#[test]
fn a_listening_socket_has_one_end() {
    let bind = record(SAKER_EV_BIND, 5_000, CHILD)
        .num(SAKER_P_BIND_fd, 4)
        .tuple(SAKER_P_BIND_tuple, &tcp(LOCAL, ([0; 4], 0)));
    World::new().expect(
        &bind,
        &[
            ("fd.name", "10.0.0.5:5000"),
            ("fd.sip", "10.0.0.5"),
            ("fd.sport", "5000"),
            ("fd.cip", "~"),
            ("fd.lip", "~"),
            ("fd.lport", "~"),
            ("fd.rport", "~"),
            ("fd.ip", "10.0.0.5"),
            ("fd.net", "10.0.0.5"),
            ("fd.is_server", "true"),
            ("fd.connected", "false"),
        ],
    );
}

#[test]
fn fields_agree_on_the_address_of_a_socket_that_is_bound_to_a_port_alone() {
    const ANY: [u8; 4] = [0; 4];
    let udp = |local, remote| saker_tuple {
        proto: 17,
        type_: 2,
        ..tcp(local, remote)
    };
    let mut world = World::new();
    world.set_interfaces(&[[127, 0, 0, 1], LOCAL.0]);
    let bind = record(SAKER_EV_BIND, 5_000, CHILD)
        .num(SAKER_P_BIND_fd, 4)
        .tuple(SAKER_P_BIND_tuple, &udp((ANY, 5000), (ANY, 0)));
    world.expect(&bind, &[("fd.name", "0.0.0.0:5000"), ("fd.ip", "0.0.0.0")]);
    let send = record(SAKER_EV_SENDTO, 5_001, CHILD)
        .num(SAKER_P_SENDTO_fd, 4)
        .tuple_given(SAKER_P_SENDTO_tuple, &udp((ANY, 5000), REMOTE));
    world.expect(
        &send,
        &[
            ("fd.name", "8.8.8.8:443->10.0.0.5:5000"),
            ("fd.cip", "8.8.8.8"),
            ("fd.sip", "10.0.0.5"),
            ("fd.lip", "10.0.0.5"),
            ("fd.rip", "8.8.8.8"),
            ("fd.ip", "8.8.8.8 10.0.0.5"),
            ("fd.net", "8.8.8.8 10.0.0.5"),
            ("evt.arg.tuple", "10.0.0.5:5000->8.8.8.8:443"),
            ("fd.connected", "false"),
            ("fd.name_changed", "true"),
        ],
    );
}

#[test]
fn a_new_socket_has_no_role() {
    let socket = record(SAKER_EV_SOCKET, 5_000, CHILD)
        .num(SAKER_P_SOCKET_fd, 4)
        .num(SAKER_P_SOCKET_domain, 2)
        .num(SAKER_P_SOCKET_type, 1);
    World::new().expect(
        &socket,
        &[
            ("fd.type", "ipv4"),
            ("fd.l4proto", "<NA>"),
            ("fd.name", ""),
            ("fd.sip", "~"),
            ("fd.lport", "~"),
            ("fd.ip", ""),
            ("evt.arg.fd", "<4t>"),
        ],
    );
}

/// connect(2) with AF_UNSPEC: a rule on outbound connections asks for ends that are not unspecified.
#[test]
fn a_socket_that_was_disconnected_has_no_peer() {
    let mut world = World::new();
    world.set_interfaces(&[LOCAL.0]);
    world.feed(&connect(5_000, 0, 4, &tcp(LOCAL, REMOTE)));
    world.expect(
        &connect(5_001, 0, 4, &tcp(([0; 4], 0), ([0; 4], 0))),
        &[
            ("fd.name", ""),
            ("fd.name_changed", "true"),
            ("fd.connected", "false"),
            ("fd.sip", "~"),
            ("fd.rip", "~"),
            ("fd.ip", "0.0.0.0"),
            ("evt.arg.tuple", "0.0.0.0:0->0.0.0.0:0"),
        ],
    );
}

#[test]
fn the_kernel_tells_which_end_is_local_even_when_both_are() {
    let mut world = World::new();
    let id = "a1b2c3d4e5f6".repeat(6)[..64].to_owned();
    let inside = exec(CHILD, SHELL, 5_000, "sh", &[])
        .var(
            SAKER_P_EXECVE_cgroups,
            format!("cpu=/docker/{id}").as_bytes(),
        )
        .hdr(|hdr| hdr.cgroup_id = 5);
    world.feed(&inside);
    let loopback = tcp(([127, 0, 0, 1], 54346), ([127, 0, 0, 1], 45999));
    let call = connect(6_000, 0, 4, &loopback).hdr(|hdr| hdr.cgroup_id = 5);
    let fields = [
        ("fd.lport", "54346"),
        ("fd.rport", "45999"),
        ("fd.sip", "127.0.0.1"),
    ];
    world.expect(&call, &fields);
    World::new().expect(&call, &fields);
    let accept = record(SAKER_EV_ACCEPT, 7_000, CHILD)
        .num(SAKER_P_ACCEPT_fd, 5)
        .tuple(SAKER_P_ACCEPT_tuple, &loopback);
    let fields = [
        ("fd.name", "127.0.0.1:45999->127.0.0.1:54346"),
        ("fd.lport", "54346"),
        ("fd.rport", "45999"),
        ("fd.sport", "54346"),
        ("fd.sproto", "54346"),
        ("fd.rproto", "45999"),
        ("fd.proto", "45999 54346"),
    ];
    world.expect(&accept, &fields);
}

#[test]
fn duplicates_are_the_new_number() {
    let mut world = World::new();
    world.feed(&connect(5_000, 0, 4, &tcp(LOCAL, REMOTE)));
    let dup = record(SAKER_EV_DUP2, 6_000, CHILD)
        .num(SAKER_P_DUP2_res, 1)
        .num(SAKER_P_DUP2_oldfd, 4)
        .num(SAKER_P_DUP2_newfd, 1);
    world.expect(
        &dup,
        &[
            ("fd.num", "1"),
            ("fd.type", "ipv4"),
            ("fd.name", "10.0.0.5:5000->8.8.8.8:443"),
            ("evt.rawres", "1"),
        ],
    );
}

#[test]
fn all_kinds_of_open_descriptors() {
    let mut world = World::new();
    world.feed(&openat(5_000, CHILD, 0, "/dev/null", 0));
    world.feed(&openat(5_100, CHILD, 1, "/dev/null", 0));
    world.feed(&connect(5_200, 0, 2, &tcp(LOCAL, REMOTE)));
    let [types] = world.show(&close(6_000, 0), ["fd.types"]);
    let types = types.expect("an event about a descriptor");
    let mut types: Vec<_> = types.split(' ').collect();
    types.sort_unstable();
    assert_eq!(types, ["file", "ipv4"]);
    let fields = [
        ("fd.types[1]", "file"),
        ("fd.types[2]", "ipv4"),
        ("fd.types[9]", "~"),
    ];
    world.expect(&close(7_000, 1), &fields);
}

#[test]
fn memory_files_and_programs_of_the_kernel() {
    let memfd = record(SAKER_EV_MEMFD_CREATE, 5_000, CHILD)
        .num(SAKER_P_MEMFD_CREATE_fd, 3)
        .var(SAKER_P_MEMFD_CREATE_name, b"evil");
    World::new().expect(
        &memfd,
        &[
            ("fd.type", "memfd"),
            ("fd.typechar", "m"),
            ("fd.name", "evil"),
            ("fd.directory", "~"),
        ],
    );
}

#[test]
fn paths_of_what_succeeded() {
    let rename = record(SAKER_EV_RENAME, 5_000, CHILD)
        .var(SAKER_P_RENAME_oldpath, b"./old")
        .var(SAKER_P_RENAME_newpath, b"/tmp/new");
    let fields = [
        ("fs.path.name", "~"),
        ("fs.path.source", "/tmp/new"),
        ("fs.path.target", "/work/old"),
        ("fs.path.targetraw", "./old"),
    ];
    World::new().expect(&rename, &fields);
    let failed = rename.num(SAKER_P_RENAME_res, -1);
    World::new().expect(&failed, &[("fs.path.source", "~"), ("fs.path.target", "~")]);
    let mut world = World::new();
    world.feed(&openat(5_000, CHILD, 3, "tool", 0));
    let fchmod = record(SAKER_EV_FCHMOD, 6_000, CHILD).num(SAKER_P_FCHMOD_fd, 3);
    world.expect(&fchmod, &[("fs.path.name", "/work/tool")]);
    let unlink = record(SAKER_EV_UNLINKAT, 7_000, CHILD)
        .num(SAKER_P_UNLINKAT_dirfd, -100)
        .var(SAKER_P_UNLINKAT_name, b"x/./y");
    world.expect(
        &unlink,
        &[("fs.path.name", "/work/x/y"), ("fs.path.nameraw", "x/./y")],
    );
}

/// Of calls that made nothing the kind is guessed from the event (rules-spec D4).
#[test]
fn kinds_of_descriptors_that_were_not_made() {
    let guesses = [
        (SAKER_EV_OPENAT, "f"),
        (SAKER_EV_OPEN, "o"),
        (SAKER_EV_SOCKET, "4"),
        (SAKER_EV_EVENTFD, "e"),
        (SAKER_EV_EVENTFD2, "e"),
        (SAKER_EV_SIGNALFD, "s"),
        (SAKER_EV_SIGNALFD4, "s"),
        (SAKER_EV_TIMERFD_CREATE, "t"),
        (SAKER_EV_INOTIFY_INIT, "i"),
        (SAKER_EV_INOTIFY_INIT1, "i"),
        (SAKER_EV_EPOLL_CREATE1, "o"),
        (SAKER_EV_MEMFD_CREATE, "o"),
    ];
    for (event, kind) in guesses {
        // The descriptor is the first slot of all.
        let failed = record(event, 10_000, CHILD).num(0, -24);
        World::new().expect(&failed, &[("fd.typechar", kind), ("fd.num", "-1")]);
    }
}

//! Records of a small server over the state they make: what a worker would hand to the rules.
//!
//! Only events that leave the kernel for rules or state are in the mix, in the proportions of a
//! server that is looked at by all stock rules: two thirds opens, then connections, programs and
//! changes to files.

use saker_abi::raw::*;
use saker_abi::record::{Record, RecordBuilder};
use saker_fields::{EventView, FieldSchema, HostInfo, Scratch};
use saker_state::{Applied, Names, State, StateConfig};

const REGULAR: i64 = 0o100_000;
const DIRECTORY: i64 = 0o040_000;
const CHARACTERS: i64 = 0o020_000;
const CREATED: i64 = SAKER_FILE_CREATED as i64;
const O_WRONLY: i64 = 0o1;
const O_RDWR: i64 = 0o2;
const O_CREAT: i64 = 0o100;
const O_APPEND: i64 = 0o2_000;
const O_DIRECTORY: i64 = 0o200_000;
const ENOENT: i64 = -2;

const INIT: u32 = 1;
const SHELL: u32 = 12;
const NGINX: u32 = 21;
const PYTHON: u32 = 30;
const POSTGRES: u32 = 40;
const CONTAINED: u32 = 61;
const CONTAINER_CGROUP: u64 = 77;
const CONTAINER: &str =
    "cpu=/docker/a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2";

/// One kind of event: how many of it in a hundred or so, and its record.
type Entry = (usize, RecordBuilder);

/// A process: id, name, path, arguments.
type Started<'a> = (u32, &'a str, &'a str, &'a [&'a str]);

/// The records and the state after them.
pub struct Mix {
    state: State,
    schema: FieldSchema,
    names: Names,
    host: HostInfo,
    records: Vec<(Vec<u8>, Applied)>,
    /// Which record comes when.
    order: Vec<usize>,
}

impl std::fmt::Debug for Mix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mix")
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}

impl Default for Mix {
    fn default() -> Self {
        Self::new()
    }
}

impl Mix {
    /// Applies all records once.
    ///
    /// # Panics
    /// Never, unless a record of the mix is wrong.
    pub fn new() -> Self {
        let mut state = State::new(StateConfig::default()).expect("one partition");
        let partition = &mut state.partitions[0];
        for record in cast() {
            let bytes = record.build();
            let record = Record::parse(&bytes).expect("a record");
            partition.apply(&record);
            partition.settle(&record);
        }
        let (mut records, mut order) = (Vec::new(), Vec::new());
        for (weight, record) in entries() {
            let bytes = record.build();
            let applied = partition.apply(&Record::parse(&bytes).expect("a record"));
            order.extend(std::iter::repeat_n(records.len(), weight));
            records.push((bytes, applied));
        }
        // Spread out, the same way every time: a stride without common divisor.
        let len = order.len();
        let stride = (len / 3..)
            .find(|stride| gcd(*stride, len) == 1)
            .unwrap_or(1);
        let order = (0..len).map(|at| order[at * stride % len]).collect();
        Self {
            state,
            schema: FieldSchema::new(),
            names: Names::parse(
                "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/bin/sh\n",
                "root:x:0:\nwww-data:x:33:\n",
            ),
            host: HostInfo {
                hostname: "server".to_owned(),
                addresses: vec![[10, 0, 0, 5].into()],
                names: saker_fields::HostNames::default(),
                boot_to_epoch_ns: 1_700_000_000_000_000_000,
                ..HostInfo::default()
            },
            records,
            order,
        }
    }

    /// The vocabulary the rules must be compiled against.
    pub fn schema(&self) -> &FieldSchema {
        &self.schema
    }

    /// Number of events of one round.
    #[allow(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Shows every event of one round.
    ///
    /// # Panics
    /// Never: the records were parsed before.
    pub fn round(&self, scratch: &mut Scratch, mut show: impl FnMut(&EventView<'_>)) {
        for (num, &at) in (1..).zip(&self.order) {
            let (bytes, applied) = &self.records[at];
            let record = Record::parse(bytes).expect("a record");
            scratch.reset();
            let view = self.state.partitions[0].view(&record, applied);
            let (names, host) = (&self.names, &self.host);
            let event = EventView::new(record, view, names, host, &self.schema, num, scratch);
            show(&event);
        }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The processes, started before the mix.
fn cast() -> Vec<RecordBuilder> {
    let lines: [&[Started]; 5] = [
        &[
            (10, "sshd", "/usr/sbin/sshd", &["-D"]),
            (SHELL, "bash", "/usr/bin/bash", &["-l"]),
        ],
        &[
            (20, "nginx", "/usr/sbin/nginx", &["-g", "daemon off;"]),
            (NGINX, "nginx", "/usr/sbin/nginx", &["worker", "process"]),
        ],
        &[(
            PYTHON,
            "python3",
            "/usr/bin/python3.11",
            &["/srv/app/server.py", "--port", "8080"],
        )],
        &[(
            POSTGRES,
            "postgres",
            "/usr/lib/postgresql/15/bin/postgres",
            &["-D", "/var/lib/pg"],
        )],
        &[
            (
                60,
                "containerd-shim",
                "/usr/bin/containerd-shim-runc-v2",
                &["-namespace", "moby"],
            ),
            (CONTAINED, "node", "/usr/local/bin/node", &["/app/index.js"]),
        ],
    ];
    let mut records = vec![exec(
        INIT,
        0,
        100,
        "systemd",
        "/usr/lib/systemd/systemd",
        &[],
    )];
    let mut now = 1_000;
    for line in lines {
        let mut parent = INIT;
        for &(pid, comm, path, args) in line {
            records.push(fork(parent, pid, now));
            let mut record = exec(pid, parent, now + 100, comm, path, args);
            if pid == CONTAINED {
                record = record
                    .hdr(|hdr| hdr.cgroup_id = CONTAINER_CGROUP)
                    .var(SAKER_P_EXECVE_cgroups, CONTAINER.as_bytes());
            }
            records.push(record);
            (parent, now) = (pid, now + 1_000);
        }
    }
    records
}

fn entries() -> Vec<Entry> {
    let mut all = opens();
    all.extend(others());
    // Timestamps follow the order of the list, long after the cast has started.
    (0..)
        .zip(all)
        .map(|(at, (weight, record))| {
            (
                weight,
                record.hdr(|hdr| hdr.ts_ns = 60_000_000_000 + at * 10_000),
            )
        })
        .collect()
}

fn opens() -> Vec<Entry> {
    let libc = "/usr/lib/x86_64-linux-gnu/libc.so.6";
    let hwcaps = "/usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libm.so.6";
    let pyc = "/usr/lib/python3/dist-packages/requests/__pycache__/api.cpython-311.pyc";
    let app = "/app/node_modules/express/lib/router/index.js";
    vec![
        (6, open(SHELL, 100, "/etc/ld.so.cache", 0, REGULAR)),
        (8, open(SHELL, 101, libc, 0, REGULAR)),
        (4, open(PYTHON, 102, "/proc/meminfo", 0, REGULAR)),
        (4, open(PYTHON, 103, "/proc/21/stat", 0, REGULAR)),
        (
            8,
            open(NGINX, 104, "/srv/www/static/css/site.css", 0, REGULAR),
        ),
        (3, open(POSTGRES, 105, "/etc/hosts", 0, REGULAR)),
        (
            2,
            open(PYTHON, 106, "/usr/share/zoneinfo/Etc/UTC", 0, REGULAR),
        ),
        (2, open(SHELL, 107, "/home/user/notes.txt", 0, REGULAR)),
        (4, open(PYTHON, 108, pyc, 0, REGULAR)),
        (2, open(PYTHON, 109, "config.json", 0, REGULAR)),
        (6, open(SHELL, ENOENT, hwcaps, 0, 0)),
        (3, open(PYTHON, ENOENT, "/etc/ld.so.preload", 0, 0)),
        (
            3,
            open(PYTHON, 110, "/srv/app/templates", O_DIRECTORY, DIRECTORY),
        ),
        (
            3,
            open(
                NGINX,
                111,
                "/var/log/nginx/access.log",
                O_WRONLY | O_APPEND,
                REGULAR,
            ),
        ),
        (
            3,
            open(
                PYTHON,
                112,
                "/tmp/session-4711",
                O_RDWR | O_CREAT,
                REGULAR | CREATED,
            ),
        ),
        (
            3,
            open(SHELL, 113, "/dev/null", O_WRONLY | O_CREAT, CHARACTERS),
        ),
        (2, open(POSTGRES, 114, "base/5/2619", O_RDWR, REGULAR)),
        (4, open(CONTAINED, 115, app, 0, REGULAR)),
    ]
}

fn others() -> Vec<Entry> {
    let local = |port| ([10, 0, 0, 5], port);
    let database = tcp(local(40_000), ([10, 0, 0, 8], 5432));
    let outside = tcp(local(40_001), ([93, 184, 216, 34], 443));
    let client = tcp(local(443), ([203, 0, 113, 9], 51_234));
    let pair = |event, a, b| move |pid| plain(event, pid).num(a, 0).var(b, b"/tmp/session-4711");
    let unlink = pair(SAKER_EV_UNLINK, SAKER_P_UNLINK_res, SAKER_P_UNLINK_path);
    let mkdir = pair(SAKER_EV_MKDIR, SAKER_P_MKDIR_res, SAKER_P_MKDIR_path);
    let listing = exec(
        SHELL + 1,
        SHELL,
        0,
        "ls",
        "/usr/bin/ls",
        &["-l", "/srv/www"],
    );
    let script = exec(
        PYTHON + 1,
        PYTHON,
        0,
        "sh",
        "/usr/bin/dash",
        &["-c", "uptime | logger"],
    );
    vec![
        (3, connect(PYTHON, 200, &database)),
        (2, connect(NGINX, 201, &outside)),
        (2, connect(CONTAINED, 202, &database)),
        (3, accept(NGINX, 203, &client)),
        (2, socket(PYTHON, 204, 2)),
        (2, fork(SHELL, SHELL + 1, 0)),
        (1, fork(PYTHON, PYTHON + 1, 0)),
        (2, listing),
        (1, script),
        (
            2,
            plain(SAKER_EV_FCNTL, SHELL)
                .num(SAKER_P_FCNTL_res, 100)
                .num(SAKER_P_FCNTL_fd, 100),
        ),
        (
            2,
            plain(SAKER_EV_DUP2, SHELL)
                .num(SAKER_P_DUP2_res, 300)
                .num(SAKER_P_DUP2_oldfd, 113)
                .num(SAKER_P_DUP2_newfd, 300)
                .num(SAKER_P_DUP2_facts, CHARACTERS),
        ),
        (2, unlink(PYTHON)),
        (1, mkdir(PYTHON)),
        (
            1,
            plain(SAKER_EV_RENAME, POSTGRES)
                .var(
                    SAKER_P_RENAME_oldpath,
                    b"/var/lib/pg/pg_stat_tmp/global.tmp",
                )
                .var(
                    SAKER_P_RENAME_newpath,
                    b"/var/lib/pg/pg_stat_tmp/global.stat",
                ),
        ),
        (
            1,
            plain(SAKER_EV_CHMOD, PYTHON)
                .num(SAKER_P_CHMOD_mode, 0o644)
                .var(SAKER_P_CHMOD_filename, b"/srv/app/upload.bin"),
        ),
        (
            1,
            plain(SAKER_EV_KILL, SHELL)
                .num(SAKER_P_KILL_pid, 30)
                .num(SAKER_P_KILL_sig, 15),
        ),
        (
            1,
            plain(SAKER_EV_PRCTL, PYTHON).num(SAKER_P_PRCTL_option, 4),
        ),
        (
            1,
            plain(SAKER_EV_CHDIR, SHELL).var(SAKER_P_CHDIR_path, b"/srv"),
        ),
        (1, plain(SAKER_EV_SETUID, 10).num(SAKER_P_SETUID_uid, 33)),
    ]
}

fn plain(event: u32, pid: u32) -> RecordBuilder {
    RecordBuilder::new(event, 0, pid, pid)
}

fn open(pid: u32, fd: i64, name: &str, flags: i64, facts: i64) -> RecordBuilder {
    plain(SAKER_EV_OPENAT, pid)
        .num(SAKER_P_OPENAT_fd, fd)
        .num(SAKER_P_OPENAT_dirfd, -100)
        .num(SAKER_P_OPENAT_flags, flags)
        .num(SAKER_P_OPENAT_facts, facts)
        .var(SAKER_P_OPENAT_name, name.as_bytes())
}

/// The same id in several parameters.
fn same(record: RecordBuilder, params: &[u32], id: u32) -> RecordBuilder {
    let set = |record: RecordBuilder, &param: &u32| record.num(param, id.into());
    params.iter().fold(record, set)
}

fn exec(pid: u32, parent: u32, ts_ns: u64, comm: &str, path: &str, args: &[&str]) -> RecordBuilder {
    let args: String = args.iter().map(|arg| format!("{arg}\0")).collect();
    let own = [
        SAKER_P_EXECVE_tid,
        SAKER_P_EXECVE_pid,
        SAKER_P_EXECVE_vpid,
        SAKER_P_EXECVE_vtid,
        SAKER_P_EXECVE_pgid,
        SAKER_P_EXECVE_vpgid,
        SAKER_P_EXECVE_sid,
    ];
    same(
        RecordBuilder::new(SAKER_EV_EXECVE, ts_ns, pid, pid),
        &own,
        pid,
    )
    .num(SAKER_P_EXECVE_ptid, parent.into())
    .num(SAKER_P_EXECVE_loginuid, u32::MAX.into())
    .var(SAKER_P_EXECVE_exe, path.as_bytes())
    .var(SAKER_P_EXECVE_args, args.as_bytes())
    .var(SAKER_P_EXECVE_comm, comm.as_bytes())
    .var(SAKER_P_EXECVE_cwd, b"/srv/app")
    .var(SAKER_P_EXECVE_trusted_exepath, path.as_bytes())
    .var(SAKER_P_EXECVE_filename, path.as_bytes())
    .var(SAKER_P_EXECVE_cgroups, b"cpu=/system.slice")
}

fn fork(parent: u32, child: u32, ts_ns: u64) -> RecordBuilder {
    let of_parent = [
        SAKER_P_CLONE_tid,
        SAKER_P_CLONE_pid,
        SAKER_P_CLONE_parent_tid,
        SAKER_P_CLONE_parent_pid,
        SAKER_P_CLONE_sid,
    ];
    let of_child = [
        SAKER_P_CLONE_res,
        SAKER_P_CLONE_child_tid,
        SAKER_P_CLONE_child_pid,
        SAKER_P_CLONE_vtid,
        SAKER_P_CLONE_vpid,
        SAKER_P_CLONE_pgid,
    ];
    let record = RecordBuilder::new(SAKER_EV_CLONE, ts_ns, parent, parent)
        .num(SAKER_P_CLONE_child_start_ns, ts_ns as i64);
    same(same(record, &of_parent, parent), &of_child, child)
}

fn tcp(local: ([u8; 4], u16), remote: ([u8; 4], u16)) -> saker_tuple {
    let mut tuple = saker_tuple::default_zero();
    (tuple.family, tuple.proto, tuple.type_) = (2, 6, 1);
    tuple.local_addr[..4].copy_from_slice(&local.0);
    tuple.remote_addr[..4].copy_from_slice(&remote.0);
    (tuple.local_port, tuple.remote_port) = (local.1, remote.1);
    tuple
}

fn socket(pid: u32, fd: i64, domain: i64) -> RecordBuilder {
    plain(SAKER_EV_SOCKET, pid)
        .num(SAKER_P_SOCKET_fd, fd)
        .num(SAKER_P_SOCKET_domain, domain)
        .num(SAKER_P_SOCKET_type, 1)
}

fn connect(pid: u32, fd: i64, tuple: &saker_tuple) -> RecordBuilder {
    plain(SAKER_EV_CONNECT, pid)
        .num(SAKER_P_CONNECT_res, 0)
        .num(SAKER_P_CONNECT_fd, fd)
        .tuple(SAKER_P_CONNECT_tuple, tuple)
}

fn accept(pid: u32, fd: i64, tuple: &saker_tuple) -> RecordBuilder {
    plain(SAKER_EV_ACCEPT4, pid)
        .num(SAKER_P_ACCEPT4_fd, fd)
        .tuple(SAKER_P_ACCEPT4_tuple, tuple)
}

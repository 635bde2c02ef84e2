//! Stock rules over records by hand: the rules that fire, and the values of their fields, are those
//! of the reference alerts.

use std::sync::Arc;

use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_engine::compiler::{RuleSet, Selection, compile};
use saker_engine::loader::{Loader, LoaderOptions};
use saker_engine::matcher::{Matcher, Matching};
use saker_fields::FieldSchema;
use serde_json::Value as Json;

use crate::compat::compat_dir;
use crate::world::{World, exec, fork, openat, record, shown, tcp};

/// The ancestors all actions of the reference have, oldest first.
const LINE: [&str; 7] = [
    "memfd:sealed-91",
    "bash",
    "bash",
    "bash",
    "detect.sh",
    "python3",
    "lab_untrusted",
];

/// The process that acts; those of [`LINE`] come before.
const ACTOR: u32 = 200;

const RUNNER: [&str; 2] = [
    "/opt/lab/triggers/run_triggers.py",
    "/opt/lab/bench/raw/detect-stock.triggers.json",
];

const CONTAINER: &str =
    "cpu=/docker/a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2";
const CONTAINER_CGROUP: u64 = 77;

/// Values that depend on the run.
const VARIES: [&str; 3] = ["evt.time", "container.start_ts", "proc.exe_ino."];

/// Where Falco has the value of a field: it takes the far end for the near one when both are on the machine.
fn theirs(field: &str) -> &str {
    match field {
        "fd.lport" => "fd.rport",
        "fd.rport" => "fd.lport",
        other => other,
    }
}

struct Stage {
    world: World,
    rules: Arc<RuleSet>,
    reference: Json,
}

impl Stage {
    /// The actor is forked by the last of `line` and has not called exec yet.
    fn new(line: &[&str]) -> Self {
        let read = |file: &str| {
            let path = compat_dir().join(file);
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let schema = FieldSchema::new();
        let mut loader = Loader::new(LoaderOptions::default());
        loader.add_file("falco_rules.yaml", &read("falco-rules/falco_rules.yaml"));
        let outcome = loader.finish(&schema);
        let errors: Vec<_> = outcome.errors().collect();
        assert!(errors.is_empty(), "{errors:?}");
        let rules = compile(&outcome, &schema, &Selection::default()).expect("stock rules");
        let reference = read("falco-alerts/reference.json");
        let reference = serde_json::from_slice(&reference).expect("JSON");
        let mut stage = Self {
            world: World::empty(),
            rules: Arc::new(rules),
            reference,
        };
        stage.raise(line);
        stage
    }

    fn raise(&mut self, line: &[&str]) {
        let first = ACTOR - line.len() as u32;
        for (at, comm) in (0_u32..).zip(line) {
            let (pid, ts_ns) = (first + at, u64::from(at) * 1_000 + 1_000);
            let args: &[&str] = if *comm == "python3" { &RUNNER } else { &[] };
            if at > 0 {
                self.world.feed(&fork(pid - 1, pid, ts_ns));
            }
            self.world.feed(&exec(pid, 0, ts_ns + 500, comm, args));
        }
        self.world.feed(&fork(ACTOR - 1, ACTOR, 50_000));
    }

    /// Feeds `record` and compares what fires with case `name` of the reference.
    #[track_caller]
    fn fires(&mut self, name: &str, record: &RecordBuilder) {
        let case = self.reference.as_array().expect("a list").iter();
        let case = case
            .clone()
            .find(|case| case["name"] == name)
            .expect("a case")
            .clone();
        let wanted = case["alerts_stable_rules"].as_array().expect("alerts");
        let mut names: Vec<_> = wanted
            .iter()
            .filter_map(|alert| alert["rule"].as_str())
            .collect();
        // The same action may fire twice, as with dup2 on two descriptors.
        names.dedup();
        let mut matcher = Matcher::new(Arc::clone(&self.rules));
        self.world.event(record, |event, schema| {
            let mut fired = Vec::new();
            matcher.matches(event, Matching::First, &mut |rule| {
                fired.push(rule.name.clone())
            });
            assert_eq!(fired, names, "{name}");
            let fields = wanted[0]["output_fields"].as_object().expect("fields");
            for field in fields.keys() {
                let wanted = &fields[theirs(field)];
                if VARIES.iter().any(|varies| field.starts_with(varies)) {
                    continue;
                }
                let wanted = match wanted {
                    Json::Null => None,
                    Json::String(text) => Some(text.clone()),
                    other => Some(other.to_string()),
                };
                assert_eq!(shown(event, schema, field), wanted, "{name}: {field}");
            }
        });
    }

    #[track_caller]
    fn silent(&mut self, record: &RecordBuilder) {
        let mut matcher = Matcher::new(Arc::clone(&self.rules));
        self.world.event(record, |event, _| {
            matcher.matches(event, Matching::All, &mut |rule| {
                panic!("{} fired", rule.name)
            });
        });
    }
}

/// The actor becomes `exepath`, called `comm`.
fn program(ts_ns: u64, exepath: &str, comm: &str, args: &[&str]) -> RecordBuilder {
    exec(ACTOR, ACTOR - 1, ts_ns, comm, args)
        .var(SAKER_P_EXECVE_exe, exepath.as_bytes())
        .var(SAKER_P_EXECVE_trusted_exepath, exepath.as_bytes())
        .var(SAKER_P_EXECVE_cwd, b"/opt/lab/triggers")
        .num(SAKER_P_EXECVE_flags, SAKER_EXE_WRITABLE.into())
}

fn untrusted(args: &[&str]) -> RecordBuilder {
    program(60_000, "/tmp/lab/lab_untrusted", "lab_untrusted", args)
}

fn in_container(record: RecordBuilder) -> RecordBuilder {
    record
        .hdr(|hdr| hdr.cgroup_id = CONTAINER_CGROUP)
        .var(SAKER_P_EXECVE_cgroups, CONTAINER.as_bytes())
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_sensitive_files_read() {
    let shadow = |fd| openat(70_000, ACTOR, fd, "/etc/shadow", 0);
    let mut stage = Stage::new(&LINE[..6]);
    stage.silent(&program(60_000, "/usr/bin/cat", "cat", &["/etc/shadow"]));
    stage.fires("shadow_cat", &shadow(3));
    stage.silent(&shadow(-13));

    let mut stage = Stage::new(&LINE[..6]);
    stage.silent(&untrusted(&["readfile", "/etc/shadow"]));
    stage.fires("shadow_untrusted_openat", &shadow(3));

    let mut stage = Stage::new(&LINE[..6]);
    stage.silent(&untrusted(&["openrel", "/etc", "shadow"]));
    stage.silent(&openat(65_000, ACTOR, 3, "/etc", 0o200_000));
    let relative = openat(70_000, ACTOR, 4, "shadow", 0).num(SAKER_P_OPENAT_dirfd, 3);
    stage.fires("shadow_untrusted_dirfd", &relative);

    let mut stage = Stage::new(&LINE[..6]);
    stage.silent(&program(
        60_000,
        "/tmp/lab/nginx",
        "nginx",
        &["lateread", "/etc/shadow"],
    ));
    let late = openat(10_000_000_000, ACTOR, 3, "/etc/shadow", 0);
    stage.fires("trusted_after_startup", &late);
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_programs_started() {
    let mut line = LINE[..6].to_vec();
    line.push("httpd");
    let mut stage = Stage::new(&line);
    let httpd = exec(
        ACTOR - 1,
        0,
        45_000,
        "httpd",
        &["spawn", "/bin/bash", "-c", "id > /dev/null; true"],
    )
    .var(SAKER_P_EXECVE_exe, b"/tmp/lab/httpd")
    .var(SAKER_P_EXECVE_trusted_exepath, b"/tmp/lab/httpd");
    stage.world.feed(&httpd);
    stage.world.feed(&fork(ACTOR - 1, ACTOR, 55_000));
    let bash = program(
        60_000,
        "/usr/bin/bash",
        "bash",
        &["-c", "id > /dev/null; true"],
    );
    stage.fires("shell_from_httpd", &bash);

    let mut stage = Stage::new(&LINE[..6]);
    let args = ["-r", "BEGIN RSA PRIVATE", "/tmp/lab"];
    stage.fires(
        "grep_private_key",
        &program(60_000, "/usr/bin/grep", "grep", &args),
    );

    let mut stage = Stage::new(&LINE[..6]);
    let memfd = program(60_000, "memfd:evil", "memfd:evil", &["x"])
        .num(
            SAKER_P_EXECVE_flags,
            (SAKER_EXE_WRITABLE | SAKER_EXE_FROM_MEMFD).into(),
        )
        .num(SAKER_P_EXECVE_sid, (ACTOR - 4).into());
    let leader =
        exec(ACTOR - 4, 0, 49_000, "bash", &[]).num(SAKER_P_EXECVE_sid, (ACTOR - 4).into());
    stage.world.feed(&leader);
    stage.fires("memfd_exec", &memfd);

    let mut stage = Stage::new(&LINE[..6]);
    let nc = program(60_000, "/tmp/lab/nc", "nc", &["spawn", "/bin/true", "-e"]);
    stage
        .world
        .feed(&exec(ACTOR - 1, 0, 45_000, "lab_untrusted", &[]));
    stage.fires("ctr_netcat_e", &in_container(nc));
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_links_logs_and_ptrace() {
    let mut stage = Stage::new(&LINE[..6]);
    let args = ["-sf", "/etc/shadow", "/tmp/lab/sl_shadow"];
    stage.silent(&program(60_000, "/usr/bin/ln", "ln", &args));
    let symlink = record(SAKER_EV_SYMLINKAT, 70_000, ACTOR)
        .num(SAKER_P_SYMLINKAT_linkdirfd, -100)
        .var(SAKER_P_SYMLINKAT_target, b"/etc/shadow")
        .var(SAKER_P_SYMLINKAT_linkpath, b"/tmp/lab/sl_shadow");
    stage.fires("symlink_shadow", &symlink);

    let mut line = LINE[..6].to_vec();
    line.push("sh");
    let mut stage = Stage::new(&line);
    stage.silent(&program(
        60_000,
        "/usr/bin/ln",
        "ln",
        &["/etc/shadow", "/tmp/lab/hl_shadow"],
    ));
    let link = record(SAKER_EV_LINKAT, 70_000, ACTOR)
        .num(SAKER_P_LINKAT_olddir, -100)
        .num(SAKER_P_LINKAT_newdir, -100)
        .var(SAKER_P_LINKAT_oldpath, b"/etc/shadow")
        .var(SAKER_P_LINKAT_newpath, b"/tmp/lab/hl_shadow");
    stage.fires("hardlink_shadow", &link);

    let mut stage = Stage::new(&LINE[..6]);
    stage.silent(&untrusted(&["truncfile", "/tmp/lab/mysqld.log"]));
    stage.fires(
        "clear_log",
        &openat(70_000, ACTOR, 3, "/tmp/lab/mysqld.log", 0o1001),
    );

    let mut stage = Stage::new(&LINE[..6]);
    stage.silent(&untrusted(&["attach"]));
    let attach = record(SAKER_EV_PTRACE, 70_000, ACTOR).num(SAKER_P_PTRACE_request, 16);
    stage.fires("ptrace_attach", &attach);
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_sockets_in_containers() {
    let mut stage = Stage::new(&LINE);
    stage.silent(&in_container(untrusted(&["packet"])));
    let inside =
        |event: u32, ts_ns| record(event, ts_ns, ACTOR).hdr(|hdr| hdr.cgroup_id = CONTAINER_CGROUP);
    let socket = inside(SAKER_EV_SOCKET, 70_000)
        .num(SAKER_P_SOCKET_fd, 3)
        .num(SAKER_P_SOCKET_domain, 17)
        .num(SAKER_P_SOCKET_type, 3)
        .num(SAKER_P_SOCKET_proto, 768);
    stage.fires("ctr_packet_socket", &socket);

    let mut line = LINE[..6].to_vec();
    line.extend(["sh", "lab_untrusted"]);
    let mut stage = Stage::new(&line);
    stage.silent(&in_container(untrusted(&["dupsock", "127.0.0.1", "45999"])));
    let connect = inside(SAKER_EV_CONNECT, 70_000)
        .num(SAKER_P_CONNECT_fd, 3)
        .tuple(
            SAKER_P_CONNECT_tuple,
            &tcp(([127, 0, 0, 1], 54346), ([127, 0, 0, 1], 45999)),
        );
    stage.silent(&connect);
    let dup = inside(SAKER_EV_DUP2, 80_000)
        .num(SAKER_P_DUP2_res, 0)
        .num(SAKER_P_DUP2_oldfd, 3)
        .num(SAKER_P_DUP2_newfd, 0);
    stage.fires("ctr_dup_socket", &dup);
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_programs_from_unusual_places() {
    let mut line = LINE[..6].to_vec();
    line.push("sh");
    let mut stage = Stage::new(&line);
    let script = "cp /bin/true /dev/shm/lab_true; /dev/shm/lab_true arg1; rm -f /dev/shm/lab_true";
    stage
        .world
        .feed(&exec(ACTOR - 1, 0, 45_000, "sh", &["-c", script]));
    let dropped = program(60_000, "/dev/shm/lab_true", "lab_true", &["arg1"]);
    stage.fires("exec_dev_shm", &dropped);

    let mut line = LINE[..6].to_vec();
    line.push("systemd");
    let mut stage = Stage::new(&line);
    let shell = program(60_000, "/usr/bin/bash", "bash", &["-c", "true"])
        .num(SAKER_P_EXECVE_tty, 34_816)
        .num(SAKER_P_EXECVE_vpid, 5);
    stage.fires("ctr_tty_shell", &in_container(shell));

    let mut line = LINE[..6].to_vec();
    line.extend(["sh", "lab_untrusted"]);
    let mut stage = Stage::new(&line);
    let leader = ACTOR - 6;
    stage
        .world
        .feed(&exec(leader, 0, 48_000, "bash", &[]).num(SAKER_P_EXECVE_sid, leader.into()));
    let flags = SAKER_EXE_WRITABLE | SAKER_EXE_UPPER_LAYER;
    let dropped = program(60_000, "/tmp/lab/ov/m/dropped", "dropped", &["x"])
        .num(SAKER_P_EXECVE_flags, flags.into())
        .num(SAKER_P_EXECVE_sid, leader.into())
        .var(SAKER_P_EXECVE_cwd, b"/tmp/lab/ov");
    stage.fires("ctr_drop_exec", &in_container(dropped));
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_all_stock_rules_compile() {
    let schema = FieldSchema::new();
    let mut loader = Loader::new(LoaderOptions::default());
    for file in [
        "falco_rules.yaml",
        "falco-incubating_rules.yaml",
        "falco-sandbox_rules.yaml",
    ] {
        let path = compat_dir().join("falco-rules").join(file);
        let bytes = std::fs::read(&path);
        let bytes = bytes.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        loader.add_file(file, &bytes);
    }
    let outcome = loader.finish(&schema);
    let errors: Vec<_> = outcome.errors().collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(outcome.rules.len(), 93);
    compile(&outcome, &schema, &Selection::default()).expect("all rules compile");
}

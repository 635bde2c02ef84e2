//! Needs of single rules.

mod host;
mod suffice;

use super::*;
use crate::rules::tests::compiled;

fn needs(condition: &str, output: &str) -> Needs {
    needs_of(&format!(
        "- rule: R\n  desc: d\n  condition: {condition}\n  output: \"{output}\"\n  priority: INFO\n"
    ))
}

fn needs_of(text: &str) -> Needs {
    let schema = FieldSchema::new();
    Needs::of(&compiled(text, &schema), &schema)
}

fn wants(needs: &Needs, event: u32) -> bool {
    needs.events.contains(event as u16)
}

#[test]
fn data_leave_the_kernel_only_for_rules_that_look_at_them() {
    assert!(!needs("evt.type=recvfrom and fd.sport=53", "x %fd.name").data);
    assert!(needs("evt.type=recvfrom and evt.buffer contains abc", "x").data);
    assert!(needs("evt.type=write and evt.arg.data contains abc", "x").data);
    assert!(needs("evt.type=write", "x %evt.arg[1]").data);
    assert!(needs("evt.type=write", "x %evt.args").data);
    assert!(!needs("evt.type=openat", "x %evt.args").data);
    assert!(!needs("evt.type=openat and evt.buffer contains abc", "x").data);
}

#[test]
fn conditions_on_all_parameters_look_at_data_and_descriptors() {
    for field in ["evt.args", "evt.info"] {
        let sends = needs(&format!("evt.type=write and {field} contains abc"), "x");
        assert!(sends.data && wants(&sends, SAKER_EV_OPENAT), "{field}");
        let opens = needs(&format!("evt.type=openat and {field} contains abc"), "x");
        assert!(!opens.data && wants(&opens, SAKER_EV_OPENAT2), "{field}");
        let kills = needs(&format!("evt.type=kill and {field} contains abc"), "x");
        assert!(!kills.data && !wants(&kills, SAKER_EV_OPENAT), "{field}");
    }
}

#[test]
fn rules_on_fcntl_get_all_of_it() {
    let asked = needs("evt.type=fcntl and evt.arg.cmd=F_SETFL", "x");
    assert!(asked.events.has_every_fcntl());
    // For the table of descriptors alone.
    let kept = needs("evt.type=read and fd.name=/x", "x");
    assert!(wants(&kept, SAKER_EV_FCNTL) && !kept.events.has_every_fcntl());
}

#[test]
fn paths_after_a_directory_need_the_opens() {
    for event in ["renameat", "renameat2", "linkat"] {
        for field in [
            "fs.path.target",
            "evt.abspath.src",
            "evt.arg.oldpath",
            "evt.arg[2]",
        ] {
            let needs = needs(
                &format!("evt.type={event} and {field} startswith /etc"),
                "x",
            );
            let place = format!("{event} {field}");
            assert!(wants(&needs, SAKER_EV_OPENAT), "{place}");
            assert!(!wants(&needs, SAKER_EV_PIPE2), "{place}");
        }
        let raw = needs(
            &format!("evt.type={event}"),
            "x %evt.rawarg.oldpath %evt.res",
        );
        assert!(!wants(&raw, SAKER_EV_OPENAT), "{event}");
    }
}

/// fchdir goes where a descriptor leads, and what it leads to the open before has told.
#[test]
fn paths_after_the_working_directory_need_the_opens() {
    for condition in [
        "evt.type=rename and evt.arg.oldpath startswith /etc",
        "evt.type=open and fd.name startswith /etc",
        "evt.type=unlink and fs.path.name startswith /etc",
        "evt.type=kill and proc.cwd startswith /etc",
    ] {
        let needs = needs(condition, "x");
        assert!(wants(&needs, SAKER_EV_OPENAT), "{condition}");
        assert!(wants(&needs, SAKER_EV_OPEN_BY_HANDLE_AT), "{condition}");
        assert!(!wants(&needs, SAKER_EV_PIPE2), "{condition}");
    }
    let programs = needs("evt.type=execve and proc.cwd=/tmp/", "x %evt.args");
    assert!(!wants(&programs, SAKER_EV_OPENAT), "an exec tells it");
}

#[test]
fn counts_of_descriptors_need_what_makes_and_what_closes_them() {
    for field in ["proc.fdopencount", "proc.fdusage"] {
        let counts = needs(&format!("evt.type=kill and {field} > 100"), "x");
        for event in [
            SAKER_EV_CLOSE,
            SAKER_EV_OPENAT,
            SAKER_EV_SOCKET,
            SAKER_EV_DUP2,
        ] {
            assert!(wants(&counts, event), "{field}");
        }
        assert!(wants(
            &needs("evt.type=kill", &format!("x %{field}")),
            SAKER_EV_CLOSE
        ));
    }
    let kinds = needs("evt.type=write and fd.types intersects (ipv4)", "x");
    assert!(wants(&kinds, SAKER_EV_CLOSE));
}

#[test]
fn capabilities_come_with_user_namespaces() {
    for field in [
        "thread.cap_effective",
        "thread.cap_permitted",
        "thread.cap_inheritable",
    ] {
        let needs = needs(&format!("evt.type=kill and {field} contains CAP"), "x");
        assert!(wants(&needs, SAKER_EV_UNSHARE) && wants(&needs, SAKER_EV_SETNS));
    }
    assert!(!wants(&needs("evt.type=kill", "x"), SAKER_EV_UNSHARE));
}

/// Nobody looks at the events that are recorded for the state alone.
#[test]
fn what_state_alone_depends_on_needs_nothing() {
    let fchdirs = needs("evt.type=kill and fd.name=/etc", "x %evt.args");
    assert_eq!(
        fchdirs.events.iter().count(),
        EventSet::state().iter().count() + 1
    );
}

#[test]
fn fields_that_ask_the_descriptors_table_follow_it() {
    for condition in [
        "evt.type=write and evt.buflen > 9",
        "evt.type=write and evt.is_syslog = true",
        "evt.type=write and evt.category = file",
        "evt.type=write and evt.count.error.net = 1",
        "evt.type=write and evt.arg.fd contains /etc",
        "evt.type=write and evt.arg[2] contains /etc",
        "evt.type=finit_module and evt.arg.fd contains /tmp",
        "evt.type=sendfile and evt.buflen > 9",
        "evt.type=getsockopt and fd.sport = 53",
        "evt.type=dup2 and fd.type = memfd",
        "evt.type=close and fd.type = ipv4",
        "evt.type=newfstatat and fd.name=/etc/passwd",
    ] {
        let needs = needs(condition, "x");
        assert!(wants(&needs, SAKER_EV_OPENAT), "{condition}");
        assert!(wants(&needs, SAKER_EV_PIPE2), "{condition}");
    }
    for condition in [
        "evt.type=unlink and evt.category = file",
        "evt.type=kill and evt.category = process and evt.buflen > 9",
        "evt.type=connect and evt.count.error.net = 1",
        "evt.type=write and evt.count.error = 1",
        "evt.type=write and evt.is_io_write = true",
        "evt.type=write and evt.rawarg.fd = 3",
        "evt.type=sendto and evt.arg.fd contains 53",
    ] {
        let needs = needs(condition, "x");
        assert!(!wants(&needs, SAKER_EV_OPENAT), "{condition}");
        assert!(!wants(&needs, SAKER_EV_PIPE2), "{condition}");
    }
    let pipes = needs("evt.type=pipe and evt.args contains abc", "x");
    assert!(!wants(&pipes, SAKER_EV_OPENAT));
}

#[test]
fn outputs_ask_for_their_own_events_alone() {
    let rules = "\
- rule: A
  desc: d
  condition: evt.type=write
  output: x
  priority: INFO
- rule: B
  desc: d
  condition: evt.type=kill
  output: x %fd.name %evt.args
  priority: INFO
";
    let needs = needs_of(rules);
    assert!(wants(&needs, SAKER_EV_WRITE_CALL) && !needs.data);
    assert!(!wants(&needs, SAKER_EV_OPENAT));
}

#[test]
fn descriptors_are_followed_only_for_events_that_do_not_tell() {
    let sends = needs("evt.type=sendto and fd.sport=53", "x");
    assert!(wants(&sends, SAKER_EV_BIND), "who is bound serves");
    assert!(wants(&sends, SAKER_EV_ACCEPT4), "and who has accepted");
    assert!(!wants(&sends, SAKER_EV_RECVMSG) && !wants(&sends, SAKER_EV_OPENAT));
    let receives = needs("evt.type=recvfrom and fd.sport=53", "x");
    assert!(
        wants(&receives, SAKER_EV_SENDMSG),
        "who has sent before is the client"
    );
    let connects = needs("evt.type=connect and fd.sport=53", "x");
    assert!(wants(&connects, SAKER_EV_SOCKET), "of those that fail");
    assert!(!wants(&connects, SAKER_EV_SENDTO));
    let changes = needs("evt.type=connect and fd.name_changed=true", "x");
    assert!(wants(&changes, SAKER_EV_SENDTO) && wants(&changes, SAKER_EV_RECVMSG));
    let connected = needs("evt.type=write and fd.connected=true", "x");
    assert!(
        wants(&connected, SAKER_EV_GETSOCKOPT),
        "it tells how a connect has ended"
    );
    let accepts = needs("evt.type=accept and fd.sport=22", "x");
    assert!(
        !wants(&accepts, SAKER_EV_SOCKET),
        "the kernel tells both ends"
    );
    let writes = needs("evt.type=write and fd.name=/etc/passwd", "x");
    assert!(wants(&writes, SAKER_EV_OPENAT) && wants(&writes, SAKER_EV_RECVMSG));
    assert!(wants(&writes, SAKER_EV_PIPE2) && wants(&writes, SAKER_EV_CLOSE_RANGE));
    assert!(!wants(&writes, SAKER_EV_READ_CALL) && !wants(&writes, SAKER_EV_CLOSE));
    let unlinks = needs("evt.type=unlinkat", "x %fs.path.name");
    assert!(wants(&unlinks, SAKER_EV_OPENAT) && !wants(&unlinks, SAKER_EV_PIPE));
    let polls = needs("evt.type=poll and fdlist.names contains /dev/input", "x");
    assert!(wants(&polls, SAKER_EV_OPENAT) && wants(&polls, SAKER_EV_PIPE2));
    assert!(!wants(&needs("evt.type=poll", "x"), SAKER_EV_PIPE2));
    let opens = needs("evt.type=openat and fd.name=/etc/shadow", "x");
    assert!(!wants(&opens, SAKER_EV_PIPE2));
    let bare = needs("evt.type=openat and proc.name=cat", "x");
    assert!(!wants(&bare, SAKER_EV_OPEN_BY_HANDLE_AT));
    assert!(wants(&bare.by_any_name(), SAKER_EV_OPEN_BY_HANDLE_AT));
    let bare = needs("evt.type=write and proc.name=cat", "x");
    assert!(!wants(&bare, SAKER_EV_OPENAT));
    let shell = needs("evt.type=execve and proc.stdin.type=ipv4", "x");
    assert!(wants(&shell, SAKER_EV_SOCKET) && wants(&shell, SAKER_EV_CONNECT));
    assert!(wants(&shell, SAKER_EV_DUP2) && wants(&shell, SAKER_EV_OPENAT));
}

//! A host in a bottle: one partition, a schema, and records by hand.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::ControlFlow;
use std::sync::Arc;

use saker_abi::raw::*;
use saker_abi::record::{Record, RecordBuilder};
use saker_engine::compiler::{Selection, compile};
use saker_engine::loader::{Loader, LoaderOptions};
use saker_engine::output::RenderOptions;
use saker_engine::schema::{Arity, Event, IntFormat, Resolved, Schema};
use saker_engine::value::{Value, ValueType};
use saker_fields::{Clock, EventView, FieldSchema, HostInfo, HostNames, Mounts, Scratch};
use saker_state::scan::Scanned;
use saker_state::{Absent, Address, Container, Interfaces, Names, State, StateConfig};

/// The host began so long after the epoch.
pub(crate) const BOOT_NS: u64 = 1_700_000_000_000_000_000;

/// Process ids of the cast: init, a shell with session and group of its own, and a child of it.
pub(crate) const INIT: u32 = 1;
pub(crate) const SHELL: u32 = 20;
pub(crate) const CHILD: u32 = 30;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/bin/sh\n";
const GROUP: &str = "root:x:0:\nwww-data:x:33:\n";

/// The host's file system is device 800h; another one is at /data.
const MOUNTS: &[u8] = b"\
22 1 8:0 / / rw - ext4 /dev/sda rw\n\
23 22 8:16 / /data rw - ext4 /dev/sdb rw\n";

pub(crate) struct World {
    state: State,
    schema: FieldSchema,
    names: Names,
    host: HostInfo,
    pub(crate) scratch: Scratch,
    num: u64,
}

impl World {
    pub(crate) fn empty() -> Self {
        let statics = [("env".to_owned(), "prod".to_owned())].into();
        Self {
            state: State::new(StateConfig::default()).expect("one partition"),
            schema: FieldSchema::with_static_fields(&statics),
            names: Names::parse(PASSWD, GROUP),
            host: HostInfo {
                hostname: "box".to_owned(),
                addresses: vec![IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5))],
                names: HostNames::default(),
                boot_to_epoch_ns: BOOT_NS,
                mounts: Arc::new(Mounts::parse(MOUNTS)),
                clock: Clock::default(),
                capture_start_ns: 50,
                ..HostInfo::default()
            },
            scratch: Scratch::new(),
            num: 0,
        }
    }

    /// With the cast on stage: init, its child sh, and sh's child cat.
    pub(crate) fn new() -> Self {
        let mut world = Self::empty();
        world.feed(&exec(INIT, 0, 100, "systemd", &["--system"]));
        world.feed(&fork(INIT, SHELL, 1_000));
        world.feed(&exec(SHELL, INIT, 2_000, "sh", &["-c", "cat /etc/shadow"]));
        world.feed(&fork(SHELL, CHILD, 3_000));
        world.feed(&exec(CHILD, SHELL, 4_000, "cat", &["/etc/shadow", "-n"]));
        world
    }

    /// Runs `look` over one event.
    pub(crate) fn event<R>(
        &mut self,
        record: &RecordBuilder,
        look: impl FnOnce(&dyn Event, &FieldSchema) -> R,
    ) -> R {
        self.view(record, |event, schema| look(event, schema))
    }

    /// The host has these addresses, each in a network of its own.
    pub(crate) fn set_interfaces(&mut self, addresses: &[[u8; 4]]) {
        let addresses = addresses.iter().map(|&ip| Address {
            ip: ip.into(),
            prefix: 32,
        });
        self.state.shared.set_interfaces(Interfaces::new(addresses));
    }

    /// What a look at the host found before the first event.
    pub(crate) fn adopt(&mut self, found: impl IntoIterator<Item = Scanned>) {
        let partition = &mut self.state.partitions[0];
        partition.adopt(found);
        partition.link_adopted();
    }

    /// What is known of the names in rules.
    pub(crate) fn set_host_names(&mut self, names: HostNames) {
        self.host.names = names;
    }

    /// The container that process `tgid` lives in.
    pub(crate) fn container(&self, tgid: u32) -> Arc<Container> {
        let process = self.state.partitions[0].process(tgid).expect("known");
        process.cgroup.container.clone().expect("a container")
    }

    /// Times are spelled like this from now on.
    pub(crate) fn set_clock(&mut self, clock: Clock) {
        self.host.clock = clock;
    }

    /// What a rule with this output says of one event: the text, and its fields.
    pub(crate) fn output(
        &mut self,
        record: &RecordBuilder,
        output: &str,
    ) -> (String, Vec<(String, serde_json::Value)>) {
        let mut loader = Loader::new(LoaderOptions::default());
        let rule = format!(
            "- rule: r\n  desc: d\n  condition: evt.num>0\n  output: \"{output}\"\n  priority: info\n"
        );
        loader.add_file("r.yaml", rule.as_bytes());
        let outcome = loader.finish(&self.schema);
        let rules = compile(&outcome, &self.schema, &Selection::default()).expect("compiles");
        let format = &rules.rules()[0].output;
        self.event(record, |event, _| {
            let (mut text, options) = (String::new(), RenderOptions::default());
            format.render(event, options, &mut text);
            (text, format.fields(event, options))
        })
    }

    /// Why a field of one event has no value.
    pub(crate) fn why_absent(&mut self, record: &RecordBuilder, field: &str) -> Option<Absent> {
        self.view(record, |event, schema| {
            event.why_absent(resolve(schema, field).field)
        })
    }

    fn view<R>(
        &mut self,
        record: &RecordBuilder,
        look: impl FnOnce(&EventView<'_>, &FieldSchema) -> R,
    ) -> R {
        let bytes = record.build();
        let record = Record::parse(&bytes).expect("a record");
        let partition = &mut self.state.partitions[0];
        let applied = partition.apply(&record);
        self.num += 1;
        self.scratch.reset();
        let view = partition.view(&record, &applied);
        let event = EventView::new(
            record,
            view,
            &self.names,
            &self.host,
            &self.schema,
            self.num,
            &self.scratch,
        );
        let result = look(&event, &self.schema);
        self.state.partitions[0].settle(&record);
        result
    }

    pub(crate) fn feed(&mut self, record: &RecordBuilder) {
        self.event(record, |_, _| ());
    }

    /// Fields of one event as text; absent ones are `None`.
    pub(crate) fn show<const N: usize>(
        &mut self,
        record: &RecordBuilder,
        fields: [&str; N],
    ) -> [Option<String>; N] {
        self.event(record, |event, schema| {
            fields.map(|field| shown(event, schema, field))
        })
    }

    /// Fields of one event, each with the text it must have; `~` means absent.
    #[track_caller]
    pub(crate) fn expect(&mut self, record: &RecordBuilder, fields: &[(&str, &str)]) {
        let found: Vec<_> = self.event(record, |event, schema| {
            fields
                .iter()
                .map(|(field, _)| shown(event, schema, field))
                .collect()
        });
        for ((field, wanted), found) in fields.iter().zip(found) {
            assert_eq!(found.as_deref().unwrap_or("~"), *wanted, "{field}");
        }
    }
}

/// `name[arg]` looked up as the loader does it.
pub(crate) fn resolve(schema: &FieldSchema, field: &str) -> Resolved {
    let (name, arg) = match field
        .strip_suffix(']')
        .and_then(|rest| rest.split_once('['))
    {
        Some((name, arg)) => (name, Some(arg)),
        None => (field, None),
    };
    schema
        .resolve(name, arg)
        .unwrap_or_else(|error| panic!("{field}: {error:?}"))
}

/// The field's value or values, joined by spaces.
pub(crate) fn shown(event: &dyn Event, schema: &FieldSchema, field: &str) -> Option<String> {
    let resolved = resolve(schema, field);
    if resolved.arity == Arity::One {
        return event
            .get(resolved.field)
            .map(|value| text(value, &resolved));
    }
    let mut values = Vec::new();
    let present = event.each(resolved.field, &mut |value| {
        values.push(text(value, &resolved));
        ControlFlow::Continue(())
    });
    present.then(|| values.join(" "))
}

fn text(value: Value<'_>, resolved: &Resolved) -> String {
    check_type(value, resolved.ty);
    match (value, resolved.int_format) {
        (Value::Uint(n), IntFormat::Hex) => format!("{n:X}"),
        (Value::Uint(n), IntFormat::Octal) => format!("0{n:o}"),
        (Value::Uint(n), IntFormat::Decimal) => n.to_string(),
        (Value::Int(n), _) => n.to_string(),
        (Value::Bool(b), _) => b.to_string(),
        (Value::Bytes(bytes), _) => String::from_utf8_lossy(bytes).into_owned(),
        (Value::Ip(ip), _) => ip.to_string(),
        (Value::Double(x), _) => format!("{x:.1}"),
    }
}

/// The value must be of the kind its declared type promises.
pub(crate) fn check_type(value: Value<'_>, ty: ValueType) {
    let fits = match value {
        Value::Int(_) => matches!(ty, ValueType::Int | ValueType::RelTime),
        Value::Uint(_) => matches!(ty, ValueType::Uint | ValueType::Port | ValueType::AbsTime),
        Value::Bool(_) => ty == ValueType::Bool,
        Value::Bytes(_) => matches!(ty, ValueType::Str | ValueType::Bytes),
        Value::Ip(_) => matches!(ty, ValueType::Ip | ValueType::Net),
        Value::Double(_) => ty == ValueType::Double,
    };
    assert!(fits, "{value:?} for {ty:?}");
}

/// A record of thread `tgid` of process `tgid`.
pub(crate) fn record(event: u32, ts_ns: u64, tgid: u32) -> RecordBuilder {
    RecordBuilder::new(event, ts_ns, tgid, tgid)
}

/// A successful exec of `/usr/bin/COMM` by process `tgid`, working directory `/work`.
pub(crate) fn exec(tgid: u32, ppid: u32, ts_ns: u64, comm: &str, args: &[&str]) -> RecordBuilder {
    let sid = if tgid == INIT { INIT } else { SHELL };
    let args: String = args.iter().map(|arg| format!("{arg}\0")).collect();
    record(SAKER_EV_EXECVE, ts_ns, tgid)
        .num(SAKER_P_EXECVE_tid, tgid.into())
        .num(SAKER_P_EXECVE_pid, tgid.into())
        .num(SAKER_P_EXECVE_ptid, ppid.into())
        .num(SAKER_P_EXECVE_vpid, tgid.into())
        .num(SAKER_P_EXECVE_vtid, tgid.into())
        .num(SAKER_P_EXECVE_pgid, SHELL.into())
        .num(SAKER_P_EXECVE_vpgid, SHELL.into())
        .num(SAKER_P_EXECVE_sid, sid.into())
        .num(SAKER_P_EXECVE_loginuid, u32::MAX.into())
        .var(SAKER_P_EXECVE_exe, comm.as_bytes())
        .var(SAKER_P_EXECVE_args, args.as_bytes())
        .var(SAKER_P_EXECVE_comm, comm.as_bytes())
        .var(SAKER_P_EXECVE_cwd, b"/work")
        .var(
            SAKER_P_EXECVE_trusted_exepath,
            format!("/usr/bin/{comm}").as_bytes(),
        )
        .var(
            SAKER_P_EXECVE_filename,
            format!("/usr/bin/{comm}").as_bytes(),
        )
        .var(SAKER_P_EXECVE_cgroups, b"cpu=/user.slice")
}

/// The parent's record of a fork.
pub(crate) fn fork(parent: u32, child: u32, ts_ns: u64) -> RecordBuilder {
    record(SAKER_EV_CLONE, ts_ns, parent)
        .num(SAKER_P_CLONE_res, child.into())
        .num(SAKER_P_CLONE_tid, parent.into())
        .num(SAKER_P_CLONE_pid, parent.into())
        .num(SAKER_P_CLONE_child_tid, child.into())
        .num(SAKER_P_CLONE_child_pid, child.into())
        .num(SAKER_P_CLONE_parent_tid, parent.into())
        .num(SAKER_P_CLONE_parent_pid, parent.into())
        .num(SAKER_P_CLONE_child_start_ns, ts_ns as i64)
        .num(SAKER_P_CLONE_vtid, parent.into())
        .num(SAKER_P_CLONE_vpid, parent.into())
        .num(SAKER_P_CLONE_pgid, SHELL.into())
        .num(SAKER_P_CLONE_sid, SHELL.into())
}

/// openat(2) relative to the working directory.
pub(crate) fn openat(ts_ns: u64, tgid: u32, fd: i64, name: &str, flags: i64) -> RecordBuilder {
    record(SAKER_EV_OPENAT, ts_ns, tgid)
        .num(SAKER_P_OPENAT_fd, fd)
        .num(SAKER_P_OPENAT_dirfd, -100)
        .num(SAKER_P_OPENAT_flags, flags)
        .var(SAKER_P_OPENAT_name, name.as_bytes())
}

/// Both ends of a TCP connection over IPv4.
pub(crate) fn tcp(local: ([u8; 4], u16), remote: ([u8; 4], u16)) -> saker_tuple {
    let mut tuple = saker_tuple::default_zero();
    (tuple.family, tuple.proto, tuple.type_) = (2, 6, 1);
    tuple.local_addr[..4].copy_from_slice(&local.0);
    tuple.remote_addr[..4].copy_from_slice(&remote.0);
    (tuple.local_port, tuple.remote_port) = (local.1, remote.1);
    tuple
}

/// connect(2) on descriptor `fd`.
pub(crate) fn connect(ts_ns: u64, res: i64, fd: i64, tuple: &saker_tuple) -> RecordBuilder {
    record(SAKER_EV_CONNECT, ts_ns, CHILD)
        .num(SAKER_P_CONNECT_res, res)
        .num(SAKER_P_CONNECT_fd, fd)
        .tuple(SAKER_P_CONNECT_tuple, tuple)
}

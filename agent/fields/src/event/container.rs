//! `container.*` and `k8s.*`.
//!
//! A process of the host has well-defined values (rules-spec F9). Of containers the agent knows
//! the id and the start; what only a container engine can tell is absent, as it is in Falco for the
//! first events of a container.

use saker_engine::schema::ArgKind::Key;
use saker_engine::value::Value;
use saker_engine::value::ValueType::*;
use saker_state::HOST;

use super::EventView;
use crate::field::{Field, KeyKind, text};

/// Text that is empty for the host and absent for containers.
const fn of_engine(name: &'static str, description: &'static str) -> Field {
    Field::new(
        name,
        Str,
        |e, _| e.on_host()?.then_some(Value::Bytes(b"")),
        description,
    )
}

/// Whether something holds that holds for no process of the host; absent for containers.
const fn not_on_host(name: &'static str, description: &'static str) -> Field {
    Field::new(
        name,
        Bool,
        |e, _| e.on_host()?.then_some(Value::Bool(false)),
        description,
    )
}

/// The host is called `host`; for containers absent.
const fn named(name: &'static str, description: &'static str) -> Field {
    Field::new(
        name,
        Str,
        |e, _| e.on_host()?.then_some(Value::Bytes(HOST.as_bytes())),
        description,
    )
}

const fn absent(name: &'static str, description: &'static str) -> Field {
    Field::new(name, Str, |_, _| None, description)
}

const NO_MOUNTS: &str = "A mount of the container by number or path; absent without metadata.";

const DEPRECATED: &str = "Deprecated: always absent.";

pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "container.id",
        Str,
        |e, _| text(e.process()?.container.as_bytes()),
        "First 12 digits of the container's id, or host.",
    )
    .cost(1),
    named(
        "container.full_id",
        "Full id, or host; absent without metadata.",
    ),
    named("container.name", "Name, or host; absent without metadata."),
    named(
        "container.type",
        "Engine of the container, or host; absent without metadata.",
    ),
    of_engine(
        "container.image",
        "Image with tag; absent without metadata.",
    ),
    of_engine(
        "container.image.id",
        "Id of the image; absent without metadata.",
    ),
    of_engine(
        "container.image.repository",
        "Image without tag; absent without metadata.",
    ),
    of_engine(
        "container.image.tag",
        "Tag of the image; absent without metadata.",
    ),
    of_engine(
        "container.image.digest",
        "Digest of the image; absent without metadata.",
    ),
    not_on_host(
        "container.privileged",
        "Runs privileged; absent without metadata.",
    ),
    not_on_host(
        "container.host_pid",
        "Shares the host's pids; absent without metadata.",
    ),
    not_on_host(
        "container.host_network",
        "Shares the host's network; absent without metadata.",
    ),
    not_on_host(
        "container.host_ipc",
        "Shares the host's IPC; absent without metadata.",
    ),
    of_engine("container.mounts", "All mounts; absent without metadata."),
    absent("container.mount", NO_MOUNTS).arg(Key, KeyKind::Text),
    absent("container.mount.source", NO_MOUNTS).arg(Key, KeyKind::Text),
    absent("container.mount.dest", NO_MOUNTS).arg(Key, KeyKind::Text),
    absent("container.mount.mode", NO_MOUNTS).arg(Key, KeyKind::Text),
    absent("container.mount.rdwr", NO_MOUNTS).arg(Key, KeyKind::Text),
    absent("container.mount.propagation", NO_MOUNTS).arg(Key, KeyKind::Text),
    absent(
        "container.label",
        "A label of the container; absent without metadata.",
    )
    .arg(Key, KeyKind::Text),
    Field::new(
        "container.start_ts",
        AbsTime,
        |e, _| {
            let began_ns = e.process()?.pidns_start_ns;
            (began_ns != 0).then(|| Value::Uint(e.since_epoch(began_ns)))
        },
        "When the init of the pid namespace began, nanoseconds since the epoch.",
    ),
    Field::new(
        "container.duration",
        RelTime,
        |e, _| {
            let began_ns = Some(e.process()?.pidns_start_ns).filter(|&ns| ns != 0)?;
            Some(Value::Int(
                e.record().hdr().ts_ns.saturating_sub(began_ns) as i64
            ))
        },
        "Nanoseconds since the init of the pid namespace began.",
    ),
    of_engine(
        "container.ip",
        "Address of the container; absent without metadata.",
    ),
    of_engine(
        "container.cni.json",
        "Result of the network plugin; absent without metadata.",
    ),
    of_engine(
        "container.labels",
        "Labels of the container; absent without metadata.",
    ),
    absent("container.healthcheck", DEPRECATED),
    absent("container.liveness_probe", DEPRECATED),
    absent("container.readiness_probe", DEPRECATED),
    absent(
        "k8s.ns.name",
        "Namespace of the pod; absent without metadata.",
    ),
    absent("k8s.pod.name", "Name of the pod; absent without metadata."),
    absent("k8s.pod.id", "Id of the pod; absent without metadata."),
    absent("k8s.pod.uid", "Id of the pod; absent without metadata."),
    absent(
        "k8s.pod.sandbox_id",
        "Short id of the pod's sandbox; absent without metadata.",
    ),
    absent(
        "k8s.pod.full_sandbox_id",
        "Id of the pod's sandbox; absent without metadata.",
    ),
    absent(
        "k8s.pod.labels",
        "Labels of the pod; absent without metadata.",
    ),
    absent(
        "k8s.pod.label",
        "A label of the pod; absent without metadata.",
    )
    .arg(Key, KeyKind::Text),
    absent("k8s.pod.ip", "Address of the pod; absent without metadata."),
    absent(
        "k8s.pod.cni.json",
        "Result of the network plugin; absent without metadata.",
    ),
];

impl EventView<'_> {
    fn on_host(&self) -> Option<bool> {
        self.process().map(|process| !process.in_container())
    }
}

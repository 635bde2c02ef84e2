//! `container.*` and `k8s.*`.
//!
//! A process of the host has well-defined values (rules-spec F9). Of containers the agent knows what
//! their cgroup tells; what only a container engine can tell is absent, as it is in Falco for the first
//! events of a container.

use saker_engine::schema::ArgKind::{Key, OptionalKey};
use saker_engine::value::Value;
use saker_engine::value::ValueType::*;
use saker_state::{Absent, HOST, Identity, Metadata, Pod};

use super::EventView;
use crate::field::{Arg, Field, GetOne, KeyKind, Presence, text};

/// A text by the engine, empty for the host.
const fn of_engine(name: &'static str, get: GetOne, description: &'static str) -> Field {
    Field::new(name, Str, get, description)
}

/// What no engine is asked for yet.
const fn not_asked(name: &'static str, description: &'static str) -> Field {
    of_engine(name, |e, _| e.of_host(b""), description)
}

/// Whether something holds that holds for no process of the host.
const fn not_on_host(name: &'static str, get: GetOne, description: &'static str) -> Field {
    Field::new(name, Bool, get, description)
}

/// Part of a mount or a label: hosts have none, containers only with metadata.
const fn keyed(name: &'static str, get: GetOne, description: &'static str) -> Field {
    Field::new(name, Str, get, description)
        .arg(Key, KeyKind::Text)
        .on(Presence::Contained)
}

const fn nothing<'e>(_: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    None
}

const fn of_identity(name: &'static str, get: GetOne, description: &'static str) -> Field {
    Field::new(name, Str, get, description).on(Presence::Process)
}

const fn deprecated(name: &'static str) -> Field {
    const TEXT: &str = "Deprecated: always absent.";
    Field::new(name, Str, nothing, TEXT).on(Presence::Never)
}

/// With an argument that is ignored.
const fn deprecated_label(name: &'static str) -> Field {
    deprecated(name).arg(OptionalKey, KeyKind::Text)
}

/// Of a pod, from its engine.
const fn pod_metadata(name: &'static str, get: GetOne, description: &'static str) -> Field {
    Field::new(name, Str, get, description).on(Presence::Pod)
}

const NO_MOUNTS: &str = "A mount of the container by number or path; absent without metadata.";

pub(super) const FIELDS: &[Field] = &[
    of_identity(
        "container.id",
        |e, _| text(e.process()?.cgroup.container_id().as_bytes()),
        "First 12 digits of the container's id, its name where it has none, or host.",
    )
    .cost(1),
    of_identity(
        "container.full_id",
        |e, _| e.identity(|container| &container.full_id),
        "The container's full id, or host.",
    ),
    of_identity(
        "container.type",
        |e, _| e.identity(|container| container.engine.name()),
        "Engine as the container's cgroup tells it (docker, podman, cri-o, containerd, ...), or host.",
    ),
    Field::new(
        "container.name",
        Str,
        |e, _| e.said(HOST, |it| &it.name),
        "Name, or host; absent without metadata.",
    ),
    of_engine(
        "container.image",
        |e, _| e.said("", |it| &it.image.full),
        "Image with tag; absent without metadata.",
    ),
    of_engine(
        "container.image.id",
        |e, _| e.said("", |it| &it.image.id),
        "Id of the image; absent without metadata.",
    ),
    of_engine(
        "container.image.repository",
        |e, _| e.said("", |it| &it.image.repository),
        "Image without tag; absent without metadata.",
    ),
    of_engine(
        "container.image.tag",
        |e, _| e.said("", |it| &it.image.tag),
        "Tag of the image; absent without metadata.",
    ),
    of_engine(
        "container.image.digest",
        |e, _| e.said("", |it| &it.image.digest),
        "Digest of the image; absent without metadata.",
    ),
    not_on_host(
        "container.privileged",
        |e, _| e.holds(|it| it.privileged),
        "Runs privileged; absent without metadata.",
    ),
    not_on_host(
        "container.host_pid",
        |e, _| e.holds(|it| it.host_pid),
        "Shares the host's pids; absent without metadata.",
    ),
    not_on_host(
        "container.host_network",
        |e, _| e.holds(|it| it.host_network),
        "Shares the host's network; absent without metadata.",
    ),
    not_on_host(
        "container.host_ipc",
        |e, _| e.holds(|it| it.host_ipc),
        "Shares the host's IPC; absent without metadata.",
    ),
    not_asked("container.mounts", "All mounts; absent without metadata."),
    keyed("container.mount", nothing, NO_MOUNTS),
    keyed("container.mount.source", nothing, NO_MOUNTS),
    keyed("container.mount.dest", nothing, NO_MOUNTS),
    keyed("container.mount.mode", nothing, NO_MOUNTS),
    keyed("container.mount.rdwr", nothing, NO_MOUNTS),
    keyed("container.mount.propagation", nothing, NO_MOUNTS),
    keyed(
        "container.label",
        |e, arg| e.label(arg),
        "A label of the container; absent without metadata.",
    ),
    Field::new(
        "container.start_ts",
        AbsTime,
        |e, _| {
            let began_ns = e.process()?.pidns_start_ns;
            (began_ns != 0).then(|| Value::Uint(e.since_epoch(began_ns)))
        },
        "When the init of the pid namespace began, nanoseconds since the epoch.",
    )
    .on(Presence::Known),
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
    )
    .on(Presence::Known),
    of_engine(
        "container.ip",
        |e, _| e.said("", |it| &it.ip),
        "Address of the container; absent without metadata.",
    ),
    not_asked(
        "container.cni.json",
        "Result of the network plugin; absent without metadata.",
    ),
    not_asked(
        "container.labels",
        "Labels of the container; absent without metadata.",
    ),
    deprecated("container.healthcheck"),
    deprecated("container.liveness_probe"),
    deprecated("container.readiness_probe"),
    Field::new(
        "k8s.pod.uid",
        Str,
        |e, _| e.pod(|pod| &pod.uid),
        "Id of the pod.",
    ),
    Field::new(
        "k8s.pod.id",
        Str,
        |e, _| e.pod(|pod| &pod.uid),
        "The same as k8s.pod.uid.",
    ),
    Field::new(
        "k8s.pod.qos",
        Str,
        |e, _| e.pod(|pod| pod.qos.name()),
        "Quality of service of the pod: guaranteed, burstable or besteffort (Saker's own).",
    ),
    pod_metadata(
        "k8s.ns.name",
        |e, _| e.of_pod(|it| &it.pod_namespace),
        "Namespace of the pod; absent without metadata.",
    ),
    pod_metadata(
        "k8s.pod.name",
        |e, _| e.of_pod(|it| &it.pod_name),
        "Name of the pod; absent without metadata.",
    ),
    pod_metadata(
        "k8s.pod.sandbox_id",
        nothing,
        "Short id of the pod's sandbox; absent without metadata.",
    ),
    pod_metadata(
        "k8s.pod.full_sandbox_id",
        nothing,
        "Id of the pod's sandbox; absent without metadata.",
    ),
    pod_metadata(
        "k8s.pod.labels",
        nothing,
        "Labels of the pod; absent without metadata.",
    ),
    pod_metadata(
        "k8s.pod.label",
        nothing,
        "A label of the pod; absent without metadata.",
    )
    .arg(Key, KeyKind::Text),
    pod_metadata(
        "k8s.pod.ip",
        nothing,
        "Address of the pod; absent without metadata.",
    ),
    pod_metadata(
        "k8s.pod.cni.json",
        nothing,
        "Result of the network plugin; absent without metadata.",
    ),
    deprecated("k8s.deployment.id"),
    deprecated("k8s.deployment.name"),
    deprecated_label("k8s.deployment.label"),
    deprecated("k8s.deployment.labels"),
    deprecated("k8s.ns.id"),
    deprecated_label("k8s.ns.label"),
    deprecated("k8s.ns.labels"),
    deprecated("k8s.rc.id"),
    deprecated("k8s.rc.name"),
    deprecated_label("k8s.rc.label"),
    deprecated("k8s.rc.labels"),
    deprecated("k8s.rs.id"),
    deprecated("k8s.rs.name"),
    deprecated_label("k8s.rs.label"),
    deprecated("k8s.rs.labels"),
    deprecated("k8s.svc.id"),
    deprecated("k8s.svc.name"),
    deprecated_label("k8s.svc.label"),
    deprecated("k8s.svc.labels"),
];

impl<'a> EventView<'a> {
    fn on_host(&self) -> Option<bool> {
        self.process().map(|process| !process.in_container())
    }

    fn of_host(&self, text: &'static [u8]) -> Option<Value<'a>> {
        self.on_host()?.then_some(Value::Bytes(text))
    }

    /// What the engine says of the event's container.
    pub(super) fn metadata(&self) -> Option<&'a Result<Metadata, Absent>> {
        let container = self.process()?.cgroup.container.as_ref()?;
        Some(self.scratch.metadata(|| container.metadata.found()))
    }

    fn said(&self, host: &'static str, part: fn(&Metadata) -> &str) -> Option<Value<'a>> {
        match self.metadata() {
            Some(found) => text(part(found.as_ref().ok()?).as_bytes()),
            None => self.of_host(host.as_bytes()),
        }
    }

    fn holds(&self, part: fn(&Metadata) -> Option<bool>) -> Option<Value<'a>> {
        let holds = match self.metadata() {
            Some(found) => part(found.as_ref().ok()?)?,
            None => !self.on_host()?,
        };
        Some(Value::Bool(holds))
    }

    fn of_pod(&self, part: fn(&Metadata) -> &str) -> Option<Value<'a>> {
        let said = part(self.metadata()?.as_ref().ok()?);
        text(said.as_bytes()).filter(|_| !said.is_empty())
    }

    fn label(&self, arg: Arg) -> Option<Value<'a>> {
        let wanted = self.schema.key(arg)?;
        let labels = &self.metadata()?.as_ref().ok()?.labels;
        let (_, value) = labels.iter().find(|(key, _)| key.as_bytes() == wanted)?;
        text(value.as_bytes())
    }

    fn identity(&self, part: fn(&Identity) -> &str) -> Option<Value<'a>> {
        let container = self.process()?.cgroup.container.as_ref();
        text(container.map_or(HOST, |it| part(&it.identity)).as_bytes())
    }

    fn pod(&self, part: fn(&Pod) -> &str) -> Option<Value<'a>> {
        let container = self.process()?.cgroup.container.as_ref()?;
        text(part(container.identity.pod.as_ref()?).as_bytes())
    }
}

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

/// Whether something holds that holds for no process of the host.
const fn not_on_host(name: &'static str, get: GetOne, description: &'static str) -> Field {
    Field::new(name, Bool, get, description)
}

/// A mount, or a part of one: hosts have none, containers only with metadata.
const fn mount(name: &'static str, get: GetOne, description: &'static str) -> Field {
    Field::new(name, Str, get, description)
        .arg(Key, KeyKind::IndexOrPattern)
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

const fn not_yet(name: &'static str) -> Field {
    const TEXT: &str = "Not yet: always absent. The labels of pods are not kept.";
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
    of_engine(
        "container.mounts",
        |e, _| e.mounts(),
        "All mounts as source:dest:mode:rdwr:propagation, joined by commas; absent without metadata.",
    )
    .cost(10),
    mount(
        "container.mount",
        |e, arg| e.mount_line(arg),
        "The N-th mount, from 0, or the first in whose source the regular expression is found, as \
         source:dest:mode:rdwr:propagation; absent without metadata.",
    )
    .cost(15),
    mount(
        "container.mount.source",
        |e, arg| text(e.mount(arg, |it| &it.dest)?.source.as_bytes()),
        "Source of the N-th mount, or of the first in whose destination the regular expression is found.",
    )
    .cost(10),
    mount(
        "container.mount.dest",
        |e, arg| text(e.mount(arg, |it| &it.source)?.dest.as_bytes()),
        "Destination of the N-th mount, or of the first in whose source the regular expression is found.",
    )
    .cost(10),
    mount(
        "container.mount.mode",
        |e, arg| text(e.mount(arg, |it| &it.source)?.mode.as_bytes()),
        "Mode of the mount that container.mount.dest finds.",
    )
    .cost(10),
    mount(
        "container.mount.rdwr",
        |e, arg| text(super::mount::rdwr(e.mount(arg, |it| &it.source)?)),
        "Whether the mount that container.mount.dest finds may be written to: true or false.",
    )
    .cost(10),
    mount(
        "container.mount.propagation",
        |e, arg| text(e.mount(arg, |it| &it.source)?.propagation.as_bytes()),
        "Propagation of the mount that container.mount.dest finds.",
    )
    .cost(10),
    Field::new(
        "container.label",
        Str,
        |e, arg| e.label(arg),
        "A label of the container; absent without metadata.",
    )
    .arg(Key, KeyKind::Text)
    .on(Presence::Contained),
    Field::new(
        "container.start_ts",
        AbsTime,
        |e, _| {
            let began_ns = e.process()?.pidns_start_ns;
            (began_ns != 0).then(|| Value::Uint(e.since_epoch(began_ns)))
        },
        "When the init of the pid namespace began, nanoseconds since the epoch.",
    )
    .on(Presence::Certain),
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
    .on(Presence::Certain),
    of_engine(
        "container.ip",
        |e, _| e.said("", |it| &it.ip),
        "Address of the container; absent without metadata.",
    ),
    of_engine(
        "container.cni.json",
        |e, _| e.said("", |it| &it.cni_json),
        "Result of the network plugin; absent without metadata.",
    ),
    of_engine(
        "container.labels",
        |e, _| e.labels(),
        "Labels of the container as key:value, joined by commas; absent without metadata.",
    )
    .cost(10),
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
        |e, _| e.of_pod(|it| short(&it.pod_sandbox_id)),
        "Short id of the pod's sandbox; absent without metadata.",
    ),
    pod_metadata(
        "k8s.pod.full_sandbox_id",
        |e, _| e.of_pod(|it| &it.pod_sandbox_id),
        "Id of the pod's sandbox; absent without metadata.",
    ),
    not_yet("k8s.pod.labels"),
    not_yet("k8s.pod.label").arg(Key, KeyKind::Text),
    pod_metadata(
        "k8s.pod.ip",
        |e, _| e.of_pod(|it| &it.pod_ip),
        "Address of the pod; absent without metadata.",
    ),
    pod_metadata(
        "k8s.pod.cni.json",
        |e, _| e.of_pod(|it| &it.cni_json),
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

/// An id as it is shown: 12 digits.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

impl<'a> EventView<'a> {
    fn on_host(&self) -> Option<bool> {
        self.process().map(|process| !process.in_container())
    }

    pub(super) fn of_host(&self, text: &'static [u8]) -> Option<Value<'a>> {
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

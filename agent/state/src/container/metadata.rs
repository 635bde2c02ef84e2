//! What a container's cgroup does not tell and its engine could: the place for it, filled in off the workers' path.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::absent::Absent;

/// As the engine says it; empty texts for what it does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Its name.
    pub name: Box<str>,
    /// The image it was made of.
    pub image: ImageName,
    /// Its address.
    pub ip: Box<str>,
    /// Whether it runs privileged.
    pub privileged: Option<bool>,
    /// Whether it shares the host's pids.
    pub host_pid: Option<bool>,
    /// Whether it shares the host's network.
    pub host_network: Option<bool>,
    /// Whether it shares the host's IPC.
    pub host_ipc: Option<bool>,
    /// Keys and values.
    pub labels: Box<[(Box<str>, Box<str>)]>,
    /// What of other places it sees, in the engine's order.
    pub mounts: Box<[Mount]>,
    /// What the network plugin answered for its pod, JSON.
    pub cni_json: Box<str>,
    /// Namespace of its pod.
    pub pod_namespace: Box<str>,
    /// Name of its pod.
    pub pod_name: Box<str>,
    /// Full id of its pod's sandbox.
    pub pod_sandbox_id: Box<str>,
    /// Address of its pod.
    pub pod_ip: Box<str>,
}

/// A mount of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mount {
    /// Path on the host, or the name of a volume.
    pub source: Box<str>,
    /// Path in the container.
    pub dest: Box<str>,
    /// Options as the engine was given them (`ro`, `z`, ...).
    pub mode: Box<str>,
    /// Whether the container may write to it.
    pub writable: bool,
    /// How mounts below it spread (`rprivate`, ...).
    pub propagation: Box<str>,
}

/// How an image is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageName {
    /// Repository and tag, as the engine was asked for it.
    pub full: Box<str>,
    /// Its id.
    pub id: Box<str>,
    /// Without the tag.
    pub repository: Box<str>,
    /// The tag alone.
    pub tag: Box<str>,
    /// Of its manifest.
    pub digest: Box<str>,
}

/// The metadata of one container, or why there are none.
#[derive(Debug)]
pub struct MetadataSlot(ArcSwap<Result<Metadata, Absent>>);

/// Nobody has been asked, nor may be.
impl Default for MetadataSlot {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(Err(Absent::Denied)))
    }
}

impl MetadataSlot {
    /// As last set. No lock, no system call.
    pub fn found(&self) -> Arc<Result<Metadata, Absent>> {
        self.0.load_full()
    }

    /// From now on. Events of which a rule has looked already keep what it saw.
    pub fn set(&self, metadata: Result<Metadata, Absent>) {
        self.0.store(Arc::new(metadata));
    }
}

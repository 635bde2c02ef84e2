//! What a capture file says about itself.

use std::net::IpAddr;

use saker_abi::driver::EventSet;
use saker_abi::event::EVENTS;
use saker_abi::raw;
use serde::{Deserialize, Serialize};

use crate::ledger::Gap;

/// Events of a recorded table at most.
pub const MAX_EVENTS: usize = 4096;

/// Parameters of a recorded event at most.
pub const MAX_PARAMS: usize = 64;

/// The description: the machine that recorded, and the table its records follow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Version of the agent that recorded.
    pub saker_version: String,
    /// Hash of the contract with its drivers, 16 hexadecimal digits.
    pub schema_hash: String,
    /// The same for all files of one recording.
    pub recording: String,
    /// Number of the file in its recording, from 0.
    pub file_number: u64,
    /// Why it was recorded: `record`, or `rule NAME`.
    pub reason: String,
    /// Kernel, as `uname -r` prints it.
    pub kernel_release: String,
    /// Host name in alerts.
    pub hostname: String,
    /// Addresses of the host's interfaces, each once.
    pub addresses: Vec<IpAddr>,
    /// The same in the order of the interfaces, with their networks: they complete the ends of sockets that are
    /// bound to none.
    #[serde(default)]
    pub interfaces: Vec<MetaInterface>,
    /// What to add to `CLOCK_BOOTTIME` for nanoseconds since the epoch.
    pub boot_to_epoch_ns: u64,
    /// When the file began, `CLOCK_BOOTTIME`.
    pub started_ns: u64,
    /// CPUs with rings.
    pub cpus: u32,
    /// `ebpf` or `kmod`.
    pub driver: String,
    /// Partitions of the recorder: streams 0 to this are expected.
    pub partitions: u16,
    /// Names of the events that left the kernel.
    pub recorded: Vec<String>,
    /// Types from this number on are of variable length.
    pub first_variable_type: u16,
    /// The event table.
    pub events: Vec<MetaEvent>,
    /// Users of the host.
    pub users: Vec<MetaUser>,
    /// Groups of the host: id and name.
    pub groups: Vec<(u32, String)>,
    /// Where the host had its file systems when the recording began; those whose names are no UTF-8 are left out.
    #[serde(default)]
    pub mounts: Vec<MetaMount>,
}

/// An address of an interface of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetaInterface {
    /// The address.
    pub address: IpAddr,
    /// Leading bits that the hosts of its network share.
    pub prefix: u8,
}

/// A mount of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetaMount {
    /// Device of the file system, as stat(2) encodes it.
    pub dev: u32,
    /// The directory of the file system that is mounted, without a slash at the end.
    pub root: String,
    /// Where, without a slash at the end: the host's root is empty.
    pub point: String,
}

/// A line of the recorded event table; its place is its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetaEvent {
    /// Name.
    pub name: String,
    /// Names and types of the parameters, in the order of the slots.
    pub params: Vec<(String, u16)>,
    /// Whether it comes from an iterator or is for the agent itself.
    #[serde(default)]
    pub internal: bool,
}

/// A user of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetaUser {
    /// Id.
    pub uid: u32,
    /// Login name.
    pub name: String,
    /// Home directory.
    pub home: String,
    /// Shell.
    pub shell: String,
}

/// The last block: what the file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Blocks before this one.
    pub blocks: u32,
    /// Records in RECORDS blocks.
    pub records: u64,
    /// Bytes of those records, with their frames.
    pub record_bytes: u64,
    /// Records in STATE blocks.
    pub state_records: u64,
    /// Records that gaps report.
    pub lost: u64,
    /// CRC-32 over the headers of all blocks before this one.
    pub checksum: u32,
}

/// A gap as it stands in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetaGap {
    /// CPU of the ring; absent when the recorder had no room.
    pub cpu: Option<u32>,
    /// As [`Gap::from_ns`].
    pub from_ns: u64,
    /// As [`Gap::until_ns`].
    pub until_ns: u64,
    /// As [`Gap::records`].
    pub records: u64,
    /// As [`Gap::classes`].
    pub classes: u16,
}

/// [`Gap::cpu`] of what the recorder itself lost.
pub const NO_CPU: u32 = u32::MAX;

impl MetaGap {
    /// For the file.
    pub fn new(gap: &Gap) -> Self {
        Self {
            cpu: (gap.cpu != NO_CPU).then_some(gap.cpu),
            from_ns: gap.from_ns,
            until_ns: gap.until_ns,
            records: gap.records,
            classes: gap.classes,
        }
    }

    /// As a worker would report it.
    pub fn gap(&self, stream: u16) -> Gap {
        Gap {
            cpu: self.cpu.unwrap_or(NO_CPU),
            partition: stream.into(),
            from_ns: self.from_ns,
            until_ns: self.until_ns,
            records: self.records,
            classes: self.classes,
        }
    }
}

impl Meta {
    /// A description with this agent's table, to be completed by who records.
    pub fn of_this_agent(recorded: &EventSet) -> Self {
        let names = recorded.iter().map(|event| {
            let info = &EVENTS[usize::from(event)];
            info.name.to_owned()
        });
        Self {
            saker_version: env!("CARGO_PKG_VERSION").to_owned(),
            schema_hash: format!("{:016x}", saker_abi::SCHEMA_HASH),
            recorded: names.collect(),
            first_variable_type: raw::SAKER_T_VAR as u16,
            events: this_table(),
            ..Self::default()
        }
    }

    /// From the bytes of a META block.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let meta: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let params = meta.events.iter().map(|event| event.params.len()).max();
        if meta.events.len() > MAX_EVENTS || params > Some(MAX_PARAMS) {
            return Err(format!(
                "an event table of more than {MAX_EVENTS} events or {MAX_PARAMS} parameters"
            ));
        }
        if meta.partitions == 0 || meta.partitions > super::MAX_STREAMS {
            return Err(format!("{} partitions", meta.partitions));
        }
        Ok(meta)
    }

    /// Whether `next` is the file after this one.
    ///
    /// # Errors
    /// What speaks against it.
    pub fn is_followed_by(&self, next: &Self) -> Result<(), &'static str> {
        if next.recording != self.recording {
            return Err("it is of another recording");
        }
        if next.file_number != self.file_number + 1 {
            return Err("there is a file between them, or they are in the wrong order");
        }
        if next.events != self.events || next.partitions != self.partitions {
            return Err("its event table differs");
        }
        Ok(())
    }
}

/// The table of this agent as a file describes it.
pub fn this_table() -> Vec<MetaEvent> {
    let event = |info: &saker_abi::event::EventInfo| MetaEvent {
        name: info.name.to_owned(),
        params: info
            .params
            .iter()
            .map(|param| (param.name.to_owned(), param.ty))
            .collect(),
        internal: info.is_internal(),
    };
    EVENTS.iter().map(event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> Meta {
        Meta {
            partitions: 2,
            recording: "r".to_owned(),
            ..Meta::of_this_agent(&EventSet::state())
        }
    }

    #[test]
    fn it_comes_back() {
        let json = serde_json::to_vec(&meta()).expect("JSON");
        assert_eq!(Meta::parse(&json).expect("a description"), meta());
        assert!(json.len() < super::super::MAX_META_BYTES as usize / 64);
    }

    #[test]
    fn nonsense_is_refused() {
        let json = |change: fn(&mut Meta)| {
            let mut meta = meta();
            change(&mut meta);
            Meta::parse(&serde_json::to_vec(&meta).expect("JSON"))
        };
        assert!(json(|meta| meta.partitions = 0).is_err());
        assert!(json(|meta| meta.partitions = u16::MAX).is_err());
        assert!(json(|meta| meta.events[0].params = vec![(String::new(), 0); 65]).is_err());
        assert!(Meta::parse(b"{}").is_err() && Meta::parse(b"\xff").is_err());
    }

    #[test]
    fn files_that_follow() {
        let next = Meta {
            file_number: 1,
            ..meta()
        };
        assert_eq!(meta().is_followed_by(&next), Ok(()));
        assert!(next.is_followed_by(&meta()).is_err());
        let other = Meta {
            recording: "s".to_owned(),
            ..next
        };
        assert!(meta().is_followed_by(&other).is_err());
    }
}

//! Who the loaded module is, and whether it fits this program.

use saker_abi::raw::{
    SAKER_ABI_VERSION, SAKER_KMF_ACTED, SAKER_KMF_ADDRESSES, SAKER_KMF_MOUNTS, SAKER_KMF_NAMES,
    SAKER_KMF_NO_URING, SAKER_KMF_OPENED, SAKER_KMF_URING, saker_ioc_info,
};

use super::KmodError;

/// What a loaded module says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Version of the module.
    pub version: String,
    /// Version of the contract it was built with.
    pub abi_version: u32,
    /// Hash of the contract it was built with; see [`saker_abi::SCHEMA_HASH`].
    pub schema_hash: u64,
    /// Its page size.
    pub page_bytes: u32,
    /// Highest possible CPU + 1.
    pub possible_cpus: u32,
    /// Process that uses it.
    pub owner: Option<u32>,
    /// Paths cross mounts.
    pub crosses_mounts: bool,
    /// The session that runs is told what calls act on that return no descriptor.
    pub tells_acted: bool,
    /// It is told the names of opens and execs that fail as the kernel took them.
    pub tells_names: bool,
    /// The same of what opens have made.
    pub tells_opened: bool,
    /// And of the addresses of connects.
    pub tells_addresses: bool,
    /// Requests of io_uring that open, name or connect something.
    pub tells_requests: bool,
    /// The kernel has io_uring.
    pub has_rings: bool,
    /// Opens whose names it was not told, because too many were under way at a time.
    pub names_missed: u32,
    /// The same of other functions that requests of io_uring come to.
    pub requests_missed: u32,
}

impl Info {
    pub(super) fn new(raw: &saker_ioc_info) -> Self {
        let name: Vec<u8> = raw
            .version
            .iter()
            .map(|&byte| byte as u8)
            .take_while(|&byte| byte != 0)
            .collect();
        Self {
            version: String::from_utf8_lossy(&name).into_owned(),
            abi_version: raw.abi_version,
            schema_hash: raw.schema_hash,
            page_bytes: raw.page_bytes,
            possible_cpus: raw.possible_cpus,
            owner: (raw.owner_tgid != 0).then_some(raw.owner_tgid),
            crosses_mounts: raw.features & SAKER_KMF_MOUNTS != 0,
            tells_acted: raw.features & SAKER_KMF_ACTED != 0,
            tells_names: raw.features & SAKER_KMF_NAMES != 0,
            tells_opened: raw.features & SAKER_KMF_OPENED != 0,
            tells_addresses: raw.features & SAKER_KMF_ADDRESSES != 0,
            tells_requests: raw.features & SAKER_KMF_URING != 0,
            has_rings: raw.features & SAKER_KMF_NO_URING == 0,
            names_missed: raw.names_missed,
            requests_missed: raw.requests_missed,
        }
    }

    /// Whether this program can use the module.
    ///
    /// # Errors
    /// What differs.
    pub fn check(&self) -> Result<(), KmodError> {
        let differ = |what, ours: String, theirs: String| {
            let module = self.version.clone();
            Err(KmodError::Mismatch {
                what,
                ours,
                theirs,
                module,
            })
        };
        if self.abi_version != SAKER_ABI_VERSION {
            let (ours, theirs) = (SAKER_ABI_VERSION.to_string(), self.abi_version.to_string());
            return differ("version of the driver interface", ours, theirs);
        }
        if self.schema_hash != saker_abi::SCHEMA_HASH {
            let (ours, theirs) = (saker_abi::SCHEMA_HASH, self.schema_hash);
            return differ(
                "hash of the driver interface",
                format!("{ours:016x}"),
                format!("{theirs:016x}"),
            );
        }
        let page_bytes = rustix::param::page_size();
        if self.page_bytes as usize != page_bytes {
            let (ours, theirs) = (page_bytes.to_string(), self.page_bytes.to_string());
            return differ("page size", ours, theirs);
        }
        Ok(())
    }
}

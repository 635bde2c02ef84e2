//! What is loaded, and whether it fits this agent.

use std::path::PathBuf;

use super::find::{Fit, Found, find};
use crate::device::{self, DEVICE, Info, KmodError};
use crate::{Host, MODULE_NAME};

/// The loaded module as the kernel shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Its version.
    pub version: Option<String>,
    /// Hash of the source it was built from, by Kbuild.
    pub source_version: Option<String>,
    /// `live`, `coming` or `going`.
    pub state: Option<String>,
    /// How many open files and modules keep it.
    pub references: Option<u32>,
    /// Memory of code and data in bytes, without rings.
    pub bytes: Option<u64>,
}

/// What its device says.
#[derive(Debug)]
pub enum DeviceState {
    /// There is no device: the module is not loaded, or the device's node was not made.
    Absent,
    /// It answers and fits.
    Fits(Info),
    /// It answers and does not fit, or may not be opened.
    Refused(KmodError),
}

/// The module and its device.
#[derive(Debug)]
pub struct Status {
    /// The running kernel.
    pub release: String,
    /// Whether it loads modules at all.
    pub possible: bool,
    /// The loaded module, if it is loaded.
    pub loaded: Option<Loaded>,
    /// Its device.
    pub device: DeviceState,
    /// The process that uses it: number and name.
    pub owner: Option<(u32, String)>,
    /// A module file for this kernel.
    pub file: Option<Found>,
}

impl Status {
    /// Whether an agent could use the module as it is loaded now.
    #[must_use]
    pub fn usable(&self) -> bool {
        self.loaded.is_some() && matches!(self.device, DeviceState::Fits(_))
    }

    /// What to do, if anything has to be done before an agent can use the module.
    #[must_use]
    pub fn action(&self) -> Option<String> {
        match (&self.device, &self.loaded, &self.file) {
            (DeviceState::Fits(_), ..) => None,
            (DeviceState::Refused(error), ..) => Some(error.to_string()),
            _ if !self.possible => Some(format!(
                "kernel {} is built without modules; use the eBPF driver",
                self.release
            )),
            (DeviceState::Absent, Some(_), _) => Some(format!(
                "the module is loaded and {DEVICE} is missing: is udev or devtmpfs running? \
                 saker driver unload and load make it again"
            )),
            (DeviceState::Absent, None, Some(file)) if !matches!(file.fit, Fit::No(_)) => {
                Some("saker driver load".to_owned())
            }
            (DeviceState::Absent, None, _) => {
                Some("saker driver build, then saker driver load".to_owned())
            }
        }
    }
}

/// Looks at the module and asks its device.
#[must_use]
pub fn status(host: &Host) -> Status {
    let device = match device::info() {
        Ok(info) => match info.check() {
            Ok(()) => DeviceState::Fits(info),
            Err(error) => DeviceState::Refused(error),
        },
        Err(KmodError::NotLoaded) => DeviceState::Absent,
        Err(error) => DeviceState::Refused(error),
    };
    with_device(host, device)
}

fn with_device(host: &Host, device: DeviceState) -> Status {
    let owner = match &device {
        DeviceState::Fits(info) => info.owner,
        _ => None,
    };
    Status {
        release: host.release().to_owned(),
        possible: super::possible(host),
        loaded: loaded(host),
        device,
        owner: owner.map(|tgid| (tgid, name_of(host, tgid))),
        file: find(host),
    }
}

fn name_of(host: &Host, tgid: u32) -> String {
    let comm = host.read(format!("/proc/{tgid}/comm")).unwrap_or_default();
    comm.trim_end().to_owned()
}

/// Whether the module is in the kernel's list, in whatever state.
pub(super) fn is_loaded(host: &Host) -> bool {
    line(host).is_some()
}

/// The module's line of `/proc/modules`: name, bytes, references, users, state, address.
fn line(host: &Host) -> Option<String> {
    let modules = host.read("/proc/modules").ok()?;
    let mut lines = modules.lines();
    let line = lines.find(|line| line.split(' ').next() == Some(MODULE_NAME))?;
    Some(line.to_owned())
}

fn loaded(host: &Host) -> Option<Loaded> {
    let line = line(host)?;
    let mut words = line.split(' ').skip(1);
    let bytes = words.next().and_then(|word| word.parse().ok());
    let references = words.next().and_then(|word| word.parse().ok());
    let state = words.nth(1).map(str::to_lowercase);
    let file = |name: &str| {
        let path = PathBuf::from(format!("/sys/module/{MODULE_NAME}")).join(name);
        let text = host.read(path).ok()?;
        Some(text.trim_end().to_owned())
    };
    Some(Loaded {
        version: file("version"),
        source_version: file("srcversion"),
        state,
        references,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::machine;
    use crate::modinfo::tests::elf;

    const MODULES: (&str, &[u8]) = (
        "/proc/modules",
        b"saker_other 1 0 - Live 0x0\nsaker 53248 2 - Live 0xffffffffc0000000 (OE)\n",
    );

    #[test]
    fn the_kernel_s_view_is_read() {
        let (_root, host) = machine(
            "6.1.0",
            &[
                MODULES,
                ("/sys/module/saker/version", b"0.1.0\n"),
                ("/sys/module/saker/srcversion", b"ABCDEF\n"),
            ],
        );
        let loaded = loaded(&host).expect("loaded");
        let expected = Loaded {
            version: Some("0.1.0".to_owned()),
            source_version: Some("ABCDEF".to_owned()),
            state: Some("live".to_owned()),
            references: Some(2),
            bytes: Some(53248),
        };
        assert_eq!(loaded, expected);
    }

    #[test]
    fn garbage_in_the_list_is_no_panic() {
        let (_root, host) = machine("6.1.0", &[("/proc/modules", b"saker\n\n  \nsaker x y\n")]);
        assert_eq!(loaded(&host), Some(Loaded::default()));
    }

    #[test]
    fn every_state_has_its_action() {
        let action = |files: &[(&str, &[u8])]| {
            let (_root, host) = machine("6.1.0", files);
            let status = with_device(&host, DeviceState::Absent);
            assert!(!status.usable());
            status.action().expect("something to do")
        };
        assert!(action(&[]).contains("without modules"));
        assert!(action(&[("/proc/modules", b"")]).starts_with("saker driver build, then"));
        let path = "/var/lib/saker/kmod/6.1.0/saker.ko";
        let module = elf(&["vermagic=6.1.0 "]);
        let files = |file| [("/proc/modules", &b""[..]), (path, file)];
        assert_eq!(action(&files(&module)), "saker driver load");
        assert!(action(&files(b"garbage")).starts_with("saker driver build, then"));
        assert!(action(&[MODULES]).contains("/dev/saker is missing"));
    }

    #[test]
    fn a_device_that_fits_names_its_owner() {
        let info = Info {
            version: "0.1.0".to_owned(),
            abi_version: 1,
            schema_hash: 1,
            page_bytes: 4096,
            possible_cpus: 2,
            owner: Some(42),
            crosses_mounts: true,
            tells_acted: false,
            tells_names: false,
            tells_opened: false,
            tells_addresses: false,
            tells_requests: false,
            has_rings: true,
            names_missed: 0,
            requests_missed: 0,
        };
        let (_root, host) = machine("6.1.0", &[MODULES, ("/proc/42/comm", b"saker\n")]);
        let status = with_device(&host, DeviceState::Fits(info));
        assert!(status.usable());
        assert_eq!(status.action(), None);
        assert_eq!(status.owner, Some((42, "saker".to_owned())));
    }
}

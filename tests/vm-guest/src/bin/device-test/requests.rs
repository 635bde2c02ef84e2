//! Requests, right and wrong.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use rustix::io::Errno;
use saker_abi::raw::*;
use saker_vm_guest::device::{self, Argument, Device, Nowhere};
use saker_vm_guest::random::Random;
use saker_vm_guest::session::request;

use crate::{refused, roles};

const RING_BYTES: u32 = 1 << 16;

pub(crate) fn info() -> Result<()> {
    let device = Device::open()?;
    let info = device.info()?;
    ensure!(info.size == size_of::<saker_ioc_info>() as u32, "{info:?}");
    ensure!(info.abi_version == SAKER_ABI_VERSION, "{info:?}");
    ensure!(
        info.schema_hash == saker_abi::SCHEMA_HASH,
        "schema {:016x}, ours is {:016x}",
        info.schema_hash,
        saker_abi::SCHEMA_HASH
    );
    ensure!(
        info.page_bytes as usize == rustix::param::page_size(),
        "{info:?}"
    );
    ensure!(info.owner_tgid == 0, "{info:?}");
    let possible = fs::read_to_string("/sys/devices/system/cpu/possible")?;
    let highest = possible.trim().rsplit(['-', ',']).next().unwrap_or("");
    ensure!(
        highest.parse() == Ok(info.possible_cpus - 1),
        "{possible}: {info:?}"
    );
    ensure!(
        info.features & SAKER_KMF_MOUNTS != 0,
        "struct mount is not known here: {info:?}"
    );
    device.create(&request(RING_BYTES))?;
    ensure!(
        device.info()?.owner_tgid == std::process::id(),
        "the owner is me"
    );
    let other = Device::open()?;
    ensure!(
        other.info()?.owner_tgid == std::process::id(),
        "and others see it"
    );
    Ok(())
}

/// The same request with another size in number and struct.
fn resized(number: u32, bytes: u32) -> u32 {
    number & !(0x3fff << 16) | bytes << 16
}

pub(crate) fn info_sizes() -> Result<()> {
    let device = Device::open()?;
    let ours = size_of::<saker_ioc_info>() as u32;
    let sized = |in_number: u32, in_struct: u32| {
        let mut argument = Argument::zero();
        argument.bytes_mut().fill(0xA5);
        argument.bytes_mut()[..4].copy_from_slice(&in_struct.to_le_bytes());
        let number = resized(SAKER_REQUEST_INFO, in_number);
        device.request(number, &mut argument).map(|_| argument)
    };
    // Of a later version: told as much as there is.
    let mut argument = sized(ours + 64, ours + 64).context("a longer struct")?;
    let info: saker_ioc_info = argument.read();
    ensure!(
        info.size == ours && info.schema_hash == saker_abi::SCHEMA_HASH,
        "{info:?}"
    );
    ensure!(
        argument.bytes_mut()[ours as usize] == 0xA5,
        "written beyond"
    );
    // Of an earlier one: what it has room for.
    let mut argument = sized(16, 16).context("the shortest struct")?;
    ensure!(argument.read::<saker_ioc_info>().schema_hash == saker_abi::SCHEMA_HASH);
    ensure!(argument.bytes_mut()[16] == 0xA5, "written beyond");
    refused("too short", sized(15, 15), Errno::INVAL)?;
    refused(
        "size of another number",
        sized(ours, ours + 8),
        Errno::INVAL,
    )?;
    refused("size 0", sized(0, 0), Errno::INVAL)
}

pub(crate) fn privileges() -> Result<()> {
    let mode = fs::metadata(device::PATH)?.permissions().mode() & 0o777;
    ensure!(mode == 0o600, "mode {mode:o}");
    // The node's mode is not what protects: its capabilities are.
    fs::set_permissions(device::PATH, Permissions::from_mode(0o666))?;
    let outcome = roles::run_as("open", 65534)?;
    ensure!(
        outcome == Errno::PERM.raw_os_error(),
        "open(2) of nobody: errno {outcome}"
    );
    Ok(())
}

pub(crate) fn create_refused() -> Result<()> {
    let device = Device::open()?;
    type Change = fn(&mut saker_ioc_create);
    let wrong: [(&str, Change, Errno); 19] = [
        ("another version", |r| r.abi_version += 1, Errno::PROTO),
        ("another hash", |r| r.schema_hash ^= 1, Errno::PROTO),
        ("a longer struct", |r| r.size += 8, Errno::TOOBIG),
        ("a shorter struct", |r| r.size -= 8, Errno::INVAL),
        ("no size", |r| r.size = 0, Errno::INVAL),
        ("no partition", |r| r.partitions = 0, Errno::INVAL),
        ("3 partitions", |r| r.partitions = 3, Errno::INVAL),
        (
            "too many partitions",
            |r| r.partitions = 2 * SAKER_MAX_PARTITIONS,
            Errno::INVAL,
        ),
        ("2^31 partitions", |r| r.partitions = 1 << 31, Errno::INVAL),
        ("no ring", |r| r.ring_bytes = 0, Errno::INVAL),
        ("half a page", |r| r.ring_bytes = 2048, Errno::INVAL),
        ("3 pages", |r| r.ring_bytes = 3 * 4096, Errno::INVAL),
        (
            "too large a ring",
            |r| r.ring_bytes = 2 * SAKER_RING_BYTES_MAX,
            Errno::INVAL,
        ),
        ("unknown flag", |r| r.flags = 1 << 31, Errno::INVAL),
        (
            "snaplen",
            |r| r.snaplen_bytes = SAKER_SNAPLEN_MAX + 1,
            Errno::INVAL,
        ),
        ("reserved", |r| r.reserved = 1, Errno::INVAL),
        ("no such event", |r| r.event_of_64[511] = 254, Errno::INVAL),
        (
            "no such event, 32 bit",
            |r| r.event_of_32[0] = 254,
            Errno::INVAL,
        ),
        (
            "no such event, inside another call",
            |r| r.subcalls[63] = 254,
            Errno::INVAL,
        ),
    ];
    for (what, change, reason) in wrong {
        let mut session = request(RING_BYTES);
        change(&mut session);
        refused(what, device.create(&session), reason)?;
        ensure!(device.info()?.owner_tgid == 0, "{what}: there is an owner");
    }
    let mut argument = Argument::of(&request(RING_BYTES));
    let number = SAKER_REQUEST_CREATE;
    let bytes = size_of::<saker_ioc_create>() as u32;
    refused(
        "longer number",
        device.request(resized(number, bytes + 8), &mut argument),
        Errno::TOOBIG,
    )?;
    refused(
        "shorter number",
        device.request(resized(number, bytes - 8), &mut argument),
        Errno::INVAL,
    )?;
    device
        .create(&request(RING_BYTES))
        .context("the right one, after all those")
}

pub(crate) fn one_session() -> Result<()> {
    let first = Device::open()?;
    first.create(&request(RING_BYTES))?;
    refused("twice", first.create(&request(RING_BYTES)), Errno::BUSY)?;
    let second = Device::open()?;
    refused(
        "second owner",
        second.create(&request(RING_BYTES)),
        Errno::BUSY,
    )?;
    refused("another's ring", second.ring(0, 0), Errno::BADFD)?;
    refused("another's counters", second.counters(), Errno::BADFD)?;
    refused("another's start", second.start(), Errno::BADFD)?;
    refused("another's stop", second.stop(), Errno::BADFD)?;
    drop(first);
    second
        .create(&request(RING_BYTES))
        .context("when the first has gone")
}

pub(crate) fn no_session() -> Result<()> {
    let device = Device::open()?;
    refused("ring", device.ring(0, 0), Errno::BADFD)?;
    refused("counters", device.counters(), Errno::BADFD)?;
    refused("start", device.start(), Errno::BADFD)?;
    refused("stop", device.stop(), Errno::BADFD)
}

pub(crate) fn ring_refused() -> Result<()> {
    let device = Device::open()?;
    let mut session = request(RING_BYTES);
    session.partitions = 2;
    device.create(&session)?;
    let cpus = device.info()?.possible_cpus;
    drop(device.ring(0, 1)?);
    refused("again, though closed", device.ring(0, 1), Errno::EXIST)?;
    refused("no such CPU", device.ring(cpus, 0), Errno::INVAL)?;
    refused("CPU 2^32 - 1", device.ring(u32::MAX, 0), Errno::INVAL)?;
    refused("no such partition", device.ring(0, 2), Errno::INVAL)?;
    refused("partition 2^32 - 1", device.ring(0, u32::MAX), Errno::INVAL)?;
    device.start()?;
    refused("started twice", device.start(), Errno::ALREADY)?;
    refused("after start", device.ring(0, 0), Errno::BUSY)?;
    device.stop()?;
    device.stop().context("stopped twice")?;
    device.start().context("started again")
}

pub(crate) fn garbage() -> Result<()> {
    let device = Device::open()?;
    let mut random = Random::new(1);
    let mut argument = Argument::zero();
    let magic = SAKER_REQUEST_INFO & 0xff00;
    for number in 0..=255 {
        if !(1..=7).contains(&number) {
            for direction in 0..4 {
                let what = direction << 30 | 8 << 16 | magic | number;
                refused(
                    format!("{what:#x}"),
                    device.request(what, &mut argument),
                    Errno::NOTTY,
                )?;
            }
        }
    }
    for _ in 0..10_000 {
        let number = random.number() as u32;
        if number & 0xff00 != magic {
            let result = device.request(number, &mut argument);
            ensure!(result.is_err(), "request {number:#x} was not refused");
        }
    }
    ensure!(device.info()?.owner_tgid == 0);
    Ok(())
}

pub(crate) fn nowhere() -> Result<()> {
    let device = Device::open()?;
    let with_argument = [
        SAKER_REQUEST_INFO,
        SAKER_REQUEST_CREATE,
        SAKER_REQUEST_RING,
        SAKER_REQUEST_ITERATE,
    ];
    for number in with_argument {
        for address in Nowhere::ALL {
            let what = format!("{number:#x} at {address:x?}");
            refused(what, device.request_at(number, address), Errno::FAULT)?;
        }
    }
    Ok(())
}

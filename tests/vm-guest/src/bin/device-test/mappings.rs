//! Mappings, right and wrong.

use anyhow::{Context as _, Result, ensure};
use rustix::io::Errno;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};
use saker_abi::raw::saker_ring_counters;
use saker_vm_guest::mapping::Mapping;
use saker_vm_guest::session::Session;

use crate::{refused, roles};

const PAGE: usize = 4096;
const DATA: usize = 4 * PAGE;
const REST: usize = PAGE + 2 * DATA;

pub(crate) fn shapes() -> Result<()> {
    let session = Session::new(DATA as u32)?;
    let ring = &session.rings[0];
    let page = PAGE as u64;
    let wrong = [
        (0, 2 * PAGE),
        (0, PAGE + REST),
        (page, PAGE),
        (page, REST - PAGE),
        (page, REST + PAGE),
        (page, 1 << 30),
        (2 * page, PAGE),
        (2 * page, REST - PAGE),
        (2 * page, REST),
        (1 << 40, PAGE),
        ((1 << 51) - page, PAGE),
    ];
    for (offset, bytes) in wrong {
        let map = Mapping::read_only(ring, offset, bytes);
        // An end beyond the largest offset is refused before the module is asked.
        if map
            .as_ref()
            .is_err_and(|error| error.raw_os_error() == Some(libc::EOVERFLOW))
        {
            continue;
        }
        refused(format!("{bytes} bytes at {offset}"), map, Errno::INVAL)?;
    }
    let consumer = Mapping::shared(ring, 0, PAGE).context("consumer page")?;
    let again = Mapping::read_only(ring, 0, PAGE).context("consumer page, read only")?;
    let rest = Mapping::read_only(ring, page, REST).context("the rest")?;
    consumer.store(0, 24);
    ensure!(again.load(0) == 24, "both are the same page");
    let halves = (PAGE / 8..(PAGE + DATA) / 8).all(|i| rest.load(i) == rest.load(i + DATA / 8));
    ensure!(halves, "the data is there twice");
    Ok(())
}

pub(crate) fn rights() -> Result<()> {
    let session = Session::new(DATA as u32)?;
    let ring = &session.rings[0];
    let (read, write, exec) = (ProtFlags::READ, ProtFlags::WRITE, ProtFlags::EXEC);
    let page = PAGE as u64;
    let map =
        |offset, bytes, protection, flags| Mapping::new(ring, offset, bytes, protection, flags);
    let shared = MapFlags::SHARED;
    refused(
        "writable data",
        map(page, REST, read | write, shared),
        Errno::PERM,
    )?;
    refused(
        "write-only data",
        map(page, REST, write, shared),
        Errno::PERM,
    )?;
    refused(
        "executable data",
        map(page, REST, read | exec, shared),
        Errno::PERM,
    )?;
    refused(
        "executable page",
        map(0, PAGE, read | exec, shared),
        Errno::PERM,
    )?;
    refused(
        "private page",
        map(0, PAGE, read | write, MapFlags::PRIVATE),
        Errno::INVAL,
    )?;
    refused(
        "private data",
        map(page, REST, read, MapFlags::PRIVATE),
        Errno::INVAL,
    )?;

    let rest = map(page, REST, read, shared)?;
    for (what, bytes, more) in [
        ("producer page writable", PAGE, MprotectFlags::WRITE),
        ("data writable", REST, MprotectFlags::WRITE),
        ("data executable", REST, MprotectFlags::EXEC),
    ] {
        refused(what, rest.protect(bytes, more), Errno::ACCESS)?;
    }
    let consumer = map(0, PAGE, read, shared)?;
    consumer
        .protect(PAGE, MprotectFlags::WRITE)
        .context("the consumer page may be written")?;
    refused(
        "consumer page executable",
        consumer.protect(PAGE, MprotectFlags::EXEC),
        Errno::ACCESS,
    )
}

pub(crate) fn counters() -> Result<()> {
    let session = Session::new(DATA as u32)?;
    let fd = session.device.counters()?;
    let bytes = session.cpus as usize * size_of::<saker_ring_counters>();
    let pages = bytes.next_multiple_of(PAGE);
    let page = PAGE as u64;
    refused(
        "one page more",
        Mapping::shared(&fd, 0, pages + PAGE),
        Errno::INVAL,
    )?;
    refused(
        "from its second page",
        Mapping::shared(&fd, page, pages),
        Errno::INVAL,
    )?;
    let private = MapFlags::PRIVATE;
    refused(
        "private",
        Mapping::new(&fd, 0, pages, ProtFlags::READ, private),
        Errno::INVAL,
    )?;
    let exec = ProtFlags::READ | ProtFlags::EXEC;
    refused(
        "executable",
        Mapping::new(&fd, 0, pages, exec, MapFlags::SHARED),
        Errno::PERM,
    )?;
    let map = Mapping::shared(&fd, 0, bytes)?;
    refused(
        "executable later",
        map.protect(pages, MprotectFlags::EXEC),
        Errno::ACCESS,
    )?;
    ensure!((0..map.words()).all(|word| map.load(word) == 0), "not zero");
    Ok(())
}

pub(crate) fn thrown_out() -> Result<()> {
    let signal = roles::run("throw-out")?;
    ensure!(
        signal == Err(libc::SIGBUS),
        "ended with {signal:?}, SIGBUS was expected"
    );
    Ok(())
}

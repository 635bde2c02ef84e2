//! The kernel inside a bzImage. Booted as it is (PVH) it needs no decompressor, which emulation makes
//! slow. Layout of the setup header: Documentation/arch/x86/boot.rst of Linux.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process;

/// Longest decompression.
const LIMIT: Duration = Duration::from_secs(60);
/// The first version of the boot protocol that says where the payload is.
const MIN_PROTOCOL: u16 = 0x208;

/// The compressed kernel in a bzImage.
#[derive(Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// Program that decompresses standard input.
    pub program: &'static str,
    /// Compressed bytes.
    pub bytes: &'a [u8],
    /// Size when decompressed, where the build recorded it (all formats but gzip).
    pub size: Option<u32>,
}

fn number<const N: usize>(image: &[u8], at: usize) -> Result<[u8; N]> {
    let field = image
        .get(at..at + N)
        .and_then(|bytes| bytes.try_into().ok());
    field.with_context(|| format!("the image ends before offset {at:#x}"))
}

/// Finds the compressed kernel.
///
/// # Errors
/// When the bytes are no bzImage, or the compression is unknown.
pub fn payload(image: &[u8]) -> Result<Payload<'_>> {
    ensure!(
        number(image, 0x202)? == *b"HdrS",
        "no bzImage: no setup header"
    );
    let protocol = u16::from_le_bytes(number(image, 0x206)?);
    ensure!(
        protocol >= MIN_PROTOCOL,
        "boot protocol {protocol:#x} is older than {MIN_PROTOCOL:#x}"
    );
    // Zero means four, for loaders of old.
    let sectors = match number::<1>(image, 0x1f1)? {
        [0] => 4,
        [sectors] => usize::from(sectors),
    };
    let offset = u32::from_le_bytes(number(image, 0x248)?) as usize;
    let length = u32::from_le_bytes(number(image, 0x24c)?) as usize;
    let start = (sectors + 1) * 512 + offset;
    let bytes = image
        .get(start..start + length)
        .with_context(|| format!("no payload of {length} bytes at {start:#x}"))?;
    let program = match bytes {
        [0x1f, 0x8b, ..] => {
            return Ok(Payload {
                program: "gzip",
                bytes,
                size: None,
            });
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => "xz",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        [0x02, 0x21, 0x4c, 0x18, ..] => "lz4",
        _ => bail!("unknown compression: {:02x?}", &bytes[..bytes.len().min(8)]),
    };
    let Some((bytes, size)) = bytes.split_last_chunk::<4>() else {
        bail!("a payload of {length} bytes");
    };
    let size = Some(u32::from_le_bytes(*size));
    Ok(Payload {
        program,
        bytes,
        size,
    })
}

/// Writes the ELF kernel inside the bzImage `from` to `to`.
///
/// # Errors
/// When there is none, or the program that decompresses it is missing.
pub fn extract(from: &Path, to: &Path) -> Result<()> {
    let image = fs::read(from).with_context(|| from.display().to_string())?;
    let payload = payload(&image).with_context(|| from.display().to_string())?;
    if !process::installed(payload.program) {
        bail!(
            "{} is compressed with {}, which is not installed: make vm-deps",
            from.display(),
            payload.program
        );
    }
    let compressed = tempfile::NamedTempFile::new().context("a temporary file")?;
    fs::write(compressed.path(), payload.bytes)?;
    let mut child = Command::new(payload.program)
        .arg("-dc")
        .stdin(File::open(compressed.path())?)
        .stdout(File::create(to).with_context(|| to.display().to_string())?)
        .stderr(Stdio::inherit())
        .spawn()
        .with_context(|| format!("cannot run {}", payload.program))?;
    let Some(status) = process::wait(&mut child, LIMIT)? else {
        child.kill()?;
        child.wait()?;
        bail!(
            "{} did not end within {} s",
            payload.program,
            LIMIT.as_secs()
        );
    };
    ensure!(
        status.success(),
        "{} of {}: {status}",
        payload.program,
        from.display()
    );
    let length = fs::metadata(to)?.len();
    if let Some(size) = payload.size {
        ensure!(
            length == u64::from(size),
            "{}: {length} bytes came out where the header says {size}",
            from.display()
        );
    }
    let mut magic = [0; 4];
    std::io::Read::read_exact(&mut File::open(to)?, &mut magic)?;
    ensure!(
        magic == *b"\x7fELF",
        "{}: no ELF kernel inside",
        from.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(sectors: u8, payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 0x1000];
        image[0x1f1] = sectors;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x206..0x208].copy_from_slice(&0x20f_u16.to_le_bytes());
        image[0x248..0x24c].copy_from_slice(&0x10_u32.to_le_bytes());
        let length = u32::try_from(payload.len()).expect("small");
        image[0x24c..0x250].copy_from_slice(&length.to_le_bytes());
        let start = (usize::from(if sectors == 0 { 4 } else { sectors }) + 1) * 512 + 0x10;
        image[start..start + payload.len()].copy_from_slice(payload);
        image
    }

    #[test]
    fn payloads_are_found() {
        let gzip = image(0, b"\x1f\x8bcompressed");
        let found = payload(&gzip).expect("gzip");
        assert_eq!((found.program, found.size), ("gzip", None));
        assert_eq!(found.bytes, b"\x1f\x8bcompressed");
        for (magic, program) in [
            (&b"\xfd7zXZ\0"[..], "xz"),
            (b"\x28\xb5\x2f\xfd", "zstd"),
            (b"\x02\x21\x4c\x18", "lz4"),
        ] {
            let bytes = [magic, b"data", &7_u32.to_le_bytes()].concat();
            let image = image(1, &bytes);
            let found = payload(&image).expect(program);
            assert_eq!((found.program, found.size), (program, Some(7)));
            assert_eq!(found.bytes, [magic, b"data"].concat());
        }
    }

    #[test]
    fn damaged_images_are_refused() {
        assert!(payload(b"").is_err());
        assert!(payload(&[0; 0x400]).is_err());
        assert!(payload(&image(1, b"what is this")).is_err());
        assert!(payload(&image(1, b"\xfd7zXZ\0")[..0x300]).is_err());
        let mut old = image(1, b"\x1f\x8b");
        old[0x206] = 0x05;
        assert!(
            payload(&old)
                .expect_err("old")
                .to_string()
                .contains("0x205")
        );
        let mut beyond = image(1, b"\x1f\x8b");
        beyond[0x24f] = 0xff;
        assert!(payload(&beyond).is_err());
    }

    #[test]
    fn kernels_come_out() {
        let dir = tempfile::tempdir().expect("a directory");
        let elf = dir.path().join("elf");
        fs::write(&elf, b"\x7fELF and more").expect("written");
        let gzip = Command::new("gzip")
            .arg("-c")
            .arg(&elf)
            .output()
            .expect("gzip");
        let boot = dir.path().join("bzImage");
        fs::write(&boot, image(2, &gzip.stdout)).expect("written");
        let out = dir.path().join("out");
        extract(&boot, &out).expect("extracted");
        assert_eq!(fs::read(&out).expect("there"), b"\x7fELF and more");
        fs::write(&elf, b"no kernel").expect("written");
        let gzip = Command::new("gzip")
            .arg("-c")
            .arg(&elf)
            .output()
            .expect("gzip");
        fs::write(&boot, image(2, &gzip.stdout)).expect("written");
        let error = extract(&boot, &out).expect_err("no ELF").to_string();
        assert!(error.contains("no ELF"), "{error}");
    }
}

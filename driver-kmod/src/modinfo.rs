//! Reads what a module file says about itself: the `.modinfo` section of an ELF file.
//!
//! Files come from disk and may be anything: every offset is checked, sizes are bounded.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Most sections of a module; real ones have some dozens.
const MAX_SECTIONS: u16 = 4096;
/// Most bytes of the sections read here; real ones have some hundreds.
const MAX_SECTION_BYTES: u64 = 1 << 20;
/// What a signed module ends with.
const SIGNATURE_MARK: &[u8] = b"~Module signature appended~\n";

const HEADER_BYTES: usize = 64;
const SECTION_HEADER_BYTES: usize = 64;
const ELF64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const RELOCATABLE: u16 = 1;

/// What a module file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModInfo {
    entries: Vec<(String, String)>,
    /// Whether a signature is appended; by whom is for the kernel to judge.
    pub signed: bool,
}

/// A file that is no kernel module.
#[derive(Debug, thiserror::Error)]
pub enum ModInfoError {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("it is no kernel module: {0}")]
    NotAModule(&'static str),
    /// It ends too early.
    #[error("it is cut off or damaged: {0}")]
    Damaged(&'static str),
}

impl ModInfo {
    /// Reads a module file (not compressed).
    ///
    /// # Errors
    /// When the file cannot be read, is no 64-bit module or is damaged.
    pub fn read(path: &Path) -> Result<Self, ModInfoError> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(ModInfoError::NotAModule("not a regular file"));
        }
        let section = modinfo_section(&file)?;
        let entries = section
            .split(|&byte| byte == 0)
            .filter_map(|entry| {
                let entry = String::from_utf8_lossy(entry).into_owned();
                let (key, value) = entry.split_once('=')?;
                Some((key.to_owned(), value.to_owned()))
            })
            .collect();
        Ok(Self {
            entries,
            signed: is_signed(&file)?,
        })
    }

    /// The first value of a key: `version`, `srcversion`, `vermagic`, `name`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let mut entries = self.entries.iter();
        let (_, value) = entries.find(|(name, _)| name == key)?;
        Some(value)
    }

    /// Hash of the contract the module was built from, [`saker_abi::SCHEMA_HASH`] when it fits this agent:
    /// `schema=0x0123456789abcdefULL`. `None` in a module that is not Saker's.
    #[must_use]
    pub fn schema_hash(&self) -> Option<u64> {
        let digits = self.get("schema")?.strip_prefix("0x")?;
        u64::from_str_radix(digits.trim_end_matches(['U', 'L']), 16).ok()
    }

    /// The kernel the module was built for: the first word of `vermagic`.
    #[must_use]
    pub fn release(&self) -> Option<&str> {
        self.get("vermagic")?.split(' ').next()
    }
}

fn is_signed(file: &File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let Some(at) = length.checked_sub(SIGNATURE_MARK.len() as u64) else {
        return Ok(false);
    };
    let mut end = [0; SIGNATURE_MARK.len()];
    file.read_exact_at(&mut end, at)?;
    Ok(end == SIGNATURE_MARK)
}

fn modinfo_section(file: &File) -> Result<Vec<u8>, ModInfoError> {
    const MAGIC: &[u8] = b"\x7fELF";
    let mut magic = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut magic)?;
    if magic != MAGIC {
        return Err(ModInfoError::NotAModule("not an ELF file"));
    }
    let header = bytes(file, 0, HEADER_BYTES as u64, "ELF header")?;
    if header[4] != ELF64 || header[5] != LITTLE_ENDIAN {
        return Err(ModInfoError::NotAModule("not 64-bit little-endian"));
    }
    if u16_at(&header, 16) != RELOCATABLE {
        return Err(ModInfoError::NotAModule("a program or library"));
    }
    let sections_at = u64_at(&header, 40);
    let size = u64::from(u16_at(&header, 58));
    let count = u16_at(&header, 60);
    let names_index = u16_at(&header, 62);
    if size != SECTION_HEADER_BYTES as u64 || count > MAX_SECTIONS || names_index >= count {
        return Err(ModInfoError::Damaged("section table"));
    }
    let table = bytes(file, sections_at, size * u64::from(count), "section table")?;
    let headers: Vec<&[u8]> = table.chunks_exact(SECTION_HEADER_BYTES).collect();
    let content = |header: &[u8], what| bytes(file, u64_at(header, 24), u64_at(header, 32), what);
    let names = content(headers[usize::from(names_index)], "section names")?;
    let header = headers.into_iter().find(|header| {
        let name = names.get(u32_at(header, 0) as usize..).unwrap_or_default();
        name.starts_with(b".modinfo\0")
    });
    match header {
        Some(header) => content(header, ".modinfo"),
        None => Err(ModInfoError::NotAModule("an object file without .modinfo")),
    }
}

/// A part of the file, which must be there in full.
fn bytes(file: &File, at: u64, length: u64, what: &'static str) -> Result<Vec<u8>, ModInfoError> {
    if length > MAX_SECTION_BYTES {
        return Err(ModInfoError::Damaged(what));
    }
    let mut bytes = vec![0; usize::try_from(length).expect("bounded above")];
    file.read_exact_at(&mut bytes, at)
        .map_err(|error| match error.kind() {
            // An offset beyond what a file can have is EINVAL.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => {
                ModInfoError::Damaged(what)
            }
            _ => error.into(),
        })?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("2 bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;

    /// A module file with these entries and nothing else.
    pub(crate) fn elf(entries: &[&str]) -> Vec<u8> {
        let names = b"\0.modinfo\0.shstrtab\0";
        let info = entries.join("\0") + "\0";
        let names_at = HEADER_BYTES + info.len();
        let table_at = names_at + names.len();
        let mut file = vec![0; HEADER_BYTES];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[16..18].copy_from_slice(&RELOCATABLE.to_le_bytes());
        file[40..48].copy_from_slice(&(table_at as u64).to_le_bytes());
        file[58..60].copy_from_slice(&(SECTION_HEADER_BYTES as u16).to_le_bytes());
        file[60..62].copy_from_slice(&3u16.to_le_bytes());
        file[62..64].copy_from_slice(&2u16.to_le_bytes());
        file.extend_from_slice(info.as_bytes());
        file.extend_from_slice(names);
        for (name, at, length) in [
            (0u32, 0, 0),
            (1, HEADER_BYTES, info.len()),
            (10, names_at, names.len()),
        ] {
            let mut header = [0; SECTION_HEADER_BYTES];
            header[..4].copy_from_slice(&name.to_le_bytes());
            header[24..32].copy_from_slice(&(at as u64).to_le_bytes());
            header[32..40].copy_from_slice(&(length as u64).to_le_bytes());
            file.extend_from_slice(&header);
        }
        file
    }

    fn read(bytes: &[u8]) -> Result<ModInfo, ModInfoError> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("saker.ko");
        fs::write(&path, bytes).expect("written");
        ModInfo::read(&path)
    }

    const ENTRIES: [&str; 3] = [
        "version=0.1.0",
        "vermagic=6.1.0-56-amd64 SMP preempt mod_unload modversions ",
        "name=saker",
    ];

    #[test]
    fn a_module_tells_its_version_and_kernel() {
        let info = read(&elf(&ENTRIES)).expect("a module");
        assert_eq!(info.get("version"), Some("0.1.0"));
        assert_eq!(info.get("author"), None);
        assert_eq!(info.release(), Some("6.1.0-56-amd64"));
        assert!(!info.signed);
        assert_eq!(info.schema_hash(), None);
    }

    #[test]
    fn the_contract_is_read_as_the_compiler_s_number() {
        let hash = |text: &str| read(&elf(&[text])).expect("a module").schema_hash();
        assert_eq!(
            hash("schema=0xa58953d276924bf2ULL"),
            Some(0xa589_53d2_7692_4bf2)
        );
        for text in [
            "schema=",
            "schema=0x",
            "schema=12",
            "schema=0xzz",
            "schema=0x11111111111111111",
        ] {
            assert_eq!(hash(text), None, "{text}");
        }
    }

    #[test]
    fn a_signature_is_seen() {
        let mut file = elf(&ENTRIES);
        file.extend_from_slice(SIGNATURE_MARK);
        assert!(read(&file).expect("a module").signed);
    }

    #[test]
    fn what_is_no_module_is_refused() {
        for (bytes, word) in [
            (&b""[..], "not an ELF file"),
            (&b"garbage"[..], "not an ELF file"),
            (&b"\x7fELF"[..], "ELF header"),
            (&[b'x'; 100][..], "not an ELF file"),
            (
                &fs::read("/proc/self/exe").expect("read")[..4096],
                "program",
            ),
        ] {
            let error = read(bytes).expect_err("no module").to_string();
            assert!(error.contains(word), "{error}");
        }
        let mut narrow = elf(&ENTRIES);
        narrow[4] = 1;
        assert!(read(&narrow).is_err());
        let other = elf(&ENTRIES);
        let text = String::from_utf8_lossy(&other).replace(".modinfo", ".comment");
        let error = read(text.as_bytes());
        assert!(error.is_err(), "{error:?}");
    }

    #[test]
    fn a_directory_is_no_module() {
        let error = ModInfo::read(Path::new("/")).expect_err("a directory");
        assert!(error.to_string().contains("regular"), "{error}");
    }

    /// Every truncation and every flipped byte is an answer, not a panic.
    #[test]
    fn damage_never_panics() {
        let whole = elf(&ENTRIES);
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("saker.ko");
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).expect("written");
            assert!(ModInfo::read(&path).is_err(), "cut at {length}");
        }
        for at in 0..whole.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut file = whole.clone();
                file[at] ^= flip;
                fs::write(&path, &file).expect("written");
                drop(ModInfo::read(&path));
            }
        }
    }
}

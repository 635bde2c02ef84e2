//! The entry points of the fuzz targets with inputs that are the same in every run: seeds, changed
//! by a generator that starts from a fixed number. `make fuzz` looks further.

mod common;
#[path = "../../../fuzz/entry.rs"]
mod entry;

use std::fs;
use std::path::PathBuf;

use common::TestSchema;

/// Inputs made from the seeds of each target.
const ROUNDS: usize = 1_500;
/// Longest input.
const MAX_BYTES: usize = 4096;

/// xorshift64*: the same numbers on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        (mixed >> 33) as usize % limit.max(1)
    }
}

fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz"))
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let path = directory().join("seeds").join(target);
    let entries = fs::read_dir(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort_unstable();
    assert!(!files.is_empty());
    files
        .iter()
        .map(|file| fs::read(file).expect("a seed"))
        .collect()
}

/// The words of the dictionary, without its escapes.
fn words() -> Vec<Vec<u8>> {
    let text = fs::read_to_string(directory().join("dictionary.txt")).expect("a dictionary");
    let lines = text.lines().map(|line| line.trim_matches('"'));
    let words = lines.map(|line| {
        line.replace("\\x0a", "\n")
            .replace("\\x22", "\"")
            .into_bytes()
    });
    words.collect()
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[Vec<u8>], numbers: &mut Numbers) {
    let at = numbers.below(input.len() + 1);
    let len = numbers.below(input.len() - at + 1).min(64);
    match numbers.below(6) {
        0 => drop(input.drain(at..at + len)),
        1 => {
            let word = &words[numbers.below(words.len())];
            input.splice(at..at, word.iter().copied());
        }
        2 => {
            let other = &seeds[numbers.below(seeds.len())];
            let from = numbers.below(other.len());
            let to = (from + numbers.below(200)).min(other.len());
            input.splice(at..at + len, other[from..to].iter().copied());
        }
        3 => {
            let copy = input[at..at + len].to_vec();
            input.splice(at..at, copy);
        }
        4 if at < input.len() => input[at] ^= 1 << numbers.below(8),
        _ => input.insert(at, b"()[]{}\"'%,:=\n -\\"[numbers.below(16)]),
    }
    input.truncate(MAX_BYTES);
}

fn each_input(target: &str, mut run: impl FnMut(&[u8])) {
    let (seeds, words) = (seeds(target), words());
    seeds.iter().for_each(|seed| run(seed));
    let mut numbers = Numbers(0x5eed);
    for round in 0..ROUNDS {
        let mut input = seeds[round % seeds.len()].clone();
        for _ in 0..=numbers.below(6) {
            change(&mut input, &seeds, &words, &mut numbers);
        }
        run(&input);
    }
}

#[test]
fn rules_files() {
    let schema = TestSchema::default();
    each_input("rules", |bytes| entry::rules(bytes, &schema));
}

#[test]
fn conditions() {
    let schema = TestSchema::default();
    each_input("condition", |bytes| {
        entry::condition(&String::from_utf8_lossy(bytes), &schema);
    });
}

#[test]
fn outputs() {
    let schema = TestSchema::default();
    each_input("output", |bytes| {
        entry::output(&String::from_utf8_lossy(bytes), &schema);
    });
}

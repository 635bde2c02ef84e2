//! What `kmod/compat/probe.sh` finds out about headers, with either compiler: made-up headers are enough.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kmod/compat/probe.sh");

/// Both compilers that build modules; clang builds the eBPF driver, too.
const COMPILERS: [&str; 2] = ["gcc", "clang"];

/// The made-up kernel. `broken.h` is one that no module can include.
const HEADERS: [(&str, &str); 3] = [
    (
        "linux/thing.h",
        "#pragma once\nstruct thing { int here; };\n#define get(from, member) ((from)->member)\n\
         extern int told(void);\nextern int kept(void);\n",
    ),
    (
        "linux/other.h",
        "#include <linux/thing.h>\nextern int other;\n",
    ),
    ("linux/broken.h", "#error \"not for modules\"\n"),
];

/// Probes and whether they compile there. Errors: in a line of the source, in a macro's words, in two at once, of
/// headers that are not there, of a symbol that is not exported.
const PROBES: [(&str, &str, bool); 10] = [
    (
        "a_member",
        "#include <linux/thing.h>\nint a(struct thing *t) { return t->here; }",
        true,
    ),
    (
        "absent",
        "#include <linux/thing.h>\nint b(struct thing *t) { return t->gone; }",
        false,
    ),
    (
        "by_macro",
        "#include <linux/thing.h>\nint c(struct thing *t) { return get(t, gone); }",
        false,
    ),
    (
        "declared",
        "#include <linux/thing.h>\n/* EXPORT: told */\nvoid *d = told;",
        true,
    ),
    (
        "hidden",
        "#include <linux/thing.h>\n/* EXPORT: kept */\nvoid *e = kept;",
        false,
    ),
    ("later", "#include <linux/later.h>\nint f;", false),
    (
        "later_too",
        "#include <linux/thing.h>\n#include <linux/even/later.h>\nint g;",
        false,
    ),
    (
        "missing",
        "#include <linux/thing.h>\nvoid *h = missing;",
        false,
    ),
    ("other", "#include <linux/other.h>\nint *i = &other;", true),
    (
        "sizes",
        "#include <linux/thing.h>\n_Static_assert(sizeof(struct thing) == 64, \"other\");",
        false,
    ),
];

struct Kernel {
    root: tempfile::TempDir,
}

impl Kernel {
    fn new(probes: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let write = |file: &str, text: &str| {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().expect("has one")).expect("made");
            fs::write(path, text).expect("written");
        };
        for (name, text) in HEADERS {
            write(&format!("include/{name}"), text);
        }
        for (name, text) in probes {
            write(&format!("probes/{name}.c"), &format!("{text}\n"));
        }
        write(
            "Module.symvers",
            "0x00000000\ttold\tvmlinux\tEXPORT_SYMBOL\t\n",
        );
        Self { root }
    }

    /// The answers by name, what was written beside them, and how often the compiler ran.
    fn ask(&self, compiler: &str, alone: bool) -> (BTreeMap<String, bool>, String, usize) {
        let path = |name: &str| self.root.path().join(name).display().to_string();
        let counting = "#!/bin/sh\necho run >>\"$COUNT\"\nexec \"$COMPILER\" \"$@\"\n";
        let cc = self.root.path().join("cc");
        fs::write(&cc, counting).expect("written");
        let mut probes: Vec<String> = fs::read_dir(self.root.path().join("probes"))
            .expect("a directory")
            .map(|entry| entry.expect("an entry").path().display().to_string())
            .collect();
        probes.sort();
        let count = path("count");
        let _ = fs::remove_file(&count);
        let output = Command::new("sh")
            .arg(SCRIPT)
            .args([
                path("made/probed.h"),
                path("Module.symvers"),
                probes.join(" "),
            ])
            .arg("sh")
            .arg(&cc)
            .arg(format!("-I{}", path("include")))
            // As Kbuild has it: text with quotes.
            .args(["-DKBUILD_BASENAME=\"saker probe\"", "-Werror"])
            .env("COUNT", &count)
            .env("COMPILER", compiler)
            .env("SAKER_PROBE_ALONE", if alone { "1" } else { "" })
            .output()
            .expect("sh");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let text = fs::read_to_string(path("made/probed.h")).expect("answers");
        let log = fs::read_to_string(path("made/probed.log")).expect("a log");
        let runs = fs::read_to_string(&count).expect("runs").lines().count();
        (answers(&text), log, runs)
    }
}

fn answers(text: &str) -> BTreeMap<String, bool> {
    let answer = |line: &str| {
        let yes = line.strip_prefix("#define SAKER_HAVE_");
        let yes = yes.and_then(|line| line.strip_suffix(" 1"));
        let no = line
            .strip_prefix("/* no ")
            .and_then(|line| line.strip_suffix(" */"));
        match (yes, no) {
            (Some(name), _) => (name.to_lowercase(), true),
            (_, Some(name)) => (name.to_owned(), false),
            _ => panic!("{line}"),
        }
    };
    text.lines().map(answer).collect()
}

fn expected() -> BTreeMap<String, bool> {
    let mut answers = BTreeMap::new();
    for (name, _, answer) in PROBES {
        answers.insert(name.to_owned(), answer);
    }
    answers
}

#[test]
fn all_at_once_answer_as_each_alone() {
    let kernel = Kernel::new(&PROBES.map(|(name, text, _)| (name, text)));
    for compiler in COMPILERS {
        let (together, log, runs) = kernel.ask(compiler, false);
        assert_eq!(together, expected(), "{compiler}: {log}");
        // Which compiler, all of them, without either header that is not there, without what they hid.
        assert!(runs <= 5, "{compiler}: {runs} runs, {log}");
        for why in ["gone", "linux/later.h", "does not export kept"] {
            assert!(log.contains(why), "{compiler}: no {why} in {log}");
        }
        let (alone, _, runs) = kernel.ask(compiler, true);
        assert_eq!(alone, expected(), "{compiler}");
        assert_eq!(runs, PROBES.len(), "{compiler}");
    }
}

/// An error in a header is none of the others' business.
#[test]
fn a_header_that_does_not_compile_is_one_probes_affair() {
    let mut probes = PROBES.map(|(name, text, _)| (name, text)).to_vec();
    probes.push(("broken", "#include <linux/broken.h>\nint z;"));
    let kernel = Kernel::new(&probes);
    for compiler in COMPILERS {
        let mut expected = expected();
        expected.insert("broken".to_owned(), false);
        let (together, log, _) = kernel.ask(compiler, false);
        assert_eq!(together, expected, "{compiler}: {log}");
        assert!(log.contains("not for modules"), "{log}");
    }
}

/// A compiler that does not run compiles nothing; what is asked first says so (`baseline.c`, compat.h).
#[test]
fn without_a_compiler_every_answer_is_no() {
    let kernel = Kernel::new(&PROBES.map(|(name, text, _)| (name, text)));
    let (answers, log, _) = kernel.ask("/nonexistent/cc", false);
    assert!(answers.values().all(|answer| !answer), "{answers:?}");
    assert!(log.contains("/nonexistent/cc"), "{log}");
    assert!(kernel.root.path().join("made/probed.h").exists());
}

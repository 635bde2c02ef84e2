//! Whole builds on made-up machines: programs are shell scripts.

use std::fs;

use super::compiler::tests::fake as fake_compiler;
use super::headers::tests::tree;
use super::source::tests::packaged;
use super::*;
use crate::command::tests::assert_ends;
use crate::host::tests::{program, script};
use crate::modinfo::tests::elf;

const REL: &str = "6.1.0-56-amd64";

/// A machine on which a build succeeds.
struct Machine {
    root: tempfile::TempDir,
    host: Host,
    request: Request,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::fake(root.path(), REL);
        fs::create_dir(root.path().join("proc")).expect("made");
        fs::write(root.path().join("proc/modules"), "").expect("written");
        let config = "CONFIG_MODULES=y\nCONFIG_CC_VERSION_TEXT=gcc-12 (D) 12.2.0\n";
        tree(
            &root.path().join("usr/src/linux-headers-6.1.0-56-amd64"),
            REL,
            config,
        );
        packaged(&root.path().join("source"));
        fake_compiler(&host, "gcc-12", "gcc", "12.2.0");
        program(&host, "strip", "exit 0");
        let module = root.path().join("module");
        let vermagic = format!("vermagic={REL} SMP mod_unload ");
        fs::write(&module, elf(&["version=0.1.0", &vermagic])).expect("written");
        let request = Request {
            source: Some(root.path().join("source")),
            ..Request::default()
        };
        let machine = Self {
            root,
            host,
            request,
        };
        machine.make(&format!("cp {} $dir/saker.ko", module.display()));
        machine
    }

    /// Replaces make by a script that knows its directory as `$dir`.
    fn make(&self, action: &str) {
        let find = "for word; do case $word in M=*) dir=${word#M=};; esac; done";
        program(&self.host, "make", &format!("{find}\necho $*\n{action}"));
    }

    fn headers(&self) -> PathBuf {
        self.host.path("/usr/src/linux-headers-6.1.0-56-amd64")
    }

    fn build(&self) -> Result<Built, BuildError> {
        build(&self.host, &self.request)
    }

    /// The text of the error that a build ends with.
    fn error(&self) -> String {
        self.build().expect_err("no module").to_string()
    }
}

#[test]
fn a_module_is_built_and_kept_for_its_kernel() {
    let machine = Machine::new();
    let built = machine.build().expect("built");
    assert_eq!(
        built.path,
        machine.host.path(format!("{BUILT_DIR}/{REL}/saker.ko"))
    );
    assert_eq!(built.release, REL);
    assert!(built.notes.is_empty(), "{:?}", built.notes);
    assert!(!built.signed);
    ModInfo::read(&built.path).expect("a module");
    let log = fs::read_to_string(built.path.with_extension("ko.log")).expect("a log");
    assert!(log.contains("CC="), "{log}");
    assert!(log.contains("SAKER_ABI_DIR="), "{log}");
}

#[test]
fn all_that_is_missing_is_one_message() {
    let mut machine = Machine::new();
    machine.host = Host::fake(&machine.root.path().join("empty"), REL);
    machine.request.source = Some("/nowhere".into());
    assert!(machine.error().contains("without modules"));
    for (path, text) in [("/etc/os-release", "ID=debian\n"), ("/proc/modules", "")] {
        let path = machine.host.path(path);
        fs::create_dir_all(path.parent().expect("has one")).expect("made");
        fs::write(path, text).expect("written");
    }
    let text = machine.error();
    for word in [
        "no Kbuild in /nowhere",
        "/lib/modules/6.1.0-56-amd64/build",
        "a compiler",
        "make: it is not in PATH",
    ] {
        assert!(text.contains(word), "{text}");
    }
    let hint = "= hint: apt-get install linux-headers-6.1.0-56-amd64 gcc make\n";
    assert!(text.contains(hint), "{text}");
}

#[test]
fn the_compiler_of_the_kernel_is_asked_for_by_its_package() {
    let machine = Machine::new();
    fs::remove_file(machine.root.path().join("bin/gcc-12")).expect("removed");
    let text = machine.error();
    assert!(text.contains("gcc 12 (gcc-12 (D) 12.2.0)"), "{text}");
    assert!(text.contains("apt-get install gcc-12"), "{text}");
    assert!(text.contains("zypper install gcc"), "{text}");
}

#[test]
fn another_compiler_is_told_and_blamed_when_the_build_fails() {
    let machine = Machine::new();
    fs::remove_file(machine.root.path().join("bin/gcc-12")).expect("removed");
    fake_compiler(&machine.host, "gcc", "gcc", "14.2.0");
    let built = machine.build().expect("built");
    assert!(
        built.notes[0].contains("was built with gcc 12"),
        "{:?}",
        built.notes
    );
    machine.make("echo 'main.c:1:1: error: unknown flag'; exit 2");
    let text = machine.error();
    assert!(text.contains("main.c:1:1: error: unknown flag"), "{text}");
    assert!(
        text.contains("= note: kernel 6.1.0-56-amd64 was built with gcc 12"),
        "{text}"
    );
    assert!(text.contains("saker.ko.log"), "{text}");
}

#[test]
fn headers_of_another_kernel_are_refused_unless_asked_for() {
    let mut machine = Machine::new();
    let other = machine.root.path().join("other");
    tree(&other, "5.10.0-1-amd64", "CONFIG_MODULES=y\n");
    machine.request.headers = Some(other);
    machine.request.kernel = Some(REL.to_owned());
    let text = machine.error();
    assert!(
        text.contains("kernel 5.10.0-1-amd64, not of 6.1.0-56"),
        "{text}"
    );
    machine.request.kernel = None;
    let text = machine.error();
    // The fake make builds for the other kernel only: the result is checked, too.
    assert!(
        text.contains("not the module for kernel 5.10.0-1-amd64"),
        "{text}"
    );
    assert!(text.contains("it is for kernel 6.1.0-56-amd64"), "{text}");
}

#[test]
fn a_kernel_without_modules_and_a_name_that_is_none_are_told() {
    let mut machine = Machine::new();
    fs::write(
        machine.headers().join("include/config/auto.conf"),
        "CONFIG_X86=y\n",
    )
    .expect("written");
    assert!(machine.error().contains("without modules"));
    for name in ["../../etc", "", "6.1; rm -rf", "x86"] {
        machine.request.kernel = Some(name.to_owned());
        assert!(machine.error().contains("is no kernel release"), "{name}");
    }
}

#[test]
fn output_that_cannot_be_written_is_known_before_make_runs() {
    let mut machine = Machine::new();
    machine.request.output = Some("/proc/saker.ko".into());
    machine.make("exit 1");
    let text = machine.error();
    assert!(text.starts_with("/proc: "), "{text}");
}

#[test]
fn a_hanging_make_is_killed() {
    let mut machine = Machine::new();
    machine.make("sleep 1000");
    machine.request.timeout = Duration::from_millis(200);
    let text = machine.error();
    assert!(text.contains("was killed"), "{text}");
}

#[test]
fn a_build_nobody_wants_any_more_ends_at_once_and_leaves_nothing() {
    let mut machine = Machine::new();
    let [told, never] = ["told", "never"].map(|name| {
        let path = machine.root.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).expect("made");
        path
    });
    // It tells of itself and of a child; both wait for somebody to open the other FIFO, which nobody does.
    machine.make(&format!(
        "cat {never} & echo $$ $! $dir > {told}; cat {never}",
        told = told.display(),
        never = never.display()
    ));
    machine.request.timeout = Duration::from_secs(60);
    let (stop, stopper) = std::io::pipe().expect("a pipe");
    machine.request.stop = Some(stop);
    let reader = std::thread::spawn(move || {
        let line = fs::read_to_string(&told).expect("told");
        drop(stopper);
        line
    });
    let error = machine.build().expect_err("stopped");
    assert!(matches!(error, BuildError::Stopped), "{error}");
    let line = reader.join().expect("told");
    let words: Vec<&str> = line.split_whitespace().collect();
    for pid in &words[..2] {
        assert_ends(pid.parse().expect("a number"));
    }
    assert!(!Path::new(words[2]).exists(), "{line}");
    let kept = machine.host.path(format!("{BUILT_DIR}/{REL}"));
    assert_eq!(fs::read_dir(kept).expect("read").count(), 0);
}

#[test]
fn debug_information_is_stripped_before_the_signature_or_its_presence_is_noted() {
    let machine = Machine::new();
    let said = machine.root.path().join("said");
    program(
        &machine.host,
        "strip",
        &format!("echo $1 >> {}; test -f $2", said.display()),
    );
    assert!(machine.build().expect("built").notes.is_empty());
    let text = fs::read_to_string(&said).expect("written");
    assert_eq!(text, "--strip-debug\n");
    program(&machine.host, "strip", "echo broken; exit 1");
    let notes = machine.build().expect("built").notes;
    assert!(
        notes[0].contains("keeps its debug information"),
        "{notes:?}"
    );
    assert!(notes[0].contains("broken"), "{notes:?}");
    fs::remove_file(machine.root.path().join("bin/strip")).expect("removed");
    let notes = machine.build().expect("built").notes;
    assert!(notes[0].contains("no strip in PATH"), "{notes:?}");
}

#[test]
fn garbage_instead_of_a_module_is_not_kept() {
    let machine = Machine::new();
    for action in [
        "echo garbage > $dir/saker.ko",
        "head -c 100 $0 > $dir/saker.ko",
    ] {
        machine.make(action);
        let text = machine.error();
        assert!(text.contains("not the module for kernel"), "{text}");
    }
    machine.make("exit 0");
    assert!(machine.error().contains("does not build"));
    let path = machine.host.path(format!("{BUILT_DIR}/{REL}/saker.ko"));
    assert!(!path.exists());
    let left: Vec<_> = fs::read_dir(path.parent().expect("has one"))
        .expect("read")
        .map(|entry| entry.expect("read").file_name())
        .collect();
    assert_eq!(left, ["saker.ko.log"]);
}

#[test]
fn a_key_signs_and_its_absence_is_noted_where_signatures_are_wanted() {
    let mut machine = Machine::new();
    let config = machine.headers().join("include/config/auto.conf");
    fs::write(config, "CONFIG_MODULES=y\nCONFIG_MODULE_SIG_FORCE=y\n").expect("written");
    let built = machine.build().expect("built");
    assert!(built.notes[0].contains("not signed"), "{:?}", built.notes);

    let keys = SignKey {
        key: machine.root.path().join("key"),
        certificate: machine.root.path().join("cert"),
    };
    machine.request.sign = Some(keys.clone());
    assert!(machine.error().contains("--sign-key"));
    fs::write(&keys.key, "").expect("written");
    fs::write(&keys.certificate, "").expect("written");
    assert!(machine.error().contains("scripts/sign-file"));
    script(
        &machine.headers().join("scripts/sign-file"),
        "echo '~Module signature appended~' >> $4",
    );
    let built = machine.build().expect("built");
    assert!(built.signed);
    let [note] = &built.notes[..] else {
        panic!("what to enrol: {:?}", built.notes);
    };
    assert!(note.contains("mokutil --import"), "{note}");
}

//! The stock rules files load unmodified. They are not part of the project: `make compat`.

mod common;

use std::path::PathBuf;

use common::TestSchema;
use saker_engine::compiler::{Selection, compile};
use saker_engine::diagnostics::Code;
use saker_engine::loader::{Loader, LoaderOptions, Outcome};

/// Event types the stock rules name.
const EVENTS: &str = "open openat openat2 open_by_handle_at creat execve execveat connect accept \
    accept4 bind listen socket sendto sendmsg recvfrom recvmsg recvmmsg sendmmsg clone clone3 fork \
    vfork chmod fchmod fchmodat rename renameat renameat2 unlink unlinkat rmdir mkdir mkdirat link \
    linkat symlink symlinkat dup dup2 dup3 setuid setns unshare mount umount umount2 bpf ptrace \
    memfd_create userfaultfd io_uring_setup init_module finit_module read write close ioctl \
    procexit asyncevent container kill setsid getuid signalfd";

fn directory() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/compat");
    let path = std::env::var_os("SAKER_COMPAT").map_or_else(|| default.into(), PathBuf::from);
    assert!(
        path.is_dir(),
        "SAKER_COMPAT: no directory {}",
        path.display()
    );
    path
}

fn load(sources: &[&str], files: &[&str]) -> (Outcome, TestSchema) {
    let events = EVENTS.split_whitespace().map(str::to_owned).collect();
    let mut schema = TestSchema::with_events(events);
    schema.lenient = true;
    let options = LoaderOptions {
        sources: sources.iter().map(|source| (*source).to_owned()).collect(),
        ..LoaderOptions::default()
    };
    let mut loader = Loader::new(options);
    for file in files {
        let path = directory().join(file);
        let bytes = std::fs::read(&path).expect("readable stock rules");
        loader.add_file(file, &bytes);
    }
    let schemas: Vec<(&str, &dyn saker_engine::schema::Schema)> = sources
        .iter()
        .map(|source| (*source, &schema as _))
        .collect();
    (loader.finish_sources(&schemas), schema)
}

fn errors(outcome: &Outcome) -> String {
    outcome.errors().map(|error| format!("{error}\n")).collect()
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_stock_rules_load_unmodified() {
    let files = [
        ("falco-rules/falco_rules.yaml", 25),
        ("falco-rules/falco-incubating_rules.yaml", 31),
        ("falco-rules/falco-sandbox_rules.yaml", 37),
    ];
    for (file, rules) in files {
        let (outcome, _) = load(&["syscall"], &[file]);
        assert_eq!(errors(&outcome), "", "{file}");
        assert_eq!(outcome.rules.len(), rules, "{file}");
    }
    let all: Vec<&str> = files.iter().map(|(file, _)| *file).collect();
    let (outcome, schema) = load(&["syscall"], &all);
    assert_eq!(errors(&outcome), "");
    assert_eq!(outcome.rules.len(), 93);
    let unused = [Code::UnusedMacro, Code::UnusedList];
    let others: Vec<String> = outcome
        .warnings()
        .filter(|warning| !unused.contains(&warning.code))
        .map(ToString::to_string)
        .collect();
    assert_eq!(others, Vec::<String>::new());
    let set = compile(&outcome, &schema, &Selection::default()).expect("compiles");
    assert!(set.event_types().count() > 20);
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_rules_of_plugin_sources_parse() {
    let sources = [
        "k8s_audit",
        "aws_cloudtrail",
        "okta",
        "github",
        "gcp_auditlog",
    ];
    let files = [
        "plugin-rules/k8s_audit_rules.yaml",
        "plugin-rules/k8s_audit_rules_gke.yaml",
        "plugin-rules/aws_cloudtrail_rules.yaml",
        "plugin-rules/okta_rules.yaml",
        "plugin-rules/github.yaml",
        "plugin-rules/gcp_auditlog_rules.yaml",
    ];
    let (outcome, _) = load(&sources, &files);
    // The plugins themselves are somebody else's: only their version requirements may fail here.
    let others: Vec<String> = outcome
        .errors()
        .filter(|error| {
            !error
                .message
                .starts_with("Plugin requirement not satisfied")
        })
        .map(ToString::to_string)
        .collect();
    assert_eq!(others, Vec::<String>::new());
    assert!(outcome.rules.len() > 60, "{} rules", outcome.rules.len());
}

//! What an alert must say.
//!
//! Every field of a rule's output is compared: with the value its attack states, else with the default
//! of the place. A field with neither is a mistake of the table.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use saker_tests_live::alert::Alert;
use saker_tests_live::evader;
use serde_json::Value;

use crate::attack::{Attack, Place};
use crate::container::RUNTIME;
use crate::run::{Ran, TOKEN_FIELD};
use crate::sight::Sights;
use crate::stage::PROGRAMS;
use crate::stock::Rule;

/// Any value, but there must be one; text after it is how the value ends.
pub const ANY: &str = "*";
/// Any value or none.
pub const MAYBE: &str = "?";
/// No value, as alerts print it.
const ABSENT: &str = "<NA>";
/// The field that Saker adds where the file has another name than the one given. An attack that states none must
/// have none.
pub const REAL_PATH: &str = "fd.realpath";
/// The same of calls that return no descriptor, where the driver sees what they act on ([`Sights::functions`]).
pub const REAL_PATHS: [&str; 3] = [
    "fs.realpath.name",
    "fs.realpath.source",
    "fs.realpath.target",
];
/// The same of a program that is executed. The laboratory's are mounted into containers, so that the host has them
/// elsewhere.
pub const REAL_PROGRAM: &str = "proc.realpath";
/// How the program asked for it; compared where an attack states it.
pub const VIA: &str = "evt.via";
/// Fields that the agent's configuration adds to every alert for the suite.
pub const EXTRA_FIELDS: [&str; 3] = ["proc.sid", TOKEN_FIELD, VIA];

/// Whether a field is in alerts for other reasons than the rule's.
pub fn is_own(field: &str) -> bool {
    [REAL_PATH, REAL_PROGRAM].contains(&field)
        || REAL_PATHS.contains(&field)
        || EXTRA_FIELDS.contains(&field)
}

/// Fields that it adds as Falco's container plugin suggests.
const SUGGESTED: [&str; 6] = [
    "container.id",
    "container.image.repository",
    "container.image.tag",
    "container.name",
    "k8s.ns.name",
    "k8s.pod.name",
];
/// Name of the shells that run scripts.
const SCRIPT: &str = "sh";
/// The audit user of those who never logged in.
const NO_LOGINUID: &str = "4294967295";

/// Compares an alert with the stock rule and the attack.
///
/// # Errors
/// When something differs, with all that does.
pub fn compare(
    alert: &Alert,
    rule: &Rule,
    attack: &Attack,
    ran: &Ran,
    sights: Sights,
) -> Result<()> {
    let mut wrong = Vec::new();
    let mut differ = |what: &str, got: String, want: String| {
        if got != want {
            wrong.push(format!("{what} is {got}, not {want}"));
        }
    };
    let text = |key: &str| alert.json[key].as_str().unwrap_or_default().to_owned();
    differ("priority", text("priority"), rule.priority.clone());
    differ("source", text("source"), "syscall".to_owned());
    differ(
        "tags",
        format!("{:?}", strings(&alert.json["tags"])),
        format!("{:?}", rule.tags),
    );
    let fields: BTreeSet<String> = alert.json["output_fields"]
        .as_object()
        .context("no output fields")?
        .keys()
        .filter(|name| !is_own(name))
        .cloned()
        .collect();
    let mut expected = rule.fields.clone();
    expected.insert("evt.time".to_owned());
    expected.extend(SUGGESTED.map(str::to_owned));
    differ(
        "set of fields",
        format!("{fields:?}"),
        format!("{expected:?}"),
    );
    let own = [REAL_PATH, REAL_PROGRAM, VIA].into_iter().chain(REAL_PATHS);
    for name in fields.iter().map(String::as_str).chain(own) {
        let got = alert.field(name).unwrap_or_else(|| ABSENT.to_owned());
        let Some(want) = expectation(name, attack, ran, sights) else {
            differ(
                name,
                got,
                "expected by anybody: state it in the table".to_owned(),
            );
            continue;
        };
        match want.as_str() {
            MAYBE => {}
            end if got != ABSENT && end.strip_prefix(ANY).is_some_and(|end| got.ends_with(end)) => {
            }
            _ => differ(name, got, want),
        }
    }
    for told in told(alert) {
        if !alert.output().contains(&told) {
            wrong.push(format!("no `{told}` in the text: {}", alert.output()));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n    "));
    Ok(())
}

/// What the text must say of real names.
fn told(alert: &Alert) -> Vec<String> {
    let names = [REAL_PATH, REAL_PROGRAM].into_iter().chain(REAL_PATHS);
    let real: Vec<_> = names
        .filter_map(|name| Some((name, alert.field(name)?)))
        .collect();
    match &real[..] {
        [(_, only)] => vec![format!(" realpath={only}")],
        several => several
            .iter()
            .map(|(name, path)| format!(" {}={path}", name.trim_start_matches("fs.")))
            .collect(),
    }
}

fn strings(value: &Value) -> BTreeSet<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

/// The value that a field must have; `None` when nobody says.
fn expectation(name: &str, attack: &Attack, ran: &Ran, sights: Sights) -> Option<String> {
    let stated = |name: &str| {
        let older = if sights.old_kernel { attack.older } else { &[] };
        let mut fields = older.iter().chain(attack.fields);
        let value = fields.find(|(field, _)| *field == name)?.1;
        Some(ran.expand(value))
    };
    if REAL_PATHS.contains(&name) && !sights.functions {
        return Some(ABSENT.to_owned());
    }
    if let Some(value) = stated(name) {
        return Some(value);
    }
    let place = attack.action.place;
    let program = || {
        let line = stated("proc.cmdline")?;
        line.split(' ').next().map(str::to_owned)
    };
    let value = match name {
        "evt.time" => ANY.to_owned(),
        REAL_PATH => ABSENT.to_owned(),
        REAL_PROGRAM => match program().filter(|name| is_mounted(name, place)) {
            Some(name) if stated("evt.type").is_none() => format!("{ANY}/{name}"),
            _ => ABSENT.to_owned(),
        },
        _ if REAL_PATHS.contains(&name) => ABSENT.to_owned(),
        VIA => MAYBE.to_owned(),
        "proc.name" => return program(),
        "proc.exepath" => return program().map(|name| executable(&name, place, ran)),
        // Programs of the laboratory are no part of the image.
        "evt.arg.flags" => return program().map(|name| flags(&name, place).to_owned()),
        "user.loginuid" => match ran.loginuid.as_str() {
            NO_LOGINUID => "-1".to_owned(),
            uid => uid.to_owned(),
        },
        "user.loginname" if ran.loginuid != NO_LOGINUID => ANY.to_owned(),
        "container.id" => ran.container.clone().unwrap_or_else(|| "host".to_owned()),
        _ if let Some(level) = level(name) => {
            let parent = stated("proc.pname").unwrap_or_else(|| SCRIPT.to_owned());
            let others = (2..).map_while(|level| stated(&format!("proc.aname[{level}]")));
            let mut names: Vec<String> = std::iter::once(parent).chain(others).collect();
            let is_script = names[0] == SCRIPT && stated("proc.pcmdline").is_none();
            above(&mut names, is_script, place);
            ancestor(level, &names, ran)
        }
        _ => return default(name, place).map(|value| ran.expand(value)),
    };
    Some(value)
}

/// N of `proc.aname[N]`.
fn level(name: &str) -> Option<usize> {
    name.strip_prefix("proc.aname[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

/// Adds what is above an actor below `names`: its parent is the script, a program of the script, or, for the first process
/// of a container, its runtime.
fn above(names: &mut Vec<String>, is_script: bool, place: Place) {
    let is_first = names[0] == RUNTIME;
    let mut push = |name: &str| names.push(name.to_owned());
    if !is_first {
        if !is_script {
            push(SCRIPT);
        }
        // What the script runs in.
        match place {
            Place::Host => {}
            Place::HostNetwork => push(SCRIPT),
            Place::Container(_) => push(RUNTIME),
        }
    }
    if place.is_container() {
        push(SCRIPT);
    }
}

/// `proc.aname[level]` where `names` are those of the suite, the parent's first.
fn ancestor(level: usize, names: &[String], ran: &Ran) -> String {
    let Some(above) = &ran.ancestors else {
        return names
            .get(level - 1)
            .map_or(MAYBE, String::as_str)
            .to_owned();
    };
    let name = names.iter().chain(above).nth(level - 1);
    name.map_or(ABSENT, String::as_str).to_owned()
}

/// Where a program of that name is.
fn executable(name: &str, place: Place, ran: &Ran) -> String {
    if PROGRAMS.contains(&name) || name == evader::NAME {
        return ran.expand(&format!("$LAB/{name}"));
    }
    if place.is_container() {
        return "/bin/busybox".to_owned();
    }
    format!("/usr/bin/{name}")
}

/// Whether it is the laboratory's, in a container.
fn is_mounted(name: &str, place: Place) -> bool {
    place.is_container() && (PROGRAMS.contains(&name) || name == evader::NAME)
}

/// The exec flags of a program that root runs.
fn flags(name: &str, place: Place) -> &'static str {
    if place.is_container() && !PROGRAMS.contains(&name) {
        return "EXE_WRITABLE|EXE_LOWER_LAYER";
    }
    "EXE_WRITABLE"
}

/// Most attacks are programs that root's shell script runs.
fn default(name: &str, place: Place) -> Option<&'static str> {
    Some(match (name, place.is_container()) {
        ("evt.type", _) => "execve",
        ("evt.res", _) => "SUCCESS",
        ("user.name" | "group.name", _) => "root",
        ("user.uid" | "group.gid" | "proc.tty", _) => "0",
        ("user.loginname" | "k8s.ns.name" | "k8s.pod.name", _) => ABSENT,
        ("proc.pname", _) => "sh",
        ("proc.cwd", _) => "/",
        ("proc.pcmdline", _) if place == Place::Host => "sh -eu $LAB/action.sh",
        ("proc.pcmdline", _) => "sh -eu $LAB/attack.sh",
        // Most connections.
        ("fd.type", _) => "ipv4",
        ("fd.l4proto", _) => "tcp",
        ("fd.lport", _) => ANY,
        ("container.name", false) => "host",
        ("container.image.repository" | "container.image.tag", false) => "",
        ("container.name" | "container.image.repository" | "container.image.tag", true) => ABSENT,
        _ => return None,
    })
}

//! Whether a process may write to its own program: by owner, groups, mode and capabilities, as the kernel would say.

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::{Case, check_all, stop_cleanly};
use saker_tests_live::lab::Lab;

const RULES: &str = r#"
- rule: run
  desc: A program of the laboratory.
  condition: evt.type=execve and evt.rawres=0 and proc.name startswith prog-
  output: "%proc.name %proc.is_exe_writable %user.uid"
  priority: INFO
"#;

/// Of root and of group 4242.
macro_rules! run {
    ($name:literal, $mode:literal, $by:literal, $writable:literal) => {
        Case {
            rule: "run",
            script: concat!(
                "chmod 755 $LAB; cp /bin/true $LAB/prog-",
                $name,
                "\n",
                "chown 0:4242 $LAB/prog-",
                $name,
                "; chmod ",
                $mode,
                " $LAB/prog-",
                $name,
                "\n",
                $by,
                " $LAB/prog-",
                $name,
            ),
            fields: &[
                ("proc.name", concat!("prog-", $name)),
                ("proc.is_exe_writable", $writable),
            ],
        }
    };
}

const CASES: &[Case] = &[
    run!("root", "0555", "", "true"),
    run!(
        "other",
        "0775",
        "setpriv --reuid 4243 --regid 4244 --clear-groups",
        "false"
    ),
    run!(
        "all",
        "0777",
        "setpriv --reuid 4243 --regid 4244 --clear-groups",
        "true"
    ),
    run!(
        "group",
        "0775",
        "setpriv --reuid 4243 --regid 4242 --clear-groups",
        "true"
    ),
    run!(
        "groups",
        "0775",
        "setpriv --reuid 4243 --regid 4244 --groups 7,4242,5000,60000",
        "true"
    ),
    run!(
        "read",
        "0755",
        "setpriv --reuid 4243 --regid 4244 --groups 7,4242",
        "false"
    ),
    // All capabilities, in a user namespace that does not know the owner.
    run!(
        "ns",
        "0755",
        "setpriv --reuid 4243 --regid 4244 --clear-groups unshare -r",
        "false"
    ),
    // And in one that does.
    run!("mapped", "0555", "unshare -r", "true"),
];

#[test]
fn who_may_write_to_its_program_is_known() {
    let lab = Lab::new().expect("a laboratory, as root");
    let rules = lab.write("rules.yaml", RULES).expect("written");
    let agent = Agent::start(&Options::rules([rules])).expect("an agent");
    check_all(&agent, &lab, CASES).expect("every alert");
    stop_cleanly(agent).expect("a clean end");
}

//! Ways to a file that hide its name: rules see the file that was reached. Benign twins: what only looks so
//! stays silent.

use saker_tests_live::action;
use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::{Case, check, check_all, of_session, outputs, stop_cleanly};
use saker_tests_live::driver::Driver;
use saker_tests_live::evader;
use saker_tests_live::kernel;
use saker_tests_live::lab::Lab;
use serde_json::json;

/// The rule under test, one on what programs write that makes an exception by the name of a link, and one
/// on a file that nothing else opens, to know that the agent has seen all before it.
const RULES: &str = "
- rule: shadow
  desc: Who reads it
  condition: evt.type in (open, openat, openat2) and fd.num>=0 and fd.name=/etc/shadow
  output: reads %fd.name via %evt.via by %proc.name %evt.type %fd.num
  priority: WARNING
- rule: written
  desc: What is written outside of the place for it
  condition: >
    evt.type in (open, openat, openat2, creat) and evt.is_open_write=true and fd.num>=0
    and fd.filename contains saker-live- and not fd.name startswith /var/run/
  output: writes %fd.name
  priority: WARNING
- rule: changed
  desc: What a ring does to directories
  condition: evt.type in (mkdirat, renameat2, unlinkat) and evt.via=io_uring and evt.rawres=0
  output: ring %evt.type %fs.path.name %fs.path.source %fs.path.target
  priority: WARNING
- rule: swapped
  desc: A pipe that nothing else opens
  condition: evt.type=openat and fd.name endswith /the-fifo and evt.is_open_read=true
  output: reads %fd.name
  priority: WARNING
- rule: sleeper
  desc: A program by its path
  condition: evt.type=execve and proc.exepath=/usr/bin/sleep
  output: runs %proc.exepath as %proc.name
  priority: WARNING
- rule: named
  desc: A program by the name it was executed by
  condition: evt.type=execve and evt.arg.filename=/usr/bin/env
  output: executes %evt.arg.filename as %proc.name
  priority: WARNING
- rule: deep
  desc: A program below the laboratory, wherever there
  condition: >
    evt.type=execve and proc.exepath startswith /var/lib/saker-live- and proc.exepath endswith /copied
  output: runs %proc.exepath as %proc.name
  priority: WARNING
- rule: renumbered
  desc: Who gives it another number
  condition: evt.type=dup2 and fd.name=/etc/shadow
  output: renumbered %fd.num %fd.name by %proc.name
  priority: WARNING
- rule: end
  desc: The last action
  condition: evt.type=openat and fd.name endswith /the-last-one
  output: last %fd.name %fd.num
  priority: WARNING
";

/// How the alert of a way names the file.
macro_rules! way {
    ($script:expr, $name:expr) => {
        Case {
            rule: "shadow",
            script: $script,
            fields: &[("fd.name", $name), ("fd.realpath", "/etc/shadow")],
        }
    };
}

/// Every way ends at /etc/shadow; `fd.name` is what the program called it.
const WAYS: &[Case] = &[
    way!(
        "cat /proc/self/root/etc/shadow",
        "/proc/self/root/etc/shadow"
    ),
    way!("cat /proc/$$/root/etc/shadow", "/proc/$PID/root/etc/shadow"),
    way!("ln -s /etc/shadow $LAB/link; cat $LAB/link", "$LAB/link"),
    way!(
        "ln -s /etc $LAB/etc; cat $LAB/etc/shadow",
        "$LAB/etc/shadow"
    ),
    way!("cat /proc/self/cwd/etc/shadow", "/proc/self/cwd/etc/shadow"),
    way!(
        "mkdir -p $LAB/bind\n\
         unshare -m sh -euc 'mount --bind /etc $0/bind; cat $0/bind/shadow' $LAB",
        "$LAB/bind/shadow"
    ),
    way!(
        ": > $LAB/file\n\
         unshare -m sh -euc 'mount --bind /etc/shadow $0/file; cat $0/file' $LAB",
        "$LAB/file"
    ),
    way!("$LAB/evader chroot /etc /shadow", "/shadow"),
    Case {
        rule: "shadow",
        script: "$LAB/evader number /etc/shadow",
        fields: &[("evt.type", "openat"), ("fd.name", "/etc/shadow")],
    },
    // What a descriptor of a mount is called is not known.
    Case {
        rule: "shadow",
        script: "$LAB/evader tree /etc shadow",
        fields: &[("fd.realpath", "/etc/shadow")],
    },
    Case {
        rule: "shadow",
        script: "$LAB/evader tree / etc/shadow",
        fields: &[("fd.realpath", "/etc/shadow")],
    },
    // Rules that name openat see it as one; alerts tell what it was.
    Case {
        rule: "shadow",
        script: "$LAB/evader handle /etc /etc/shadow",
        fields: &[
            ("evt.type", "open_by_handle_at"),
            ("fd.name", "/etc/shadow"),
        ],
    },
    Case {
        rule: "shadow",
        script: "$LAB/evader forgotten /etc /etc/shadow",
        fields: &[("evt.type", "open_by_handle_at")],
    },
    way!(
        "mkdir -p $LAB/held\n\
         unshare -m sh -euc 'mount --bind /etc $0/held; $0/evader handle $0/held $0/held/shadow' $LAB",
        "$LAB/held/shadow"
    ),
];

/// Deep below: many directories, long ones, and more than any driver follows.
const DEEP: &[Case] = &[
    deep("unshare -m $LAB/evader deep $LAB 70 d /etc shadow"),
    deep("unshare -m $LAB/evader deep $LAB 40 $(printf %0200d 0) /etc shadow"),
    deep("unshare -m $LAB/evader deep $LAB 4200 d /etc shadow"),
    below("$LAB/evader below $LAB 70 d /bin/true"),
    below("$LAB/evader below $LAB 40 $(printf %0200d 0) /bin/true"),
];

const fn deep(script: &'static str) -> Case {
    Case {
        rule: "shadow",
        script,
        fields: &[("fd.realpath", "/etc/shadow"), ("proc.name", "evader")],
    }
}

const fn below(script: &'static str) -> Case {
    Case {
        rule: "deep",
        script,
        fields: &[("proc.name", "copied")],
    }
}

/// How the alert of a way through io_uring names the file.
macro_rules! ring {
    ($script:expr, $name:expr) => {
        Case {
            rule: "shadow",
            script: $script,
            fields: &[
                ("fd.name", $name),
                ("evt.via", "io_uring"),
                ("proc.name", "evader"),
            ],
        }
    };
}

/// Through io_uring, where nobody enters open(2).
const RINGS: &[Case] = &[
    ring!("$LAB/evader uring /etc/shadow", "/etc/shadow"),
    ring!("cd /etc; $LAB/evader uring shadow", "/etc/shadow"),
    ring!("$LAB/evader worker /etc/shadow", "/etc/shadow"),
    ring!("$LAB/evader poller /etc/shadow", "/etc/shadow"),
    ring!("$LAB/evader linked /etc/shadow", "/etc/shadow"),
    ring!("$LAB/evader drained /etc/shadow", "/etc/shadow"),
    ring!("$LAB/evader nocall /etc/shadow", "/etc/shadow"),
    ring!("$LAB/evader refused /etc/shadow", "/etc/shadow"),
    ring!("$LAB/evader fixed /etc/shadow", "/etc/shadow"),
    ring!("$LAB/evader overflow-worker /etc/shadow", "/etc/shadow"),
    ring!(
        "$LAB/evader uring /proc/self/root/etc/shadow",
        "/proc/self/root/etc/shadow"
    ),
    ring!(
        "ln -s /etc/shadow $LAB/fixed; $LAB/evader fixed $LAB/fixed",
        "$LAB/fixed"
    ),
    ring!(
        "ln -s /etc/shadow $LAB/replaced; $LAB/evader replaced $LAB/replaced",
        "$LAB/replaced"
    ),
    Case {
        rule: "changed",
        script: "mkdir $LAB/one; $LAB/evader ring-rename $LAB/one $LAB/other; rmdir $LAB/other",
        fields: &[
            ("evt.type", "renameat2"),
            ("fs.path.source", "$LAB/other"),
            ("fs.path.target", "$LAB/one"),
        ],
    },
    Case {
        rule: "changed",
        script: ": > $LAB/gone; $LAB/evader ring-unlink $LAB/gone",
        fields: &[("evt.type", "unlinkat"), ("fs.path.name", "$LAB/gone")],
    },
];

/// What the eBPF driver alone sees.
const RENUMBERED: Case = Case {
    rule: "renumbered",
    script: "$LAB/evader installed /etc/shadow",
    fields: &[("fd.name", "/etc/shadow"), ("proc.name", "evader")],
};

/// The same by requests that 5.10 does not have.
const NEW_RINGS: &[Case] = &[
    ring!("$LAB/evader quiet /etc/shadow", "/etc/shadow"),
    ring!("$LAB/evader overflow /etc/shadow", "/etc/shadow"),
    Case {
        rule: "changed",
        script: "$LAB/evader change $LAB",
        fields: &[("evt.type", "mkdirat"), ("fs.path.name", "$LAB/old")],
    },
    Case {
        rule: "changed",
        script: "$LAB/evader change $LAB",
        fields: &[
            ("evt.type", "renameat2"),
            ("fs.path.source", "$LAB/new"),
            ("fs.path.target", "$LAB/old"),
        ],
    },
    Case {
        rule: "changed",
        script: "$LAB/evader change $LAB",
        fields: &[("evt.type", "unlinkat"), ("fs.path.name", "$LAB/new")],
    },
];

/// Programs by other names.
const PROGRAMS: &[Case] = &[
    Case {
        rule: "sleeper",
        script: ": > $LAB/program\n\
                 unshare -m sh -euc 'mount --bind /usr/bin/sleep $0/program; $0/program 0' $LAB",
        fields: &[
            ("proc.exepath", "$LAB/program"),
            ("proc.realpath", "/usr/bin/sleep"),
        ],
    },
    Case {
        rule: "sleeper",
        script: "mkdir -p $LAB/programs\n\
                 unshare -m sh -euc 'mount --bind /usr/bin $0/programs; $0/programs/sleep 0' $LAB",
        fields: &[
            ("proc.exepath", "$LAB/programs/sleep"),
            ("proc.realpath", "/usr/bin/sleep"),
        ],
    },
    Case {
        rule: "named",
        script: "ln -s /usr/bin/env $LAB/surroundings; $LAB/surroundings true",
        fields: &[
            ("evt.arg.filename", "$LAB/surroundings"),
            ("proc.realpath", "/usr/bin/env"),
        ],
    },
];

/// What must stay silent.
const TWINS: &[&str] = &[
    // Another root, with its own file, on another file system, in the host's mount namespace or not.
    "unshare -m sh -eu <<'END'\n\
     mkdir -p $LAB/other; mount -t tmpfs none $LAB/other; mkdir $LAB/other/etc\n\
     echo x > $LAB/other/etc/shadow; cat $LAB/other/etc/shadow; cd $LAB/other; cat etc/shadow\nEND",
    // The same in an overlay, as containers have it.
    "unshare -m sh -eu <<'END'\n\
     mkdir -p $LAB/layers; mount -t tmpfs none $LAB/layers; cd $LAB/layers\n\
     mkdir -p lower/etc upper work merged; echo x > lower/etc/shadow\n\
     mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work merged\n\
     cat merged/etc/shadow\nEND",
    // Another file of the name of a program, on another file system.
    "unshare -m sh -eu <<'END'\n\
     mkdir -p $LAB/box; mount -t tmpfs none $LAB/box; mkdir -p $LAB/box/usr/bin\n\
     cp /usr/bin/sleep $LAB/box/usr/bin/sleep; $LAB/box/usr/bin/sleep 0\nEND",
    // The program is its interpreter, which nobody executed by name.
    "printf '#!/usr/bin/env sh\\n:\\n' > $LAB/script; chmod +x $LAB/script; $LAB/script",
    // Pipes, memory files, removed files.
    "$LAB/evader unnamed $LAB/removed",
    // A file by its handle.
    "$LAB/evader handle /etc /etc/hostname",
    "$LAB/evader forgotten /etc /etc/hostname",
    // Another file through links.
    "ln -s /etc/hostname $LAB/harmless; cat $LAB/harmless /proc/self/root/etc/hostname",
    // An exception by the name of a link, and by the real one.
    ": > /var/run/$TOKEN; rm /var/run/$TOKEN",
];

/// Nothing is hidden.
const DIRECT: Case = Case {
    rule: "shadow",
    script: "cat /etc/shadow",
    fields: &[],
};

fn start() -> (Agent, Lab) {
    let lab = Lab::new().expect("a laboratory, as root");
    let rules = lab.write("rules.yaml", RULES).expect("written");
    let agent = Agent::start(&Options::rules([rules])).expect("an agent");
    evader::compile(&lab).expect("compiled");
    (agent, lab)
}

#[test]
fn a_file_is_seen_whatever_it_is_called() {
    let (agent, lab) = start();
    check_all(&agent, &lab, WAYS).expect("every alert");
    let direct = check(&agent, &lab, &DIRECT);
    let direct = direct.expect("an alert");
    assert_eq!(
        direct.field("fd.realpath"),
        None,
        "one name is enough: {}",
        direct.output()
    );
    stop_cleanly(agent).expect("a clean end");
}

#[test]
fn a_program_is_seen_whatever_it_is_called() {
    let (agent, lab) = start();
    check_all(&agent, &lab, PROGRAMS).expect("every alert");
    stop_cleanly(agent).expect("a clean end");
}

/// Whoever may make directories may make them deep.
#[test]
fn no_depth_hides_a_file() {
    let (agent, lab) = start();
    check_all(&agent, &lab, DEEP).expect("every alert");
    stop_cleanly(agent).expect("a clean end");
}

#[test]
fn what_io_uring_does_is_seen() {
    let (agent, lab) = start();
    check_all(&agent, &lab, RINGS).expect("every alert");
    if !kernel::is_old().expect("a release") {
        check_all(&agent, &lab, NEW_RINGS).expect("every alert");
    }
    if Driver::tested() == Driver::Ebpf {
        check(&agent, &lab, &RENUMBERED).expect("an alert");
    }
    stop_cleanly(agent).expect("a clean end");
}

/// A ring opens a link and does not tell that it could. Where the kernel lets the driver look at its functions, what was
/// reached is known, elsewhere that it was asked for.
#[test]
fn what_io_uring_does_in_silence_is_seen() {
    let (agent, lab) = start();
    let page = agent.get("/metrics").expect("metrics").body;
    let functions = page.contains("saker_driver_lacks{feature=\"acted_paths\"} 0\n");
    let script = "ln -s /etc/shadow $LAB/the-last-one; $LAB/evader quiet $LAB/the-last-one";
    let real = functions.then(|| "/etc/shadow".to_owned());
    let fields = &[("fd.name", "$LAB/the-last-one")];
    let case = Case {
        rule: "end",
        script,
        fields,
    };
    let alert = check(&agent, &lab, &case).expect("an alert");
    assert_eq!(alert.field("fd.realpath"), real, "{}", alert.output());
    let stopped = stop_cleanly(agent).expect("a clean end");
    let raised = of_session(&stopped.alerts, alert.session().expect("a session"));
    assert_eq!(raised.len(), 1, "{}", outputs(&raised));
    let unknown = alert.field("fd.num").as_deref() == Some("2147483647");
    assert_eq!(unknown, !functions, "{}", alert.output());
}

/// What a worker has done is told when the program asks its ring, and if it never does when the ring is closed: the
/// process may have ended before.
#[test]
fn what_io_uring_does_unasked_is_seen() {
    let (agent, lab) = start();
    let script = "ln -s /etc/shadow $LAB/the-last-one; $LAB/evader deferred $LAB/the-last-one";
    action::run(&lab, script).expect("an action");
    let name = lab.path().join("the-last-one");
    let opened = |alert: &saker_tests_live::alert::Alert| {
        alert.rule() == "end" && alert.field("fd.name").map(Into::into) == Some(name.clone())
    };
    agent
        .wait_alert(std::time::Duration::from_secs(10), opened)
        .expect("an alert");
    stop_cleanly(agent).expect("a clean end");
}

#[test]
fn what_only_looks_like_it_is_silent() {
    let (agent, lab) = start();
    let sessions: Vec<i64> = TWINS
        .iter()
        .map(|twin| action::run(&lab, twin).expect("an action").session)
        .collect();
    // The second exception must not be what keeps the rule silent.
    let written = Case {
        rule: "written",
        script: ": > $LAB/$TOKEN",
        fields: &[("fd.name", "$LAB/$TOKEN")],
    };
    check(&agent, &lab, &written).expect("an alert");
    let stopped = stop_cleanly(agent).expect("a clean end");
    for (session, twin) in sessions.into_iter().zip(TWINS) {
        let raised = of_session(&stopped.alerts, session);
        assert!(raised.is_empty(), "{}\n{twin}", outputs(&raised));
    }
}

/// The kernel read the name before it was changed, the driver after.
#[test]
fn the_name_is_the_one_that_the_kernel_used() {
    let (agent, lab) = start();
    let swapped = Case {
        rule: "swapped",
        script: "$LAB/evader swap $LAB/the-fifo /etc/hostname",
        fields: &[
            ("fd.name", "/etc/hostname"),
            ("fd.realpath", "$LAB/the-fifo"),
        ],
    };
    check(&agent, &lab, &swapped).expect("an alert");
    stop_cleanly(agent).expect("a clean end");
}

#[test]
fn a_name_that_changes_meanwhile_hides_nothing() {
    const COUNT: usize = 200;
    let (agent, lab) = start();
    let script = format!("$LAB/evader race /etc/shadow /etc/issue {COUNT}; : > $LAB/the-last-one");
    let session = action::run(&lab, &script).expect("an action").session;
    let last = |alert: &saker_tests_live::alert::Alert| alert.rule() == "end";
    agent
        .wait_alert(std::time::Duration::from_secs(10), last)
        .expect("the agent looks");
    let stopped = stop_cleanly(agent).expect("a clean end");
    let raised = of_session(&stopped.alerts, session);
    let reached = |alert: &&saker_tests_live::alert::Alert| {
        let real = alert
            .field("fd.realpath")
            .or_else(|| alert.field("fd.name"));
        alert.rule() == "shadow" && real.as_deref() == Some("/etc/shadow")
    };
    assert_eq!(
        raised.iter().filter(reached).count(),
        COUNT,
        "{}",
        outputs(&raised)
    );
}

#[test]
fn by_the_given_name_alone_if_that_is_asked_for() {
    let lab = Lab::new().expect("a laboratory, as root");
    let rules = lab.write("rules.yaml", RULES).expect("written");
    let options = Options::rules([rules]).set("path_identity", json!("given"));
    let agent = Agent::start(&options).expect("an agent");
    let session = action::run(&lab, "ln -s /etc/shadow $LAB/link; cat $LAB/link")
        .expect("an action")
        .session;
    check(&agent, &lab, &DIRECT).expect("an alert");
    let stopped = stop_cleanly(agent).expect("a clean end");
    let raised = of_session(&stopped.alerts, session);
    assert!(raised.is_empty(), "{}", outputs(&raised));
}

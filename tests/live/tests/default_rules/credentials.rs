//! rules/10-credentials.yaml

use std::time::Duration;

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::{Case, check, stop_cleanly};
use saker_tests_live::lab::Lab;

use crate::run;

/// From the event to the alert on the agent's standard output.
const PROMISED_LATENCY: Duration = Duration::from_secs(1);

const SHADOW: Case = Case {
    rule: "Password hashes read by an unusual program",
    script: "cat /etc/shadow > /dev/null",
    fields: &[
        ("fd.name", "/etc/shadow"),
        ("user.name", "root"),
        ("proc.name", "cat"),
        ("proc.exepath", "/usr/bin/cat"),
        ("proc.cmdline", "cat /etc/shadow"),
        ("proc.pname", "sh"),
        ("proc.tty", "0"),
        ("container.id", "host"),
    ],
};

#[test]
fn shadow_read_is_reported_within_a_second() {
    let agent = Agent::start(&Options::default_rules()).expect("an agent");
    let lab = Lab::new().expect("a laboratory");
    let alert = check(&agent, &lab, &SHADOW).expect("an alert");
    let latency = alert.latency().expect("evt.time in the past");
    assert!(latency < PROMISED_LATENCY, "{latency:?}");
    assert_eq!(alert.json["priority"], "Warning");
    assert_eq!(alert.json["source"], "syscall");
    let tags = alert.json["tags"].as_array().expect("tags");
    assert!(tags.iter().any(|tag| tag == "T1003.008"), "{tags:?}");
    stop_cleanly(agent).expect("a clean end");
}

const CASES: &[Case] = &[
    // The directory of a relative path, a descriptor's and the current one.
    Case {
        rule: "Password hashes read by an unusual program",
        script: "cd /etc/pam.d; head -c 1 ../shadow > /dev/null",
        fields: &[
            ("fd.name", "/etc/shadow"),
            ("proc.cmdline", "head -c 1 ../shadow"),
        ],
    },
    // A 32-bit caller has system calls of its own.
    Case {
        rule: "Password hashes read by an unusual program",
        script: "$LAB/caller32",
        fields: &[
            ("fd.name", "/etc/shadow"),
            ("proc.exepath", "$LAB/caller32"),
        ],
    },
    Case {
        rule: "Sudo rules read by an unusual program",
        script: "unshare -m sh -eu <<'END'\n\
            mount -t tmpfs none /etc\n\
            echo 'root ALL=(ALL) ALL' > /etc/sudoers\n\
            cat /etc/sudoers\nEND",
        fields: &[
            ("fd.name", "/etc/sudoers"),
            ("proc.name", "cat"),
            ("proc.pname", "sh"),
        ],
    },
    Case {
        rule: "PAM configuration searched with a file tool",
        script: "grep -c auth /etc/pam.d/common-auth",
        fields: &[
            ("fd.name", "/etc/pam.d/common-auth"),
            ("proc.cmdline", "grep -c auth /etc/pam.d/common-auth"),
        ],
    },
    Case {
        rule: "SSH private key read by an unusual program",
        script: "mkdir $LAB/.ssh; echo key > $LAB/.ssh/id_ed25519; cat $LAB/.ssh/id_ed25519",
        fields: &[("fd.name", "$LAB/.ssh/id_ed25519"), ("proc.name", "cat")],
    },
    Case {
        rule: "Authorized SSH keys changed",
        script: "mkdir -p $LAB/.ssh; echo key >> $LAB/.ssh/authorized_keys",
        fields: &[
            ("fd.name", "$LAB/.ssh/authorized_keys"),
            ("proc.name", "sh"),
            ("proc.cmdline", "sh -eu $LAB/action.sh"),
        ],
    },
    Case {
        rule: "Authorized SSH keys changed",
        script: "mkdir -p $LAB/.ssh; echo key > $LAB/new; mv $LAB/new $LAB/.ssh/authorized_keys",
        fields: &[
            ("evt.arg.newpath", "$LAB/.ssh/authorized_keys"),
            ("proc.name", "mv"),
        ],
    },
    Case {
        rule: "Cloud credentials read by an unusual program",
        script: "mkdir $LAB/.aws; : > $LAB/.aws/credentials; base64 $LAB/.aws/credentials",
        fields: &[
            ("fd.name", "$LAB/.aws/credentials"),
            ("proc.name", "base64"),
        ],
    },
    Case {
        rule: "Memory of another process opened",
        script: "head -c 0 /proc/$$/mem",
        fields: &[("fd.name", "/proc/$PID/mem"), ("proc.name", "head")],
    },
    Case {
        rule: "Password cracking tool started",
        script: "cp /bin/true $LAB/john; $LAB/john --wordlist=words",
        fields: &[
            ("proc.exepath", "$LAB/john"),
            ("proc.cmdline", "john --wordlist=words"),
        ],
    },
];

/// Opens /etc/shadow through the 32-bit entry (`openat` is 295 there). The path is in the first
/// 4 GiB because the program is linked at a fixed address.
const CALLER32: &str = r#"
static const char path[] = "/etc/shadow";

int main(void)
{
	int fd;

	__asm__ volatile("int $0x80"
			 : "=a"(fd)
			 : "a"(295), "b"(-100), "c"(path), "d"(0), "S"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	return fd < 0;
}
"#;

#[test]
fn credentials() {
    run(CASES, |lab| {
        lab.compile("caller32", CALLER32, &["-static", "-no-pie"])
            .expect("compiled");
    });
}

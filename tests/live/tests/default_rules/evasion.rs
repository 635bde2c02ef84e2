//! rules/60-evasion.yaml

use saker_tests_live::case::Case;

use crate::run;

const CASES: &[Case] = &[
    Case {
        rule: "System log emptied or removed",
        script: "unshare -m sh -eu <<'END'\n\
            mount -t tmpfs none /var/log\n\
            echo login > /var/log/auth.log\n\
            cp /dev/null /var/log/auth.log\nEND",
        fields: &[("fd.name", "/var/log/auth.log"), ("proc.name", "cp")],
    },
    Case {
        rule: "System log emptied or removed",
        script: "unshare -m sh -eu <<'END'\n\
            mount -t tmpfs none /var/log\n\
            echo login > /var/log/wtmp\n\
            rm /var/log/wtmp\nEND",
        fields: &[
            ("evt.type", "unlinkat"),
            ("proc.cmdline", "rm /var/log/wtmp"),
        ],
    },
    Case {
        rule: "Command history emptied or removed",
        script: "echo id > $LAB/.bash_history; rm $LAB/.bash_history",
        fields: &[("evt.type", "unlinkat"), ("proc.name", "rm")],
    },
    Case {
        rule: "Command history emptied or removed",
        script: "ln -s /dev/null $LAB/.zsh_history",
        fields: &[("evt.type", "symlinkat"), ("proc.name", "ln")],
    },
    Case {
        rule: "Hidden file created in a world-writable directory",
        script: ": > /tmp/.$TOKEN; rm /tmp/.$TOKEN",
        fields: &[("fd.name", "/tmp/.$TOKEN"), ("proc.name", "sh")],
    },
    Case {
        rule: "Link made to a sensitive file",
        script: "ln -s /etc/shadow $LAB/link",
        fields: &[
            ("evt.arg.target", "/etc/shadow"),
            ("evt.arg.linkpath", "$LAB/link"),
            ("proc.name", "ln"),
        ],
    },
    Case {
        rule: "Process disguised as a kernel thread",
        script: "bash -c 'exec -a \"[kworker/0:1]\" /bin/true'",
        fields: &[
            ("proc.exe", "[kworker/0:1]"),
            ("proc.exepath", "/usr/bin/true"),
        ],
    },
    Case {
        rule: "Process disguised as a kernel thread",
        // Perl names its process with prctl(PR_SET_NAME).
        script: "perl -e '$0 = \"kworker/1:2\"'",
        fields: &[("evt.type", "prctl"), ("evt.arg.arg2_str", "kworker/1:2")],
    },
    Case {
        rule: "Security service signalled",
        // It stops itself, which tells that it runs under its name.
        script: "cp /usr/bin/perl $LAB/auditd\n\
            $LAB/auditd -e 'kill STOP => $$' &\n\
            until grep -q '(auditd) T' /proc/$!/stat; do :; done\n\
            kill -KILL $!",
        fields: &[("evt.arg.sig", "SIGKILL"), ("proc.name", "sh")],
    },
    Case {
        rule: "Security service switched off",
        script: "cp /bin/true $LAB/systemctl; $LAB/systemctl stop auditd",
        fields: &[("proc.cmdline", "systemctl stop auditd")],
    },
];

#[test]
fn evasion() {
    run(CASES, |_| {});
}

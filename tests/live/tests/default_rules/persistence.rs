//! rules/20-persistence.yaml. Directories of the system are replaced by empty ones in mount
//! namespaces of the scripts' own.

use saker_tests_live::case::Case;

use crate::run;

const CASES: &[Case] = &[
    Case {
        rule: "Library preload list changed",
        script: "unshare -m sh -eu <<'END'\n\
            mount -t tmpfs none /etc\necho /lib/evil.so > /etc/ld.so.preload\nEND",
        fields: &[
            ("evt.type", "openat"),
            ("proc.name", "sh"),
            ("user.name", "root"),
        ],
    },
    Case {
        rule: "User or group database changed",
        script: "unshare -m sh -eu <<'END'\n\
            mount -t tmpfs none /etc\necho 'evil::0:0::/:/bin/sh' >> /etc/passwd\nEND",
        fields: &[("fd.name", "/etc/passwd"), ("proc.name", "sh")],
    },
    Case {
        rule: "User or group database changed",
        script: "unshare -m sh -eu <<'END'\n\
            mount -t tmpfs none /etc\n: > /etc/group.new\nmv /etc/group.new /etc/group\nEND",
        fields: &[("evt.arg.newpath", "/etc/group"), ("proc.name", "mv")],
    },
    Case {
        rule: "Authentication rules changed",
        script: "unshare -m sh -eu <<'END'\n\
            mount -t tmpfs none /etc\nmkdir /etc/pam.d\n\
            echo 'auth sufficient pam_permit.so' > /etc/pam.d/sshd\nEND",
        fields: &[("fd.name", "/etc/pam.d/sshd"), ("proc.name", "sh")],
    },
    Case {
        rule: "Job or service installed",
        script: "unshare -m sh -eu <<'END'\n\
            mount -t tmpfs none /etc\nmkdir /etc/cron.d\n\
            cp /dev/null /etc/cron.d/evil\nEND",
        fields: &[("fd.name", "/etc/cron.d/evil"), ("proc.name", "cp")],
    },
    Case {
        rule: "Shell start-up file changed",
        script: "echo evil >> $LAB/.bashrc",
        fields: &[("fd.name", "$LAB/.bashrc"), ("proc.name", "sh")],
    },
    Case {
        rule: "Shared library installed by hand",
        script: "unshare -m sh -eu <<'END'\n\
            mount -t tmpfs none /usr/local/lib\ncp /dev/null /usr/local/lib/libevil.so.1\nEND",
        fields: &[
            ("fd.name", "/usr/local/lib/libevil.so.1"),
            ("proc.name", "cp"),
        ],
    },
    Case {
        rule: "File written below a binary directory",
        script: "unshare -m sh -eu <<'END'\n\
            mount -t tmpfs none /usr/local/bin\ncp /bin/true /usr/local/bin/ls\nEND",
        fields: &[("fd.name", "/usr/local/bin/ls"), ("proc.name", "cp")],
    },
    Case {
        rule: "Program renamed or removed in a binary directory",
        script: "unshare -m sh -eu <<'END'\n\
            mount -t tmpfs none /usr/local/sbin\n: > /usr/local/sbin/a\n\
            mv /usr/local/sbin/a /usr/local/sbin/b\nEND",
        fields: &[("evt.type", "renameat2"), ("proc.name", "mv")],
    },
    Case {
        rule: "Program renamed or removed in a binary directory",
        script: "unshare -m sh -eu <<'END'\n\
            mount -t tmpfs none /usr/local/sbin\n: > /usr/local/sbin/a\n\
            rm /usr/local/sbin/a\nEND",
        fields: &[
            ("evt.type", "unlinkat"),
            ("proc.cmdline", "rm /usr/local/sbin/a"),
        ],
    },
    Case {
        rule: "File written below /etc",
        script: "unshare -m sh -eu <<'END'\n\
            mount -t tmpfs none /etc\necho evil > /etc/motd\nEND",
        fields: &[("fd.name", "/etc/motd"), ("proc.name", "sh")],
    },
];

#[test]
fn persistence() {
    run(CASES, |_| {});
}

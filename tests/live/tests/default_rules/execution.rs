//! rules/30-execution.yaml

use saker_tests_live::case::Case;

use crate::run;

const CASES: &[Case] = &[
    Case {
        rule: "Shell started by a server program",
        script: "cp /usr/bin/perl $LAB/nginx\n\
            $LAB/nginx -e 'system \"/bin/sh\", \"-c\", \"id; :\"'",
        fields: &[
            ("proc.name", "sh"),
            ("proc.cmdline", "sh -c id; :"),
            ("proc.pname", "nginx"),
            ("proc.pexepath", "$LAB/nginx"),
            ("proc.aname[2]", "sh"),
            ("proc.cwd", "/"),
        ],
    },
    Case {
        rule: "Interactive shell started by an application runtime",
        script: "cp /usr/bin/perl $LAB/php; $LAB/php -e 'system \"/bin/sh\", \"-i\"'",
        fields: &[
            ("proc.name", "sh"),
            ("proc.cmdline", "sh -i"),
            ("proc.pname", "php"),
        ],
    },
    Case {
        rule: "Downloaded or encoded script piped into a shell",
        script: "sh -c 'echo dHJ1ZQo= | base64 -d | sh'",
        fields: &[("proc.cmdline", "sh -c echo dHJ1ZQo= | base64 -d | sh")],
    },
    Case {
        rule: "Program started from memory",
        // memfd_create is system call 319.
        script: "perl - <<'END'\n\
            my $name = 'evil';\n\
            my $fd = syscall(319, $name, 0);\n\
            open(my $out, '>&=', $fd) or die;\n\
            open(my $in, '<', '/bin/true') or die;\n\
            binmode $_ for $in, $out;\n\
            { local $/; print $out scalar <$in>; }\n\
            $out->flush;\n\
            exec {\"/proc/self/fd/$fd\"} 'looks-harmless', 'x' or die;\nEND",
        fields: &[("proc.exepath", "memfd:evil"), ("proc.pname", "sh")],
    },
    Case {
        rule: "Program started from shared memory",
        script: "trap 'rm -r /dev/shm/$TOKEN' EXIT\n\
            mkdir /dev/shm/$TOKEN; cd /dev/shm/$TOKEN; cp /bin/true tool; ./tool argument",
        fields: &[
            ("proc.exepath", "/dev/shm/$TOKEN/tool"),
            ("proc.cwd", "/dev/shm/$TOKEN/"),
            ("proc.cmdline", "tool argument"),
        ],
    },
    Case {
        rule: "Program started from a world-writable directory",
        script: "trap 'rm -f /tmp/$TOKEN' EXIT; cp /bin/true /tmp/$TOKEN; /tmp/$TOKEN",
        fields: &[("proc.exepath", "/tmp/$TOKEN"), ("proc.pname", "sh")],
    },
    Case {
        rule: "Freshly written program started by a service account",
        script: "cp /bin/true $LAB/fresh\n\
            setpriv --reuid=1 --regid=1 --clear-groups $LAB/fresh",
        fields: &[("proc.exepath", "$LAB/fresh"), ("user.name", "daemon")],
    },
];

#[test]
fn execution() {
    run(CASES, |_| {});
}

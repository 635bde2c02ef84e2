//! Files that are written to stay: below /etc, /usr, /root and their like. In containers, where nothing of the
//! host can suffer.

use crate::attack::Attack;
use crate::compare::{ANY, REAL_PATH};

/// The attacks.
pub const ATTACKS: &[Attack] = &[
    Attack::host(
        "Modify Shell Configuration File",
        "echo text > $LAB/.bashrc; $LAB/lab_untrusted truncfile $LAB/.bashrc",
        "echo text > $LAB/bashrc; $LAB/lab_untrusted truncfile $LAB/bashrc",
    )
    .fields(&[
        ("fd.name", "$LAB/.bashrc"),
        ("evt.type", "openat"),
        ("proc.cmdline", "lab_untrusted truncfile $LAB/.bashrc"),
    ])
    // The shell makes it.
    .also(&["Create Hidden Files or Directories"]),
    Attack::container(
        "Schedule Cron Jobs",
        "$LAB/crontab noop",
        "/bin/cat /etc/cron.d/* > /dev/null || :",
    )
    .fields(&[("fd.name", "<NA>"), ("proc.cmdline", "crontab noop")]),
    Attack::container(
        "Create files below dev",
        "$LAB/lab_untrusted create /dev/file 600",
        "$LAB/lab_untrusted create /dev/null 600; $LAB/lab_untrusted create /dev/shm/file 600",
    )
    .fields(&[
        ("fd.name", "/dev/file"),
        ("evt.type", "openat"),
        ("proc.cmdline", "lab_untrusted create /dev/file 600"),
    ]),
    Attack::host(
        "Set Setuid or Setgid bit",
        "echo text > $LAB/file; chmod u+s $LAB/file",
        "echo text > $LAB/file; chmod u+x $LAB/file",
    )
    .fields(&[
        ("evt.arg.fd", "<NA>"),
        ("evt.arg.filename", "$LAB/file"),
        ("evt.arg.mode", "S_IROTH|S_IRGRP|S_IWUSR|S_IRUSR|S_ISUID"),
        ("evt.type", "fchmodat"),
        ("proc.cmdline", "chmod u+s $LAB/file"),
    ]),
    Attack::container(
        "Adding ssh keys to authorized_keys",
        "$LAB/lab_untrusted truncfile /root/.ssh/authorized_keys",
        "$LAB/lab_untrusted truncfile /srv/authorized_keys",
    )
    .fields(&[
        ("fd.name", "/root/.ssh/authorized_keys"),
        ("evt.type", "openat"),
        (
            "proc.cmdline",
            "lab_untrusted truncfile /root/.ssh/authorized_keys",
        ),
    ])
    .also(&["Write below monitored dir"]),
    Attack::container(
        "Update Package Repository",
        "$LAB/lab_untrusted create /etc/apt/sources.list.d/x.list 644",
        "/bin/cat /etc/apt/sources.list",
    )
    .fields(&[
        ("fd.name", "/etc/apt/sources.list.d/x.list"),
        ("evt.arg.newpath", "<NA>"),
        ("evt.type", "openat"),
        (
            "proc.cmdline",
            "lab_untrusted create /etc/apt/sources.list.d/x.list 644",
        ),
    ])
    .also(&["Write below etc"]),
    Attack::container(
        "Write below binary dir",
        "$LAB/lab_untrusted create /usr/bin/x 644",
        "$LAB/lab_untrusted create /opt/x 644",
    )
    .fields(&[
        ("fd.name", "/usr/bin/x"),
        ("evt.type", "openat"),
        ("proc.cmdline", "lab_untrusted create /usr/bin/x 644"),
    ]),
    Attack::container(
        "Write below monitored dir",
        "$LAB/lab_untrusted create /usr/lib/x 644",
        "$LAB/lab_untrusted create /usr/share/x 644",
    )
    .fields(&[
        ("fd.name", "/usr/lib/x"),
        ("evt.type", "openat"),
        ("proc.cmdline", "lab_untrusted create /usr/lib/x 644"),
    ]),
    Attack::container(
        "Write below etc",
        "$LAB/lab_untrusted create /etc/x 644",
        "$LAB/ldconfig truncfile /etc/ld.so.cache",
    )
    .fields(&[
        ("fd.name", "/etc/x"),
        ("evt.type", "openat"),
        ("proc.cmdline", "lab_untrusted create /etc/x 644"),
    ]),
    Attack::container(
        "Write below root",
        "$LAB/lab_untrusted create /root/x 644",
        "$LAB/lab_untrusted create /root/jvm 644",
    )
    .fields(&[
        ("fd.name", "/root/x"),
        ("evt.type", "openat"),
        ("proc.cmdline", "lab_untrusted create /root/x 644"),
    ]),
    Attack::container(
        "Write below rpm database",
        "$LAB/lab_untrusted create /var/lib/rpm/x 644",
        "$LAB/salt-call create /var/lib/rpm/x 644",
    )
    .fields(&[
        ("fd.name", "/var/lib/rpm/x"),
        ("evt.type", "openat"),
        ("proc.cmdline", "lab_untrusted create /var/lib/rpm/x 644"),
    ]),
    Attack::container(
        "Modify binary dirs",
        "/bin/rm /usr/bin/victim",
        "/bin/rm /opt/victim",
    )
    .fields(&[
        ("fd.name", "<NA>"),
        ("evt.args", "res=0 path=/usr/bin/victim"),
        ("evt.type", "unlink"),
        ("proc.cmdline", "rm /usr/bin/victim"),
    ]),
    Attack::container(
        "Mkdir binary dirs",
        "/bin/mkdir /usr/bin/d",
        "/bin/mkdir /opt/d",
    )
    .fields(&[
        ("evt.arg.path", "/usr/bin/d"),
        ("evt.type", "mkdir"),
        ("proc.cmdline", "mkdir /usr/bin/d"),
    ]),
    Attack::container(
        "Container Drift Detected (chmod)",
        "/bin/chmod 755 /srv/data",
        "/bin/chmod 644 /srv/data",
    )
    .fields(&[
        ("evt.arg.filename", "/srv/data"),
        ("evt.arg.name", "<NA>"),
        (
            "evt.arg.mode",
            "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR",
        ),
        ("evt.type", "chmod"),
        ("proc.cmdline", "chmod 755 /srv/data"),
    ]),
    Attack::container(
        "Container Drift Detected (open+create)",
        "$LAB/lab_untrusted create /srv/program 755",
        "$LAB/lab_untrusted create /srv/program 644",
    )
    .fields(&[
        ("evt.arg.filename", "<NA>"),
        ("evt.arg.name", "/srv/program"),
        ("evt.arg.mode", "0755"),
        ("evt.type", "openat"),
        ("proc.cmdline", "lab_untrusted create /srv/program 755"),
    ]),
    Attack::container(
        "Modify Container Entrypoint",
        "$LAB/lab_untrusted truncfile /proc/self/fd/0 < /srv/data",
        "$LAB/lab_untrusted truncfile /srv/data",
    )
    .fields(&[
        ("fd.name", "/proc/self/fd/0"),
        (REAL_PATH, "/srv/data"),
        ("evt.type", "openat"),
        ("proc.cmdline", "lab_untrusted truncfile /proc/self/fd/0"),
    ]),
    Attack::container(
        "Drop and execute new binary in container",
        "/bin/cp $LAB/lab_untrusted /srv/dropped; /srv/dropped noop",
        "/bin/true",
    )
    .fields(&[
        ("proc.exe", "/srv/dropped"),
        ("proc.sname", "sh"),
        ("proc.exe_ino.ctime", ANY),
        ("proc.exe_ino.mtime", ANY),
        ("proc.exe_ino.ctime_duration_proc_start", ANY),
        ("container.start_ts", ANY),
        ("proc.exepath", "/srv/dropped"),
        ("proc.cmdline", "dropped noop"),
        ("evt.arg.flags", "EXE_WRITABLE|EXE_UPPER_LAYER"),
    ])
    // The copy is made with the mode of a program.
    .also(&["Container Drift Detected (open+create)"])
    // The reference's program had another name, argument and place.
    .reference_but(
        "ctr_drop_exec",
        &[
            "proc.exe",
            "proc.exepath",
            "proc.cmdline",
            "proc.exe_ino.ctime",
            "proc.exe_ino.mtime",
            "proc.exe_ino.ctime_duration_proc_start",
        ],
    ),
];

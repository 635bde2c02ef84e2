//! What no rule may say anything of but for the names as given, although a file it is about has a sensitive name or an unusual way leads
//! there: where looking at real names could raise a false alert.

use crate::attack::{Action, Place};

/// Something harmless.
#[derive(Debug, Clone, Copy)]
pub struct Silent {
    /// What it is.
    pub what: &'static str,
    /// How it is done.
    pub action: Action,
    /// Rules that the names as given raise, in Falco as well.
    pub by_given: &'static [&'static str],
}

const fn silent(what: &'static str, place: Place, script: &'static str) -> Silent {
    Silent {
        what,
        action: Action { place, script },
        by_given: &[],
    }
}

impl Silent {
    const fn but(mut self, by_given: &'static [&'static str]) -> Self {
        self.by_given = by_given;
        self
    }
}

/// All of it.
pub const SILENT: &[Silent] = &[
    silent(
        "another root on a file system of its own",
        Place::Host,
        "unshare -m sh -eu <<'END'\n\
         mkdir -p $LAB/other; mount -t tmpfs none $LAB/other; mkdir $LAB/other/etc\n\
         echo x > $LAB/other/etc/shadow; cat $LAB/other/etc/shadow; cd $LAB/other; cat etc/shadow\nEND",
    ),
    silent(
        "a root of layers, seen from outside",
        Place::Host,
        "unshare -m sh -eu <<'END'\n\
         mkdir -p $LAB/layers; mount -t tmpfs none $LAB/layers; cd $LAB/layers\n\
         mkdir -p lower/etc upper work merged; echo x > lower/etc/shadow\n\
         mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work merged\n\
         cat merged/etc/shadow; echo y >> merged/etc/shadow; cat merged/etc/shadow\nEND",
    ),
    silent(
        "files without a name",
        Place::Host,
        "$LAB/evader unnamed $LAB/removed",
    ),
    silent(
        "an exception by name, behind a link: who may read it may do so by any name",
        Place::Host,
        "ln -s /proc/self/root/etc $LAB/etc; $LAB/sshd readfile $LAB/etc/shadow",
    ),
    silent(
        "exceptions that name links: /dev/stdout is a file elsewhere, and what is elsewhere is in /dev",
        Place::Host,
        ": > $LAB/out; sh -c ': >> /dev/stdout' >> $LAB/out\n\
         ln -s /dev $LAB/devices; : > $LAB/devices/null",
    ),
    silent(
        "a package manager unpacks the files of another root",
        Place::Host,
        "mkdir -p $LAB/package/DEBIAN $LAB/package/etc $LAB/root/var/lib/dpkg/info $LAB/root/var/lib/dpkg/updates\n\
         printf '%s\\n' 'Package: saker-test' 'Version: 1' 'Architecture: all' 'Description: nothing' \
           'Maintainer: nobody <nobody@example.org>' > $LAB/package/DEBIAN/control\n\
         echo x > $LAB/package/etc/shadow; : > $LAB/root/var/lib/dpkg/status\n\
         dpkg-deb --build $LAB/package $LAB/it.deb; dpkg --root=$LAB/root --install $LAB/it.deb\n\
         dpkg --root=$LAB/root --verify saker-test; cat $LAB/root/etc/shadow\n\
         dpkg --root=$LAB/root --purge saker-test",
    ),
    silent(
        "a package manager fetches as a user of its own",
        Place::Host,
        "mkdir -p $LAB/repository $LAB/apt/lists $LAB/apt/cache; : > $LAB/repository/Packages\n\
         echo \"deb [trusted=yes] file:$LAB/repository ./\" > $LAB/apt/sources.list\n\
         apt-get update -o Dir::Etc::SourceList=$LAB/apt/sources.list -o Dir::Etc::SourceParts=/dev/null \
           -o Dir::State::Lists=$LAB/apt/lists -o Dir::Cache=$LAB/apt/cache -o APT::Sandbox::User=_apt",
    )
    // It tries whether that user can write there.
    .but(&["Create Hidden Files or Directories"]),
    silent(
        "a package manager looks at what it may, by any name",
        Place::Host,
        "ln -s . $LAB/here; ln -s /proc/self/root/etc/shadow $LAB/link\n\
         $LAB/apk readfile /proc/self/root/etc/shadow; $LAB/apk readfile $LAB/here/link",
    ),
    silent(
        "a user who may not read it tries by another name",
        Place::Host,
        "$LAB/lab_untrusted as 65534 $LAB/lab_untrusted readfile /proc/self/root/etc/shadow || :",
    ),
    silent(
        "what a runtime mounts into a container",
        Place::CONTAINER,
        "/bin/mkdir /lab/etc; echo x > /lab/etc/shadow; /bin/cat /lab/etc/shadow; cd /lab; /bin/cat etc/shadow",
    ),
];

//! Ordinary work of a host and its containers, of which the real names of files may raise no alert that the names as
//! given do not raise (docs/false-alerts.md). It changes the host it runs on: for guests (tests/vm/tests/attacks.rs).

use crate::attack::{Action, Place};

/// Packages that the guest has below [`PACKAGES`], as `apt-get download` calls their files.
pub const PACKAGES: &str = "/packages";

/// Some work.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// What it is.
    pub what: &'static str,
    /// How it is done.
    pub action: Action,
    /// Rules that only real names raise, and why that is right.
    pub explained: &'static [(&'static str, &'static str)],
}

const fn host(what: &'static str, script: &'static str) -> Work {
    work(what, Place::Host, script)
}

const fn container(what: &'static str, script: &'static str) -> Work {
    work(what, Place::CONTAINER, script)
}

const fn work(what: &'static str, place: Place, script: &'static str) -> Work {
    Work {
        what,
        action: Action { place, script },
        explained: &[],
    }
}

/// All of it, in the order it is done.
pub const WORK: &[Work] = &[
    host(
        "packages that own programs for users and the shadow files",
        "dpkg --install /packages/login_*.deb; dpkg --unpack /packages/passwd_*.deb; dpkg --configure passwd",
    ),
    host(
        "packages whose files have names behind links (/bin, /lib), and a diversion",
        "dpkg --install /packages/bash_*.deb /packages/dash_*.deb /packages/mount_*.deb",
    ),
    host(
        "packages of the base: configuration, users, libraries",
        "dpkg --install /packages/base-files_*.deb /packages/base-passwd_*.deb\n\
         dpkg --install /packages/libpam-runtime_*.deb /packages/libc-bin_*.deb",
    ),
    host(
        "a service with files of configuration, changed, replaced, purged",
        "dpkg --install /packages/cron-daemon-common_*.deb /packages/sensible-utils_*.deb\n\
         dpkg --install /packages/cron_*.deb\n\
         sed -i '$ a # changed' /etc/crontab\n\
         dpkg --install --force-confnew /packages/cron_*.deb; sed -i '$ a # changed' /etc/crontab\n\
         dpkg --purge cron cron-daemon-common sensible-utils",
    ),
    host(
        "a package with setuid programs comes and goes",
        "dpkg --install /packages/sudo_*.deb; SUDO_FORCE_REMOVE=yes dpkg --purge sudo",
    ),
    host(
        "apt installs from a file and removes",
        "apt-get install -y /packages/less_*.deb; apt-get purge -y less",
    ),
    host(
        "alternatives, diversions, statoverrides, the cache of libraries",
        "mkdir $LAB/one $LAB/two; cp /bin/true $LAB/one/it; cp /bin/true $LAB/two/it\n\
         update-alternatives --install /usr/bin/saker-it saker-it $LAB/one/it 10\n\
         update-alternatives --install /usr/bin/saker-it saker-it $LAB/two/it 20\n\
         update-alternatives --set saker-it $LAB/one/it; update-alternatives --auto saker-it; /bin/saker-it\n\
         update-alternatives --remove-all saker-it\n\
         dpkg-divert --add --rename --divert /usr/bin/which.real /usr/bin/which\n\
         dpkg-divert --remove --rename /usr/bin/which\n\
         dpkg-statoverride --add --update root daemon 2755 /usr/bin/chage\n\
         dpkg-statoverride --remove /usr/bin/chage; chgrp root /usr/bin/chage; chmod 755 /usr/bin/chage\n\
         ldconfig",
    ),
    host(
        "users and groups",
        "awk -F: '!seen[$1]++' /etc/passwd > $LAB/passwd; cat $LAB/passwd > /etc/passwd; pwconv\n\
         groupadd saker-g; useradd --create-home --gid saker-g --shell /bin/sh saker-u\n\
         echo saker-u:secret | chpasswd -c SHA256; passwd --lock saker-u; passwd --unlock saker-u\n\
         chage --maxdays 90 saker-u; chage --list saker-u; usermod --comment it --append --groups daemon saker-u\n\
         install -d -o saker-u -m 700 /home/saker-u/.ssh; echo key > /home/saker-u/.ssh/new\n\
         mv /home/saker-u/.ssh/new /home/saker-u/.ssh/authorized_keys; chmod 600 /home/saker-u/.ssh/authorized_keys\n\
         cd /home/saker-u; setpriv --reuid saker-u --regid saker-g --clear-groups sh -euc \
           ': > file; mkdir d; mv file d/; chmod 600 d/file; rm -r d'; cd /\n\
         pwck --read-only --quiet || :; grpck --read-only || :; pwconv; grpconv; vipw --help; getent shadow saker-u\n\
         userdel --remove saker-u; groupdel saker-g || :; cmp /etc/shadow /etc/shadow- || :",
    ),
    host(
        "logs are rotated, by their names and through a mount of the directory",
        "dpkg --install --force-depends /packages/libpopt0_*.deb /packages/logrotate_*.deb\n\
         mkdir -p /var/log/saker-x $LAB/log; echo line > /var/log/saker-x/a.log; echo line > /var/log/saker-x/b.log\n\
         cat > $LAB/by-name <<'END'\n\
         /var/log/saker-x/*.log {\n rotate 2\n compress\n create 640 root root\n missingok\n}\n\
         END\n\
         sed \"s,/var/log/,$LAB/log/,\" $LAB/by-name > $LAB/by-mount\n\
         chmod 644 $LAB/by-name $LAB/by-mount\n\
         for _ in 1 2 3; do logrotate --force --state $LAB/state $LAB/by-name; echo line > /var/log/saker-x/a.log\n\
         done\n\
         unshare -m sh -eu <<'END'\n\
         mount --bind /var/log $LAB/log\n\
         for _ in 1 2 3; do logrotate --force --state $LAB/state2 $LAB/by-mount; echo x > $LAB/log/saker-x/a.log\n\
         done\n\
         cd $LAB/log/saker-x; mv a.log a.log.0; gzip a.log.0; : > a.log; chmod 600 a.log; chown 1 a.log; rm b.log*\n\
         END\n\
         rm -r /var/log/saker-x; dpkg --purge --force-depends logrotate libpopt0",
    ),
    host(
        "trees are copied, packed, unpacked, changed and removed",
        "cp -a /etc $LAB/etc; cp -al $LAB/etc $LAB/linked; cp -as $LAB/etc $LAB/links\n\
         tar -C / -cf $LAB/it.tar etc bin/su usr/bin/passwd usr/bin/mount; mkdir $LAB/out\n\
         tar -C $LAB/out -xpf $LAB/it.tar\n\
         tar -C $LAB/out --overwrite -xpf $LAB/it.tar; tar -C $LAB/out --recursive-unlink -xf $LAB/it.tar\n\
         chmod -R go-rwx $LAB/out; chown -R 1:1 $LAB/out; find $LAB/out -name '*.conf' -delete\n\
         ln -s $LAB/out $LAB/way; mv $LAB/way/etc/shadow $LAB/way/etc/shadow.bak; rm $LAB/way/etc/passwd\n\
         rm -r $LAB/etc $LAB/linked $LAB/links $LAB/out",
    ),
    host(
        "files are replaced in one step, also behind links and mounts",
        "mkdir -p $LAB/d $LAB/m; echo one > $LAB/d/file; ln -s d $LAB/l; ln -s ../d/file $LAB/m/link\n\
         sed -i s/one/two/ $LAB/l/file; sed -i --follow-symlinks s/two/one/ $LAB/m/link\n\
         echo three > $LAB/l/.file.new; mv -f $LAB/l/.file.new $LAB/l/file\n\
         cp --remove-destination $LAB/d/file $LAB/l/f2\n\
         mv --exchange $LAB/l/file $LAB/l/f2 || :; ln -sfn d $LAB/l; ln -f $LAB/d/file $LAB/d/f3\n\
         unshare -m sh -eu <<'END'\n\
         mount --bind $LAB/d $LAB/m; sed -i s/t/u/ $LAB/m/file; install -m 600 $LAB/m/file $LAB/m/f4\n\
         mount -t tmpfs none /tmp; mount --bind $LAB/d /mnt; cp /mnt/file /tmp/; mv /tmp/file /mnt/f5; rm /mnt/f2\n\
         mount --rbind / $LAB/m; cd $LAB/m$LAB/d; mv f4 f6; rm f6; mkdir sub; rmdir sub; chmod 640 f5\n\
         END\n\
         echo '127.0.0.9 it' >> /etc/hosts; sed '$ d' /etc/hosts > /etc/hosts.new; mv /etc/hosts.new /etc/hosts\n\
         cp -p /etc/passwd /etc/passwd.bak; rm /etc/passwd.bak; touch /etc/nologin; rm /etc/nologin",
    ),
    host(
        "a root in a directory, looked after from inside and from outside",
        "mkdir -p $LAB/root/etc $LAB/root/root/.ssh $LAB/root/var/log $LAB/root/usr/bin $LAB/root/proc $LAB/root/tmp\n\
         ln -s usr/bin $LAB/root/bin; cp /saker-vm/busybox $LAB/root/bin/busybox; echo x > $LAB/root/etc/shadow\n\
         echo y > $LAB/root/root/.ssh/authorized_keys; echo z > $LAB/root/var/log/it.log\n\
         echo w > $LAB/root/bin/victim\n\
         cat > $LAB/root/do <<'END'\n\
         b=/bin/busybox; $b chmod 600 /etc/shadow; $b mv /etc/shadow /etc/shadow-; $b cp /etc/shadow- /etc/shadow\n\
         $b mv /var/log/it.log /var/log/it.log.1; $b gzip /var/log/it.log.1; $b rm /var/log/it.log.1.gz\n\
         $b chmod 600 /root/.ssh/authorized_keys; $b rm /root/.ssh/authorized_keys; $b mkdir /bin/d; $b rmdir /bin/d\n\
         $b mv /bin/victim /tmp/victim; $b ln -s /etc/shadow /tmp/link; $b rm /tmp/link /etc/shadow-\n\
         END\n\
         chroot $LAB/root /bin/busybox sh -eu /do\n\
         cd $LAB/root; echo x > etc/passwd; mv etc/shadow etc/gshadow; chmod 640 etc/gshadow\n\
         ln etc/gshadow etc/shadow\n\
         mkdir bin/d; rm -r bin etc var root",
    ),
    host(
        "packages in a root of layers, from inside",
        "unshare -m sh -eu <<'END'\n\
         mkdir $LAB/layers; mount -t tmpfs none $LAB/layers; cd $LAB/layers; mkdir upper work merged\n\
         mount -t overlay none -o lowerdir=/,upperdir=upper,workdir=work merged; mount -t proc none merged/proc\n\
         mkdir -p merged/packages; mount --bind /packages merged/packages; mount --bind /dev merged/dev\n\
         chroot merged dpkg --install /packages/passwd_1*.deb /packages/sudo_1*.deb\n\
         chroot merged sh -euc 'chage --maxdays 9 daemon; chmod 600 /etc/shadow; mkdir -p /root/.ssh\n\
         rmdir /root/.ssh\n\
         echo > /var/log/it.log; mv /var/log/it.log /var/log/it.log.1; rm /var/log/it.log.1; cat /etc/shadow'\n\
         rm merged/etc/shadow-; mv merged/etc/shadow merged/etc/old; rm -r merged/var/log merged/root\n\
         END",
    ),
    host(
        "temporary files are made, aged and removed",
        "dpkg --install --force-depends --force-conflicts /packages/systemd-standalone-tmpfiles_*.deb\n\
         mkdir -p /etc/tmpfiles.d; cat > /etc/tmpfiles.d/saker-x.conf <<'END'\n\
         d /var/run/saker-x 0755 root root -\n\
         f /var/run/saker-x/file 0600 root root - text\n\
         L /run/saker-x/link - - - - /var/log\n\
         D /tmp/saker-x 1777 root root 0\n\
         d /var/log/saker-x 0750 root root -\n\
         z /etc/shadow 0640 root root -\n\
         Z /var/log/saker-x 0700 root root -\n\
         END\n\
         systemd-tmpfiles --create saker-x.conf; : > /tmp/saker-x/old; touch -d yesterday /tmp/saker-x/old\n\
         systemd-tmpfiles --clean saker-x.conf; systemd-tmpfiles --remove saker-x.conf\n\
         rm -r /etc/tmpfiles.d/saker-x.conf /run/saker-x /tmp/saker-x /var/log/saker-x\n\
         dpkg --purge --force-depends systemd-standalone-tmpfiles",
    ),
    host(
        "directories that services have for themselves",
        "mkdir -p $LAB/private/tmp $LAB/private/state/log $LAB/private/home; chmod 1777 $LAB/private/tmp\n\
         unshare -m sh -eu <<'END'\n\
         mount --bind $LAB/private/tmp /tmp; mount --bind $LAB/private/tmp /var/tmp\n\
         mount --bind $LAB/private/home /root\n\
         mount -o remount,bind,ro /usr || mount --bind -o ro /usr /usr; mount --bind $LAB/private/state/log /var/log\n\
         : > /tmp/it; chmod 600 /tmp/it; mv /tmp/it /var/log/it.log; rm /var/log/it.log\n\
         mkdir -p /root/.ssh /root/.config; echo k > /root/.ssh/known_hosts; chmod 600 /root/.ssh/known_hosts\n\
         rm -r /root/.ssh\n\
         cp /bin/true /var/tmp/prog; /var/tmp/prog; /tmp/prog; rm /tmp/prog; ln -s /tmp/a /tmp/b; rm /tmp/b\n\
         END\n\
         bash -c 'diff <(echo a) <(echo a); exec 9>/dev/null; echo >&9; echo > /dev/fd/9'",
    ),
    host(
        "a repository as git keeps it: objects are linked, references replaced, trees checked out over each other",
        "mkdir -p $LAB/it/.git/objects/ab $LAB/it/.git/refs/heads $LAB/it/etc $LAB/it/bin\n\
         ln -s it $LAB/way; cd $LAB/way\n\
         for object in one two; do\n\
         echo $object > .git/objects/ab/tmp_obj; chmod 444 .git/objects/ab/tmp_obj\n\
         ln .git/objects/ab/tmp_obj .git/objects/ab/$object; rm .git/objects/ab/tmp_obj\n\
         echo $object > .git/refs/heads/main.lock; mv .git/refs/heads/main.lock .git/refs/heads/main\n\
         echo $object > etc/shadow.new; mv -f etc/shadow.new etc/shadow; rm -f etc/link; ln -s shadow etc/link\n\
         echo $object > bin/prog; chmod 755 bin/prog; mv bin/prog bin/other; rm bin/other; done\n\
         mv .git/objects/ab .git/objects/cd; cp -a $LAB/it $LAB/copy; rm -r $LAB/it $LAB/copy",
    ),
    host(
        "a program is built and installed, by names behind links",
        "mkdir $LAB/build; cd $LAB/build; echo 'int main(void){return 0;}' > it.c\n\
         printf 'it: it.c\\n\\tgcc -o it it.c\\ninstall: it\\n\\tinstall -D it $(DESTDIR)/bin/it\\n' > Makefile\n\
         make DESTDIR=$LAB/dest install; ln -s $LAB/dest $LAB/way; make DESTDIR=$LAB/way install; $LAB/way/bin/it\n\
         rm $LAB/way/bin/it; mkdir -p $LAB/way/usr/bin $LAB/way/lib; mv it $LAB/way/usr/bin/\n\
         chmod 4755 $LAB/way/usr/bin/it\n\
         ln -s /usr $LAB/system; ls $LAB/system/bin/ > /dev/null; test -x $LAB/system/bin/ls; rm -r $LAB/dest",
    ),
    container(
        "a container looks after its own files",
        "/bin/chmod 600 /etc/shadow; /bin/mv /etc/shadow /etc/shadow-; /bin/cp /etc/shadow- /etc/shadow+\n\
         /bin/mv /etc/shadow+ /etc/shadow; /bin/chown 0:42 /etc/shadow; /bin/rm /etc/shadow-\n\
         /bin/sed -i s/x/y/ /etc/passwd\n\
         /bin/chmod 600 /root/.ssh/authorized_keys; /bin/mv /root/.ssh/authorized_keys /root/.ssh/old\n\
         /bin/rm -r /root/.ssh; /bin/mkdir -m 700 /root/.ssh\n\
         echo x > /var/log/it.log; /bin/mv /var/log/it.log /var/log/it.log.1; /bin/gzip /var/log/it.log.1\n\
         : > /var/log/it.log; /bin/chmod 640 /var/log/it.log; /bin/rm /var/log/it.log.1.gz\n\
         /bin/ln -s /var/log /srv/logs; /bin/rm /srv/logs/it.log; /bin/mkdir /srv/d; /bin/mv /srv/d /srv/e\n\
         /bin/rmdir /srv/e",
    ),
    container(
        "a container has a volume with names as of the system",
        "/bin/mkdir -p /lab/v/etc /lab/v/usr/bin /lab/v/root/.ssh /lab/v/var/log; cd /lab/v\n\
         echo x > etc/shadow; /bin/chmod 600 etc/shadow; /bin/mv etc/shadow etc/gshadow\n\
         /bin/ln etc/gshadow etc/shadow\n\
         echo y > usr/bin/prog; /bin/chmod 755 usr/bin/prog; /bin/mv usr/bin/prog usr/bin/other\n\
         /bin/rm usr/bin/other\n\
         /bin/mkdir /lab/v/usr/bin/d; /bin/rmdir /lab/v/usr/bin/d; : > /lab/v/root/.ssh/authorized_keys\n\
         /bin/rm -r /lab/v/root; : > /lab/v/var/log/it; /bin/mv /lab/v/var/log/it /lab/v/var/log/it.1\n\
         /bin/ln -s /lab/v /srv/v; /bin/rm /srv/v/etc/shadow /srv/v/var/log/it.1",
    ),
    container(
        "a container has a root of its own in a directory",
        "/bin/mkdir -p /srv/r/bin /srv/r/etc /srv/r/usr/bin /srv/r/tmp; /bin/cp /bin/busybox /srv/r/bin/busybox\n\
         echo x > /srv/r/etc/shadow; echo y > /srv/r/usr/bin/victim\n\
         cd /srv/r; /bin/chmod 600 etc/shadow; /bin/mv usr/bin/victim usr/bin/v2; /bin/mkdir usr/bin/d\n\
         /bin/rmdir usr/bin/d\n\
         /bin/chroot /srv/r /bin/busybox mv /etc/shadow /etc/gshadow; /bin/chroot /srv/r /bin/busybox rm /etc/gshadow\n\
         /bin/chroot /srv/r /bin/busybox ln -s /etc/shadow /tmp/link; /bin/chroot /srv/r /bin/busybox mkdir /tmp/d\n\
         /bin/rm -r /srv/r",
    ),
];

/// What a hidden name must raise, by the real one alone: the comparison sees a difference where there is one.
pub const CONTROL: Work = Work {
    what: "a program is removed behind a link",
    action: Action {
        place: Place::CONTAINER,
        script: "/bin/ln -s /usr/bin /srv/link; /bin/rm /srv/link/victim",
    },
    explained: &[("Modify binary dirs", "it is the same file")],
};

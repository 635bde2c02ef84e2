//! Made-up rules in the shapes of real ones, as many as are wanted.
//!
//! Every rule has literals of its own, so that nothing but its shape is shared, and uses the macros
//! all rules use. None is meant to match the [mix](crate::mix).

use crate::corpus::Files;

const MACROS: &str = "
- macro: opened
  condition: (evt.type in (open, openat, openat2) and fd.typechar = 'f' and fd.num >= 0)
- macro: open_read
  condition: (opened and evt.is_open_read = true)
- macro: open_write
  condition: (opened and evt.is_open_write = true)
- macro: spawned
  condition: (evt.type in (execve, execveat))
- macro: outbound
  condition: (evt.type = connect and fd.typechar in (4, 6) and evt.rawres >= 0)
- macro: container
  condition: (container.id != host)
- list: shells
  items: [ash, bash, csh, ksh, sh, tcsh, zsh, dash]
- macro: packaging
  condition: (proc.name in (dpkg, rpm, apt, yum, dnf, apk))
";

/// A file with `count` rules; the conditions repeat in shape every [`SHAPES`] rules.
pub fn rules(count: usize) -> Files {
    let mut text = MACROS.to_owned();
    for number in 0..count {
        let condition = condition(number);
        text.push_str(&format!(
            "- rule: Generated {number}\n  desc: Made up\n  condition: >\n    {condition}\n  \
             output: generated (file=%fd.name command=%proc.cmdline)\n  priority: NOTICE\n"
        ));
    }
    vec![(format!("{count} generated rules"), text.into_bytes())]
}

/// Number of different shapes.
pub const SHAPES: usize = 20;

fn condition(number: usize) -> String {
    let n = number;
    let (high, low) = (n / 250 % 250, n % 250);
    let port = 10_000 + n % 50_000;
    match n % SHAPES {
        0 => format!("open_write and fd.name startswith /data/app{n}/ and not packaging"),
        1 => format!(
            "open_read and fd.name in (/etc/app{n}/key, /etc/app{n}/cert) and not proc.name in (app{n}, backup{n})"
        ),
        2 => {
            format!("open_write and (fd.name endswith .lock{n} or fd.directory = /var/run/app{n})")
        }
        3 => format!("open_read and fd.name contains /secret{n}/ and container"),
        4 => format!(
            "open_read and fd.name pmatch (/opt/vendor{n}/conf, /opt/vendor{n}/*/keys) and proc.pname != vendor{n}"
        ),
        5 => format!("open_write and fd.filename = module{n}.so and not proc.pname in (shells)"),
        6 => format!("open_read and fd.name glob /home/*/.app{n}/* and user.name != app{n}"),
        7 => format!("spawned and proc.name = tool{n} and proc.cmdline contains --flag{n}"),
        8 => format!("spawned and proc.exepath startswith /opt/tool{n}/ and not packaging"),
        9 => format!("spawned and proc.cmdline contains \"token{n} \" and proc.name in (shells)"),
        10 => format!("spawned and proc.pname in (server{n}, daemon{n}) and proc.name in (shells)"),
        11 => format!("spawned and proc.aname[2] = launcher{n} and proc.args contains run{n}"),
        12 => format!("spawned and proc.cmdline icontains Nasty{n}"),
        13 => format!("outbound and fd.sip = 198.18.{high}.{low} and not proc.name = agent{n}"),
        14 => format!(
            "outbound and fd.sport in ({port}, {}) and container",
            port + 1
        ),
        15 => format!("outbound and fd.snet in (100.{high}.{low}.0/24, 101.{high}.{low}.0/24)"),
        16 => format!(
            "evt.type in (unlink, unlinkat, rename, renameat) and fs.path.name startswith /srv/app{n}/ and proc.name != app{n}"
        ),
        17 => format!(
            "evt.type in (chmod, fchmod, fchmodat) and evt.arg.mode contains S_ISUID and evt.arg.filename endswith tool{n}"
        ),
        18 => format!("spawned and proc.aname = parent{n} and not proc.name = child{n}"),
        _ => format!(
            "evt.type in (mkdir, mkdirat) and fs.path.name contains .hidden{n} and container and user.uid != {n}"
        ),
    }
}

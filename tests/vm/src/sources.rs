//! Where this machine's apt gets Debian from: the same mirror serves the test bed, with other suites.
//!
//! Both formats of sources.list(5) are read, the one-line style and deb822.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

/// Suites of Debian's main archive; their names tell it from other archives.
const SUITES: [&str; 10] = [
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "sid",
    "unstable",
    "testing",
    "stable",
    "oldstable",
    "oldoldstable",
];

/// One archive of an apt source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Its address.
    pub uri: String,
    /// The suites this machine takes from it.
    pub suites: Vec<String>,
    /// Other deb822 fields, such as `Signed-By`, with their continuation lines.
    pub fields: Vec<(String, String)>,
}

/// The archives the test bed needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    main: Archive,
    security: Option<Archive>,
}

impl Mirror {
    /// Reads the sources of this machine.
    ///
    /// # Errors
    /// When none of them is Debian's archive.
    pub fn of_this_machine() -> Result<Self> {
        let etc = Path::new("/etc/apt");
        let mut archives = Vec::new();
        let mut files = vec![etc.join("sources.list")];
        if let Ok(entries) = fs::read_dir(etc.join("sources.list.d")) {
            let mut more: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
            more.sort();
            files.extend(more);
        }
        for file in files {
            let parse = match file.extension().and_then(|extension| extension.to_str()) {
                Some("list") => parse_list,
                Some("sources") => parse_deb822,
                _ => continue,
            };
            if let Ok(text) = fs::read_to_string(&file) {
                archives.extend(parse(&text));
            }
        }
        Self::choose(&archives)
    }

    fn choose(archives: &[Archive]) -> Result<Self> {
        let find = |wanted: &dyn Fn(&str) -> bool| {
            let has = |archive: &&Archive| archive.suites.iter().any(|suite| wanted(suite));
            archives.iter().find(has).cloned()
        };
        let Some(main) = find(&|suite| SUITES.contains(&suite)) else {
            bail!(
                "no Debian archive among the apt sources of this machine (/etc/apt/sources.list and \
                 sources.list.d): kernels come from the mirror named there. Add one."
            );
        };
        let security = find(&|suite| {
            let release = suite.strip_suffix("-security");
            let release = release.or_else(|| suite.strip_suffix("/updates"));
            release.is_some_and(|release| SUITES.contains(&release))
        });
        Ok(Self { main, security })
    }

    /// A deb822 source of `suite` and its security updates.
    pub fn sources(&self, suite: &str) -> String {
        let mut text = stanza(&self.main, suite);
        if let Some(security) = self.security.as_ref().filter(|_| suite != "sid") {
            text += "\n";
            text += &stanza(security, &format!("{suite}-security"));
        }
        text
    }
}

fn stanza(archive: &Archive, suite: &str) -> String {
    let mut text = format!(
        "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\nArchitectures: amd64\n",
        archive.uri
    );
    for (name, value) in &archive.fields {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}:{value}");
    }
    text
}

/// Archives in a file of the one-line style: `deb [option=value ...] uri suite component...`.
pub fn parse_list(text: &str) -> Vec<Archive> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Archive> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?;
    let mut rest = rest.strip_prefix(char::is_whitespace)?.trim_start();
    let mut fields = Vec::new();
    if let Some(inside) = rest.strip_prefix('[') {
        let (options, after) = inside.split_once(']')?;
        rest = after.trim_start();
        for (name, value) in options.split_whitespace().filter_map(|o| o.split_once('=')) {
            if let Some(name) = field_of_option(name) {
                fields.push((name.to_owned(), format!(" {}", value.replace(',', " "))));
            }
        }
    }
    let mut words = rest.split_whitespace();
    Some(Archive {
        uri: words.next()?.to_owned(),
        suites: vec![words.next()?.to_owned()],
        fields,
    })
}

/// The deb822 field of a one-line option; `None` for those of no use here (architectures, targets).
fn field_of_option(option: &str) -> Option<&'static str> {
    match option.to_ascii_lowercase().as_str() {
        "signed-by" => Some("Signed-By"),
        "trusted" => Some("Trusted"),
        "allow-insecure" => Some("Allow-Insecure"),
        "allow-weak" => Some("Allow-Weak"),
        "check-valid-until" => Some("Check-Valid-Until"),
        "by-hash" => Some("By-Hash"),
        _ => None,
    }
}

/// Archives in a deb822 file: stanzas of `Field: value` with continuation lines.
pub fn parse_deb822(text: &str) -> Vec<Archive> {
    let mut archives = Vec::new();
    let mut stanza: Vec<(String, String)> = Vec::new();
    // Comments may stand anywhere, also between continuation lines.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.trim().is_empty() {
            archives.extend(archive_of(&std::mem::take(&mut stanza)));
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = stanza.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            stanza.push((name.to_owned(), value.to_owned()));
        }
    }
    archives.extend(archive_of(&stanza));
    archives
}

fn archive_of(stanza: &[(String, String)]) -> Option<Archive> {
    let words = |wanted: &str| -> Vec<String> {
        let field = stanza.iter().find(|f| f.0.eq_ignore_ascii_case(wanted));
        let value = field.map_or("", |field| &field.1);
        value.split_whitespace().map(str::to_owned).collect()
    };
    let enabled = words("Enabled");
    if enabled.first().is_some_and(|value| value == "no") || !words("Types").contains(&"deb".into())
    {
        return None;
    }
    let ours = [
        "types",
        "uris",
        "suites",
        "components",
        "architectures",
        "enabled",
        "languages",
        "targets",
        "pdiffs",
    ];
    let fields = stanza
        .iter()
        .filter(|(name, _)| !ours.contains(&name.to_ascii_lowercase().as_str()))
        .cloned()
        .collect();
    Some(Archive {
        uri: words("URIs").into_iter().next()?,
        suites: words("Suites"),
        fields,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEB822: &str = "# a comment\nTypes: deb deb-src\nURIs: http://mirror.example/debian\n\
        # another\nSuites: bookworm bookworm-updates\nComponents: main\n\
        Signed-By:\n -----BEGIN\n .\n # kept? no: comments begin in the first column\n -----END\n\n\n\
        Types: deb\nURIs: http://mirror.example/security\nsuites: bookworm-security\n\
        Components: main\nSigned-By: /usr/share/keyrings/x.gpg\n\n\
        Types: deb\nEnabled: no\nURIs: http://off.example\nSuites: sid\n\n\
        Types: deb-src\nURIs: http://src.example\nSuites: sid\n";

    #[test]
    fn deb822_is_read() {
        let archives = parse_deb822(DEB822);
        assert_eq!(archives.len(), 2, "{archives:?}");
        assert_eq!(archives[0].uri, "http://mirror.example/debian");
        assert_eq!(archives[0].suites, ["bookworm", "bookworm-updates"]);
        assert_eq!(archives[0].fields.len(), 1);
        assert!(archives[0].fields[0].1.contains("\n -----BEGIN\n .\n"));
        let mirror = Mirror::choose(&archives).expect("both");
        assert_eq!(
            mirror
                .sources("bullseye")
                .replace("\n -----BEGIN", "")
                .lines()
                .nth(2),
            Some("Suites: bullseye")
        );
        let text = mirror.sources("trixie");
        assert!(
            text.ends_with(
                "\n\nTypes: deb\nURIs: http://mirror.example/security\nSuites: trixie-security\n\
                 Components: main\nArchitectures: amd64\nSigned-By: /usr/share/keyrings/x.gpg\n"
            ),
            "{text}"
        );
        assert!(!mirror.sources("sid").contains("security"));
    }

    #[test]
    fn lines_are_read() {
        let text = "# deb http://no.example sid main\n\
            deb-src http://src.example bookworm main\n\
            deb  [ arch=amd64 signed-by=/k.gpg,/l.gpg trusted=yes ] http://mirror.example/debian/ \
            bookworm main contrib # here\n\
            deb http://mirror.example/debian-security bookworm-security main\ndebug nothing\n\
            deb http://other.example stable-tools main\n";
        let archives = parse_list(text);
        assert_eq!(archives.len(), 3, "{archives:?}");
        let mirror = Mirror::choose(&archives).expect("both");
        assert!(mirror.sources("sid").ends_with(
            "URIs: http://mirror.example/debian/\nSuites: sid\nComponents: main\n\
             Architectures: amd64\nSigned-By: /k.gpg /l.gpg\nTrusted: yes\n"
        ));
        assert!(mirror.security.is_some());
    }

    #[test]
    fn other_archives_do_not_count() {
        let other =
            parse_list("deb http://x.example jammy main\ndeb http://y.example nodistro main");
        let error = Mirror::choose(&other).expect_err("none").to_string();
        assert!(error.contains("/etc/apt/sources.list"), "{error}");
        let main_only = parse_list("deb http://x.example sid main");
        let mirror = Mirror::choose(&main_only).expect("main");
        assert_eq!(mirror.sources("bookworm").matches("Types").count(), 1);
    }
}

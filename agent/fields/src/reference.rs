//! `docs/fields.md`, made from the tables.

use std::fmt::Write as _;

use saker_engine::schema::{ArgKind, Arity, FieldInfo};

use crate::event;
use crate::field::Field;
use crate::missing::MISSING;

const HEAD: &str = "# Fields\n\n\
    What rules can name, for conditions and outputs. Made from the agent's own table by\n\
    `saker list fields --format markdown`; a test keeps this page equal to it.\n\n\
    A field is *absent* where it has no value: comparisons with it are false, outputs show `<NA>` and JSON\n\
    `null`. Texts are UTF-8 only as far as the kernel's are. Times are nanoseconds, points in time since 1970.\n\
    `[N]` takes a number, `[KEY]` a name, in brackets or after a dot; with `?` it may be left out. Differences\n\
    from Falco are in [compatibility.md](compatibility.md).\n";

const FAMILIES: [(&str, &str); 9] = [
    ("evt", "Event"),
    ("syscall", "System call"),
    ("proc", "Process and its relatives"),
    ("thread", "Thread"),
    ("user group", "User and group"),
    ("fd fdlist", "Descriptor"),
    ("fs", "Paths"),
    ("container k8s", "Container and pod"),
    ("static", "Configuration"),
];

/// The page.
pub fn reference_page() -> String {
    let mut page = HEAD.to_owned();
    let mut fields: Vec<&Field> = event::families().collect();
    fields.sort_by_key(|field| field.info.name);
    for (families, title) in FAMILIES {
        let of_family = |field: &&&Field| {
            let family = field.info.name.split('.').next().unwrap_or_default();
            families.split(' ').any(|name| name == family)
        };
        let lines: Vec<_> = fields.iter().filter(of_family).map(line).collect();
        // Writing to a string cannot fail.
        _ = write!(
            page,
            "\n## {title}\n\n| Field | Type | Meaning | Present on |\n|---|---|---|---|\n{}",
            lines.concat()
        );
    }
    page.push_str("\n## Missing\n\nKnown to Falco and not supplied; rules that name them are left out with a warning.\n\n");
    page.push_str("| Field | Why |\n|---|---|\n");
    for (name, reason) in MISSING {
        _ = writeln!(page, "| `{name}` | {reason} |");
    }
    page
}

fn line(field: &&Field) -> String {
    let info = &field.info;
    let list = match info.arity {
        Arity::One => "",
        Arity::List => "list of ",
        Arity::Ends | Arity::Any => "any of ",
    };
    format!(
        "| `{}{}` | {list}{} | {} | {} |\n",
        info.name,
        argument(info),
        format!("{:?}", info.ty).to_lowercase(),
        info.description.replace('|', "\\|"),
        field.presence.describe()
    )
}

fn argument(info: &FieldInfo) -> &'static str {
    match info.arg {
        ArgKind::None => "",
        ArgKind::Index => "[N]",
        ArgKind::OptionalIndex => "[N]?",
        ArgKind::Key => "[KEY]",
        ArgKind::OptionalKey => "[KEY]?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_that_of_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fields.md");
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == reference_page(),
            "docs/fields.md is not up to date: saker list fields --format markdown > docs/fields.md"
        );
    }

    #[test]
    fn no_field_is_left_out() {
        let page = reference_page();
        for field in event::families() {
            let start = format!("| `{}{}` |", field.info.name, argument(&field.info));
            assert!(page.contains(&start), "{start}");
        }
    }
}

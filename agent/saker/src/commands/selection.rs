//! What the command line of `saker run` says about rules.

use saker_engine::compiler::{Switch, Target};

use crate::cli::SelectionArgs;

/// What the command line says about rules, in the form of the configuration.
pub(super) fn switches(args: &SelectionArgs) -> Vec<Switch> {
    let switch = |enable, target| Switch { enable, target };
    let mut switches = Vec::new();
    if !args.tags.is_empty() {
        switches.push(switch(false, Target::Rule("*".to_owned())));
    }
    let tags = args.tags.iter().cloned();
    switches.extend(tags.map(|tag| switch(true, Target::Tag(tag))));
    let names = args.disable.iter().map(|name| format!("*{name}*"));
    switches.extend(names.map(|name| switch(false, Target::Rule(name))));
    let tags = args.disable_tags.iter().cloned();
    switches.extend(tags.map(|tag| switch(false, Target::Tag(tag))));
    switches
}

/// The format of `-p`, or the preset it names: those of the container fields have had no effect
/// since outputs are appended to by configuration.
pub(super) fn print_format(print: Option<&str>) -> (Option<String>, Option<String>) {
    match print {
        Some(preset @ ("c" | "k" | "container" | "kubernetes")) => (None, Some(preset.to_owned())),
        other => (other.map(str::to_owned), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_selects_rules() {
        let args = SelectionArgs {
            disable: vec!["shell".to_owned()],
            disable_tags: vec!["noisy".to_owned()],
            ..SelectionArgs::default()
        };
        let (rule, tag) = (
            |t: &str| Target::Rule(t.to_owned()),
            |t: &str| Target::Tag(t.to_owned()),
        );
        let switch = |enable, target| Switch { enable, target };
        assert_eq!(
            switches(&args),
            [switch(false, rule("*shell*")), switch(false, tag("noisy"))]
        );
        let args = SelectionArgs {
            tags: vec!["a".to_owned(), "b".to_owned()],
            ..SelectionArgs::default()
        };
        assert_eq!(
            switches(&args),
            [
                switch(false, rule("*")),
                switch(true, tag("a")),
                switch(true, tag("b"))
            ]
        );
    }

    #[test]
    fn presets_of_print_do_nothing() {
        for preset in ["c", "k", "container", "kubernetes"] {
            assert_eq!(print_format(Some(preset)), (None, Some(preset.to_owned())));
        }
        let format = "user=%user.name";
        assert_eq!(print_format(Some(format)), (Some(format.to_owned()), None));
        assert_eq!(print_format(None), (None, None));
    }
}

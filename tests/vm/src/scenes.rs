//! Output of scripts that run several scenes, each behind a line `== NAME`.

/// What the scene of that name printed.
///
/// # Panics
/// When there is no such scene.
pub fn scene<'o>(output: &'o str, name: &str) -> &'o str {
    let begin = format!("== {name}\n");
    let rest = output.split(&begin).nth(1);
    let rest = rest.unwrap_or_else(|| panic!("no scene {name}: {output}"));
    rest.split("\n== ").next().unwrap_or_default()
}

/// Checks that a scene printed all of `parts`.
///
/// # Panics
/// When it did not.
pub fn assert_says(output: &str, name: &str, parts: &[&str]) {
    let scene = scene(output, name);
    for part in parts {
        assert!(scene.contains(part), "{name}: no {part:?} in\n{scene}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_end_where_others_begin() {
        let output = "before\n== one\na\nb\n== two\nc\n";
        assert_eq!(scene(output, "one"), "a\nb");
        assert_says(output, "two", &["c"]);
        let missing = std::panic::catch_unwind(|| assert_says(output, "one", &["c"]));
        assert!(missing.is_err());
    }
}

//! `-o PATH=VALUE`: single values over the file (rules-spec G1).

use super::problem::{Place, Problem};
use super::tree::{Entry, Kind, Node, parse};

/// Largest index in a path; a list has no more elements than a person would address.
const MAX_INDEX: usize = 9_999;

/// One step of a path.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    Append,
}

/// Applies one `-o` argument to the tree.
pub(super) fn apply(root: &mut Node, argument: &str) -> Result<(), Problem> {
    let place = Place::Argument(format!("-o {argument}").into());
    let problem = |message: &str| Problem::new(place.clone(), message);
    let (path, value) = argument.split_once('=').ok_or_else(|| {
        problem("an option is written KEY=VALUE").with_hint("for example: -o json_output=true")
    })?;
    let steps = steps(path).ok_or_else(|| {
        problem("the key is not a path")
            .with_hint("for example: http.enabled or rules[].disable.tag")
    })?;
    let value = parse_value(value, &place)?;
    set(root, &steps, value, &place).map_err(|message| problem(&message))
}

fn parse_value(value: &str, place: &Place) -> Result<Node, Problem> {
    let bracketed = |open, close| value.starts_with(open) && value.ends_with(close);
    // Both ends, because an IPv6 address with a port starts with a bracket too.
    if bracketed('{', '}') || bracketed('[', ']') {
        return parse(value, place);
    }
    let kind = match value {
        "true" => Kind::Bool(true),
        "false" => Kind::Bool(false),
        _ => value
            .parse()
            .map_or_else(|_| Kind::Text(value.to_owned()), Kind::Int),
    };
    Ok(Node {
        place: place.clone(),
        kind,
    })
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut key = String::new();
    let mut chars = path.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => key.push(chars.next()?),
            '.' => {
                // A dot after an index only separates.
                if !key.is_empty() {
                    steps.push(Step::Key(std::mem::take(&mut key)));
                } else if !matches!(steps.last(), Some(Step::Index(_) | Step::Append)) {
                    return None;
                }
                chars.peek()?;
            }
            '[' => {
                if !key.is_empty() {
                    steps.push(Step::Key(std::mem::take(&mut key)));
                }
                let mut digits = String::new();
                loop {
                    match chars.next()? {
                        ']' => break,
                        c => digits.push(c),
                    }
                }
                steps.push(if digits.is_empty() {
                    Step::Append
                } else {
                    Step::Index(digits.parse().ok().filter(|&n| n <= MAX_INDEX)?)
                });
            }
            c => key.push(c),
        }
    }
    if !key.is_empty() {
        steps.push(Step::Key(key));
    }
    matches!(steps.first(), Some(Step::Key(_))).then_some(steps)
}

fn set(node: &mut Node, steps: &[Step], value: Node, place: &Place) -> Result<(), String> {
    let Some((step, rest)) = steps.split_first() else {
        *node = value;
        return Ok(());
    };
    let null = || Node {
        place: place.clone(),
        kind: Kind::Null,
    };
    let child = match step {
        Step::Key(key) => {
            if !matches!(node.kind, Kind::Map(_)) {
                *node = Node {
                    place: place.clone(),
                    kind: Kind::Map(Vec::new()),
                };
            }
            let Kind::Map(entries) = &mut node.kind else {
                return Ok(());
            };
            let at = entries
                .iter()
                .position(|entry| entry.key == *key)
                .unwrap_or_else(|| {
                    let (key, place) = (key.clone(), place.clone());
                    entries.push(Entry {
                        key,
                        place,
                        value: null(),
                    });
                    entries.len() - 1
                });
            &mut entries[at].value
        }
        Step::Index(_) | Step::Append => {
            if !matches!(node.kind, Kind::List(_)) {
                *node = Node {
                    place: place.clone(),
                    kind: Kind::List(Vec::new()),
                };
            }
            let Kind::List(nodes) = &mut node.kind else {
                return Ok(());
            };
            let len = nodes.len();
            let at = if let Step::Index(at) = step { *at } else { len };
            if at > len {
                return Err(format!("there is no element [{at}]: the list has {len}"));
            }
            if at == len {
                nodes.push(null());
            }
            &mut nodes[at]
        }
    };
    set(child, rest, value, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let key = |k: &str| Step::Key(k.to_owned());
        assert_eq!(steps("a.b"), Some(vec![key("a"), key("b")]));
        assert_eq!(
            steps("rules[].disable.rule"),
            Some(vec![
                key("rules"),
                Step::Append,
                key("disable"),
                key("rule")
            ])
        );
        assert_eq!(
            steps("a[2][0]"),
            Some(vec![key("a"), Step::Index(2), Step::Index(0)])
        );
        assert_eq!(steps(r"a\.b"), Some(vec![key("a.b")]));
        for bad in [
            "",
            ".a",
            "a.",
            "a..b",
            "a[",
            "a[x]",
            "[0]",
            "a\\",
            "a[99999999999]",
        ] {
            assert_eq!(steps(bad), None, "{bad}");
        }
    }
}

//! The Prometheus text format, read strictly.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Name, with the suffix that histograms add.
    pub name: String,
    /// Labels with their values, unescaped.
    pub labels: BTreeMap<String, String>,
    /// Value.
    pub value: f64,
}

/// A page of metrics.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Types by family.
    pub types: BTreeMap<String, String>,
    /// Samples in order.
    pub samples: Vec<Sample>,
}

impl Page {
    /// Reads a page: every sample belongs to a family whose type and help come before.
    ///
    /// # Errors
    /// At the first line that is not as it should be.
    pub fn parse(text: &str) -> Result<Self> {
        let mut page = Self::default();
        let mut helped = "";
        for line in text.lines() {
            let context = || format!("metrics line {line:?}");
            if let Some(help) = line.strip_prefix("# HELP ") {
                helped = help.split_once(' ').with_context(context)?.0;
            } else if let Some(declared) = line.strip_prefix("# TYPE ") {
                let (name, kind) = declared.split_once(' ').with_context(context)?;
                ensure!(helped == name, "{name} has no help before its type");
                let kind = kind.to_owned();
                ensure!(
                    page.types.insert(name.to_owned(), kind).is_none(),
                    "{name} twice"
                );
            } else {
                let sample = parse_sample(line).with_context(context)?;
                ensure!(
                    page.family(&sample.name).is_some(),
                    "{} has no type",
                    sample.name
                );
                page.samples.push(sample);
            }
        }
        Ok(page)
    }

    /// Sum of all samples of `name` that carry `labels`.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let carries = |sample: &&Sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(key, value)| sample.labels.get(*key).is_some_and(|have| have == value))
        };
        self.samples
            .iter()
            .filter(carries)
            .map(|sample| sample.value)
            .sum()
    }

    /// The family a sample of `name` belongs to.
    fn family<'a>(&self, name: &'a str) -> Option<&'a str> {
        if self.types.contains_key(name) {
            return Some(name);
        }
        let suffixes = ["_bucket", "_sum", "_count"].into_iter();
        let mut families = suffixes.filter_map(|suffix| name.strip_suffix(suffix));
        families.find(|family| {
            self.types
                .get(*family)
                .is_some_and(|kind| kind == "histogram")
        })
    }
}

fn parse_sample(line: &str) -> Option<Sample> {
    let (head, value) = line.rsplit_once(' ')?;
    let (name, labels) = match head.split_once('{') {
        None => (head, BTreeMap::new()),
        Some((name, rest)) => (name, parse_labels(rest.strip_suffix('}')?)?),
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let value = value.parse().ok()?;
    (!name.is_empty() && name.chars().all(legal)).then(|| Sample {
        name: name.to_owned(),
        labels,
        value,
    })
}

fn parse_labels(mut text: &str) -> Option<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = rest.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        labels.insert(name.to_owned(), value);
        text = &rest[end + 1..];
        text = text.strip_prefix(',').unwrap_or(text);
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# HELP a_total Text.\n# TYPE a_total counter\n\
        a_total{x=\"1\",y=\"p \\\"q\\\"\"} 3\n\
        a_total{x=\"2\",y=\"\"} 4.5\n# HELP h Text.\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\n\
        h_sum 0.5\nh_count 2\n";

    #[test]
    fn samples_are_summed_by_labels() {
        let page = Page::parse(PAGE).expect("a page");
        assert!((page.sum("a_total", &[]) - 7.5).abs() < 1e-9);
        assert!((page.sum("a_total", &[("y", "p \"q\"")]) - 3.0).abs() < 1e-9);
        assert_eq!(page.types["h"], "histogram");
        assert!((page.sum("h_count", &[]) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn broken_pages_are_refused() {
        for text in [
            "a 1\n",
            "# TYPE a counter\na 1\n",
            "# HELP a x\n# TYPE a counter\na one\n",
            "# HELP a x\n# TYPE a counter\na{x=\"} 1\n",
            "# HELP a x\n# TYPE a counter\na_count 1\n",
        ] {
            assert!(Page::parse(text).is_err(), "{text}");
        }
    }
}

//! `required_engine_version` and `required_plugin_versions` (rules-spec A10).

use std::fmt;

use crate::diagnostics::Code;
use crate::loader::collect::Collection;
use crate::loader::reader::Item;
use crate::yaml::{Kind, Node};

/// The rules engine version that this engine is compatible with.
pub const ENGINE_VERSION: Version = Version {
    major: 0,
    minor: 63,
    patch: 0,
};

/// What the agent does itself that Falco does in plugins, with the version it stands for.
pub const BUILT_IN_PLUGINS: &[(&str, Version)] = &[(
    "container",
    Version {
        major: 0,
        minor: 7,
        patch: 1,
    },
)];

/// A version `major.minor.patch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Incompatible changes.
    pub major: u32,
    /// Additions.
    pub minor: u32,
    /// Corrections.
    pub patch: u32,
}

impl Version {
    fn parse(text: &str) -> Option<Version> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        let (major, minor, patch) = (parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(Version {
            major,
            minor,
            patch,
        })
    }

    /// An integer `N` means `0.N.0`.
    fn parse_engine(text: &str) -> Option<Version> {
        match text.parse() {
            Ok(minor) => Some(Version {
                major: 0,
                minor,
                patch: 0,
            }),
            Err(_) => Version::parse(text),
        }
    }

    /// Whether this version provides what `required` asks for.
    pub fn satisfies(self, required: Version) -> bool {
        self.major == required.major && self >= required
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Checks `required_engine_version`.
pub(super) fn engine(collection: &mut Collection, item: &mut Item<'_>) {
    item.kind = "required_engine_version";
    item.check_keys(&["required_engine_version"]);
    let Some(scalar) = item.scalar("required_engine_version") else {
        return;
    };
    let Some(required) = Version::parse_engine(&scalar.value) else {
        let message = format!(
            "Unable to parse engine version '{}' as a semver string. \
             Expected \"x.y.z\" or a number",
            scalar.value
        );
        item.report(Code::YamlValidate, item.node, message);
        return;
    };
    if !ENGINE_VERSION.satisfies(required) {
        let message = format!(
            "Rules require engine version {required}, but engine version is {ENGINE_VERSION}"
        );
        item.report(Code::Validate, item.node, message);
        return;
    }
    let highest = collection
        .required_engine_version
        .map_or(required, |known| known.max(required));
    collection.required_engine_version = Some(highest);
}

/// Checks `required_plugin_versions`.
pub(super) fn plugins(item: &mut Item<'_>) {
    item.kind = "required plugin versions";
    item.check_keys(&["required_plugin_versions"]);
    let Some(entries) = item.sequence("required_plugin_versions") else {
        return;
    };
    for entry in entries {
        let mut wanted = Vec::new();
        let complete = plugin(item, entry, &mut wanted);
        let alternatives = entry.get("alternatives");
        let nodes = alternatives.and_then(Node::elements).unwrap_or_default();
        if let Some(node) = alternatives.filter(|node| node.elements().is_none()) {
            item.report(
                Code::YamlValidate,
                node,
                "'alternatives' must be a sequence",
            );
        }
        let complete = nodes
            .iter()
            .fold(complete, |ok, node| plugin(item, node, &mut wanted) && ok);
        if !complete {
            continue;
        }
        let satisfied = wanted.iter().any(|(name, required)| {
            BUILT_IN_PLUGINS
                .iter()
                .any(|(known, version)| known == name && version.satisfies(*required))
        });
        if !satisfied {
            let list: Vec<String> = wanted
                .iter()
                .map(|(name, version)| format!("{name} (>= {version})"))
                .collect();
            let list = list.join(", ");
            let message = format!("Plugin requirement not satisfied, must load one of: {list}");
            item.report(Code::Validate, entry, message);
        }
    }
}

fn plugin(item: &mut Item<'_>, node: &Node, wanted: &mut Vec<(String, Version)>) -> bool {
    if !matches!(node.kind, Kind::Map(_)) {
        item.report(
            Code::YamlValidate,
            node,
            "A plugin requirement must be a map",
        );
        return false;
    }
    let mut text = |key: &str| match node.get(key) {
        Some(value) => item.scalar_of(value, key),
        None => {
            let message = format!("Item has no mapping for key '{key}'");
            item.report(Code::YamlValidate, node, message);
            None
        }
    };
    let (Some(name), Some(version)) = (text("name"), text("version")) else {
        return false;
    };
    let Some(parsed) = Version::parse(&version.value) else {
        let message = format!(
            "Invalid plugin version '{}': expected \"x.y.z\"",
            version.value
        );
        item.report(Code::YamlValidate, node, message);
        return false;
    };
    wanted.push((name.value.clone(), parsed));
    true
}

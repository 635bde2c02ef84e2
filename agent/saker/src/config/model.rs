//! The keys, their defaults and ranges. docs/configuration.md is compared with this by a test.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use saker_driver_kmod::build::BUILD_TIMEOUT;
use saker_engine::compiler::{AppendOutput, ExtraField, Switch, Target};
use saker_engine::loader::Priority;
use saker_engine::matcher::Matching;
use saker_fields::{MAX_STATIC_FIELDS, is_static_key};

use super::capture::CaptureConfig;
use super::problem::Problem;
use super::section::{Section, integer_in, text};
use super::tree::{Kind, Node};

/// Largest [`Config::alert_queue_capacity`].
const MAX_ALERT_QUEUE: i64 = 1 << 20;
/// Largest [`Config::ring_buffer_total_mib`].
const MAX_RING_TOTAL_MIB: i64 = 16 * 1024;
/// Numbers of workers that are possible: powers of two up to the driver's limit.
const WORKERS: [i64; 4] = [1, 2, 4, 8];

/// Fields that `suggested_output` appends, in this order (rules-spec C2).
const SUGGESTED_FIELDS: [&str; 6] = [
    "container.id",
    "container.name",
    "container.image.repository",
    "container.image.tag",
    "k8s.pod.name",
    "k8s.ns.name",
];

/// Which driver to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DriverChoice {
    /// eBPF if it works here, else the kernel module, else none
    Auto,
    /// eBPF or an error
    Ebpf,
    /// The kernel module or an error
    Kmod,
    /// None: rules are loaded, nothing is captured
    None,
}

/// By which names of a file rules are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathIdentity {
    /// By the name as given and by the real ones.
    Any,
    /// By the name as given.
    Given,
}

/// Verbosity of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLevel {
    /// What makes the agent stop or lose something.
    Error,
    /// What needs attention.
    Warn,
    /// What happens once.
    Info,
    /// What helps to understand.
    Debug,
    /// Everything.
    Trace,
}

/// The configuration of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// Rules files and directories in order.
    pub rules_files: Vec<PathBuf>,
    /// Switches applied after loading.
    pub rules: Vec<Switch>,
    /// First or all.
    pub rule_matching: Matching,
    /// Names of files.
    pub path_identity: PathIdentity,
    /// Count what rules cost.
    pub rules_profile: bool,
    /// Say in alerts why values are absent.
    pub absent_reasons: bool,
    /// Least severe priority that is loaded.
    pub priority: Priority,
    /// Additions to outputs.
    pub append_output: Vec<AppendOutput>,
    /// Values of `static.KEY`, by key.
    pub static_fields: BTreeMap<String, String>,
    /// JSON instead of text.
    pub json_output: bool,
    /// Property `output`.
    pub json_include_output_property: bool,
    /// Property `message`.
    pub json_include_message_property: bool,
    /// Property `output_fields`.
    pub json_include_output_fields_property: bool,
    /// Property `tags`.
    pub json_include_tags_property: bool,
    /// UTC date and time in text lines.
    pub time_format_iso_8601: bool,
    /// Bytes as Base64 instead of text with dots.
    pub buffer_format_base64: bool,
    /// Alerts waiting for the output at most.
    pub alert_queue_capacity: i64,
    /// Host name; `None` is the kernel's.
    pub hostname: Option<String>,
    /// Driver.
    pub driver: DriverChoice,
    /// Build the kernel module when it is needed and there is none.
    pub kmod_build_at_start: bool,
    /// Seconds that takes at most.
    pub kmod_build_timeout_s: i64,
    /// Bytes of data of a call that rules can look at.
    pub snaplen_bytes: i64,
    /// Memory of all rings in MiB; `None` goes by the number of CPUs.
    pub ring_buffer_total_mib: Option<i64>,
    /// Workers; `None` goes by the number of CPUs.
    pub workers: Option<i64>,
    /// Bind workers to CPUs.
    pub pin_workers: bool,
    /// Nice value of workers.
    pub worker_nice: i64,
    /// Longest sleep of an idle worker.
    pub max_poll_interval_ms: i64,
    /// Captures on alerts.
    pub capture: CaptureConfig,
    /// Serve HTTP.
    pub http_enabled: bool,
    /// Address and port.
    pub http_listen_address: String,
    /// Verbosity of the log.
    pub log_level: LogLevel,
    /// File locked while the agent runs.
    pub lock_file: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rules_files: vec![PathBuf::from("/etc/saker/rules.d")],
            rules: Vec::new(),
            rule_matching: Matching::First,
            path_identity: PathIdentity::Any,
            rules_profile: false,
            absent_reasons: false,
            priority: Priority::Debug,
            append_output: Vec::new(),
            static_fields: BTreeMap::new(),
            json_output: false,
            json_include_output_property: true,
            json_include_message_property: false,
            json_include_output_fields_property: true,
            json_include_tags_property: true,
            time_format_iso_8601: false,
            buffer_format_base64: false,
            alert_queue_capacity: 8192,
            hostname: None,
            driver: DriverChoice::Auto,
            kmod_build_at_start: true,
            kmod_build_timeout_s: BUILD_TIMEOUT.as_secs().cast_signed(),
            snaplen_bytes: 80,
            ring_buffer_total_mib: None,
            workers: None,
            pin_workers: true,
            worker_nice: -10,
            max_poll_interval_ms: 4,
            capture: CaptureConfig::default(),
            http_enabled: true,
            http_listen_address: "127.0.0.1:8765".to_owned(),
            log_level: LogLevel::Info,
            lock_file: PathBuf::from("/run/saker/saker.lock"),
        }
    }
}

impl Config {
    /// Reads a tree over the defaults. Returns the configuration, what is wrong with the tree, and
    /// the paths of all keys there are.
    pub(super) fn read(root: &Node) -> (Self, Vec<Problem>, Vec<String>) {
        let mut config = Self::default();
        let (mut problems, mut keys) = (Vec::new(), Vec::new());
        let mut section = Section::open(root, String::new(), &mut problems, &mut keys);
        config.read_rules(&mut section);
        config.read_alerts(&mut section);
        config.read_capture(&mut section);
        config.read_agent(&mut section);
        section.finish();
        (config, problems, keys)
    }

    /// How long the agent may build the kernel module at the start; `None` when it may not.
    pub(crate) fn kmod_build_timeout(&self) -> Option<Duration> {
        let timeout_s = self.kmod_build_timeout_s.unsigned_abs();
        self.kmod_build_at_start
            .then_some(Duration::from_secs(timeout_s))
    }

    fn read_rules(&mut self, section: &mut Section<'_>) {
        section.list(
            "rules_files",
            &mut self.rules_files,
            |node, path, problems| element_text(node, path, problems).map(PathBuf::from),
        );
        section.list("rules", &mut self.rules, toggle);
        section.read(
            "rule_matching",
            "first or all",
            &mut self.rule_matching,
            |node| match text(node)? {
                "first" => Some(Matching::First),
                "all" => Some(Matching::All),
                _ => None,
            },
        );
        section.read(
            "path_identity",
            "any or given",
            &mut self.path_identity,
            |node| match text(node)? {
                "any" => Some(PathIdentity::Any),
                "given" => Some(PathIdentity::Given),
                _ => None,
            },
        );
        section.boolean("rules_profile", &mut self.rules_profile);
        section.boolean("absent_reasons", &mut self.absent_reasons);
        let priorities =
            "emergency, alert, critical, error, warning, notice, informational or debug";
        section.read("priority", priorities, &mut self.priority, |node| {
            Priority::from_name(text(node)?)
        });
        section.entries("static_fields", |key, node, problems| {
            if let Some(value) = static_field(key, node, self.static_fields.len(), problems) {
                self.static_fields.insert(key.to_owned(), value);
            }
        });
        let keys: Vec<&str> = self.static_fields.keys().map(String::as_str).collect();
        section.list(
            "append_output",
            &mut self.append_output,
            |node, path, problems| append_output(node, path, &keys, problems),
        );
    }

    fn read_alerts(&mut self, section: &mut Section<'_>) {
        section.boolean("json_output", &mut self.json_output);
        section.boolean(
            "json_include_output_property",
            &mut self.json_include_output_property,
        );
        section.boolean(
            "json_include_message_property",
            &mut self.json_include_message_property,
        );
        section.boolean(
            "json_include_output_fields_property",
            &mut self.json_include_output_fields_property,
        );
        section.boolean(
            "json_include_tags_property",
            &mut self.json_include_tags_property,
        );
        section.boolean("time_format_iso_8601", &mut self.time_format_iso_8601);
        section.boolean("buffer_format_base64", &mut self.buffer_format_base64);
        section.integer(
            "alert_queue_capacity",
            1..=MAX_ALERT_QUEUE,
            &mut self.alert_queue_capacity,
        );
        section.read("hostname", "text", &mut self.hostname, |node| {
            Some(Some(text(node)?.to_owned()))
        });
    }

    fn read_capture(&mut self, section: &mut Section<'_>) {
        section.read(
            "driver",
            "auto, ebpf, kmod or none",
            &mut self.driver,
            |node| DriverChoice::from_str(text(node)?, false).ok(),
        );
        section.section("kmod", |section| {
            section.boolean("build_at_start", &mut self.kmod_build_at_start);
            section.integer("build_timeout_s", 1..=86400, &mut self.kmod_build_timeout_s);
        });
        let most = i64::from(saker_abi::raw::SAKER_SNAPLEN_MAX);
        section.integer("snaplen_bytes", 1..=most, &mut self.snaplen_bytes);
        section.read(
            "ring_buffer_total_mib",
            "auto or an integer from 1 to 16384",
            &mut self.ring_buffer_total_mib,
            |node| auto_or(node, |node| integer_in(node, &(1..=MAX_RING_TOTAL_MIB))),
        );
        section.read("workers", "auto, 1, 2, 4 or 8", &mut self.workers, |node| {
            auto_or(node, |node| {
                integer_in(node, &(1..=8)).filter(|n| WORKERS.contains(n))
            })
        });
        section.section("capture", |section| self.capture.read(section));
        section.boolean("pin_workers", &mut self.pin_workers);
        section.integer("worker_nice", -20..=19, &mut self.worker_nice);
        section.integer(
            "max_poll_interval_ms",
            1..=1000,
            &mut self.max_poll_interval_ms,
        );
    }

    fn read_agent(&mut self, section: &mut Section<'_>) {
        section.section("http", |section| {
            section.boolean("enabled", &mut self.http_enabled);
            section.text("listen_address", &mut self.http_listen_address);
        });
        let levels = "error, warn, info, debug or trace";
        section.read(
            "log_level",
            levels,
            &mut self.log_level,
            |node| match text(node)? {
                "error" => Some(LogLevel::Error),
                "warn" => Some(LogLevel::Warn),
                "info" => Some(LogLevel::Info),
                "debug" => Some(LogLevel::Debug),
                "trace" => Some(LogLevel::Trace),
                _ => None,
            },
        );
        section.read("lock_file", "text", &mut self.lock_file, |node| {
            Some(PathBuf::from(text(node)?))
        });
    }
}

fn auto_or<T>(node: &Node, convert: impl FnOnce(&Node) -> Option<T>) -> Option<Option<T>> {
    if text(node) == Some("auto") {
        Some(None)
    } else {
        convert(node).map(Some)
    }
}

fn element_text(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<String> {
    let found = text(node).map(str::to_owned);
    if found.is_none() {
        let message = format!("{path} must be text, not {}", node.kind.name());
        problems.push(Problem::new(node.place.clone(), message));
    }
    found
}

fn toggle(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<Switch> {
    let mut found = Vec::new();
    let before = problems.len();
    let mut keys = Vec::new();
    let mut section = Section::open(node, format!("{path}."), problems, &mut keys);
    for (key, enable) in [("enable", true), ("disable", false)] {
        if !section.has(key) {
            continue;
        }
        let (mut rule, mut tag) = (String::new(), String::new());
        section.section(key, |section| {
            section.text("rule", &mut rule);
            section.text("tag", &mut tag);
        });
        let targets = [
            (rule, Target::Rule as fn(String) -> Target),
            (tag, Target::Tag),
        ];
        found.extend(
            targets
                .into_iter()
                .filter(|(text, _)| !text.is_empty())
                .map(|(text, target)| Switch {
                    enable,
                    target: target(text),
                }),
        );
    }
    section.finish();
    if problems.len() == before && found.len() != 1 {
        let message = format!("{path} must say one thing to enable or disable");
        problems.push(
            Problem::new(node.place.clone(), message)
                .with_hint("for example: - disable: {rule: \"Write below *\"}"),
        );
    }
    found.pop().filter(|_| problems.len() == before)
}

/// The value of a static field; `known` counts those before it.
fn static_field(
    key: &str,
    node: &Node,
    known: usize,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let value = match &node.kind {
        Kind::Text(value) => Some(value.clone()),
        Kind::Bool(value) => Some(value.to_string()),
        Kind::Int(value) => Some(value.to_string()),
        Kind::Float(value) => Some(value.to_string()),
        Kind::Null | Kind::List(_) | Kind::Map(_) => None,
    };
    let message = if !is_static_key(key) {
        format!("static_fields.{key}: no rule can name static.{key}; use letters, digits and _")
    } else if known >= MAX_STATIC_FIELDS {
        format!("static_fields has more than {MAX_STATIC_FIELDS} keys")
    } else if value.is_none() {
        let found = node.kind.name();
        format!("static_fields.{key} must be text, a number or a boolean, not {found}")
    } else {
        return value;
    };
    problems.push(Problem::new(node.place.clone(), message));
    None
}

fn append_output(
    node: &Node,
    path: &str,
    static_keys: &[&str],
    problems: &mut Vec<Problem>,
) -> Option<AppendOutput> {
    let mut entry = AppendOutput::default();
    let mut keys = Vec::new();
    let mut section = Section::open(node, format!("{path}."), problems, &mut keys);
    section.section("match", |section| {
        let some_text = |node: &Node| Some(Some(text(node)?.to_owned()));
        section.read("source", "text", &mut entry.source, some_text);
        section.read("rule", "text", &mut entry.rule, some_text);
        let mut tags = Vec::new();
        section.list("tags", &mut tags, element_text);
        entry.tags = tags.into_iter().collect();
    });
    section.read("extra_output", "text", &mut entry.extra_output, |node| {
        Some(Some(text(node)?.to_owned()))
    });
    section.list("extra_fields", &mut entry.extra_fields, extra_field);
    let mut suggested = false;
    section.boolean("suggested_output", &mut suggested);
    section.finish();
    if suggested {
        let fields = SUGGESTED_FIELDS.iter().map(|field| (*field).to_owned());
        let fields = fields.chain(static_keys.iter().map(|key| format!("static.{key}")));
        entry.suggested = fields.map(|f| (f.replace('.', "_"), f)).collect();
    }
    Some(entry)
}

fn extra_field(node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<ExtraField> {
    let found = match &node.kind {
        Kind::Text(field) => Some(ExtraField::Field(field.clone())),
        Kind::Map(entries) => match entries.as_slice() {
            [entry] => text(&entry.value).map(|format| ExtraField::Format {
                key: entry.key.clone(),
                format: format.to_owned(),
            }),
            _ => None,
        },
        _ => None,
    };
    if found.is_none() {
        let message = format!("{path} must be a field name or one `name: \"format\"`");
        problems.push(Problem::new(node.place.clone(), message));
    }
    found
}

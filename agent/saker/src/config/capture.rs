//! The keys of captures that rules ask for (rules-spec G2).

use std::path::PathBuf;

use super::section::{Section, text};

/// Largest duration: a day.
const MAX_DURATION_MS: i64 = 24 * 60 * 60 * 1000;
/// Furthest a capture goes back.
const MAX_PRE_MS: i64 = 60_000;
/// Largest [`CaptureConfig::max_file_size_mb`] and [`CaptureConfig::max_total_size_mb`].
const MAX_SIZE_MB: i64 = 1 << 20;

/// Which rules start captures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CaptureMode {
    /// Those with `capture: true`.
    Rules,
    /// All.
    AllRules,
}

/// Captures on alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CaptureConfig {
    /// Whether there are any.
    pub enabled: bool,
    /// Which rules.
    pub mode: CaptureMode,
    /// How the names of the files begin.
    pub path_prefix: PathBuf,
    /// How long a capture goes on after an alert whose rule does not say, milliseconds.
    pub default_duration_ms: i64,
    /// Largest file in MiB; 0: no limit.
    pub max_file_size_mb: i64,
    /// MiB that all captures of [`CaptureConfig::path_prefix`] may take together; 0: no limit.
    pub max_total_size_mb: i64,
    /// Longest time further alerts may put the end of a capture off, milliseconds after its first.
    pub max_duration_ms: i64,
    /// How far a capture goes back before its alert, milliseconds.
    pub pre_ms: i64,
}

impl Default for CaptureConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            mode: CaptureMode::Rules,
            path_prefix: PathBuf::from("/var/lib/saker/captures/saker"),
            default_duration_ms: 5000,
            max_file_size_mb: 0,
            max_total_size_mb: 1024,
            max_duration_ms: 60_000,
            pre_ms: 2000,
        }
    }
}

impl CaptureConfig {
    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        section.boolean("enabled", &mut self.enabled);
        section.read(
            "mode",
            "rules or all_rules",
            &mut self.mode,
            |node| match text(node)? {
                "rules" => Some(CaptureMode::Rules),
                "all_rules" => Some(CaptureMode::AllRules),
                _ => None,
            },
        );
        section.read("path_prefix", "text", &mut self.path_prefix, |node| {
            Some(PathBuf::from(text(node)?))
        });
        section.integer(
            "default_duration",
            1..=MAX_DURATION_MS,
            &mut self.default_duration_ms,
        );
        section.integer(
            "max_file_size_mb",
            0..=MAX_SIZE_MB,
            &mut self.max_file_size_mb,
        );
        section.integer(
            "max_total_size_mb",
            0..=MAX_SIZE_MB,
            &mut self.max_total_size_mb,
        );
        section.integer(
            "max_duration_ms",
            1..=MAX_DURATION_MS,
            &mut self.max_duration_ms,
        );
        section.integer("pre_ms", 0..=MAX_PRE_MS, &mut self.pre_ms);
    }
}

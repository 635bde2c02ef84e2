//! Compiles checked rules into one program per event type.
//!
//! All conditions go into one graph in which equal parts exist once ([`graph`]). For each event
//! type the graph is specialised: checks of the type become constants, rules that cannot match
//! disappear. What a program computes twice gets a place in the matcher's memo. Checks of one field
//! share an index ([`indexed`]), and rules that cannot match are passed over together ([`plan`]).

mod events;
mod flat;
mod graph;
mod indexed;
mod plan;
mod predicate;
mod program;
mod select;

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::compiler::flat::Flat;
pub(crate) use crate::compiler::flat::{NO, Step, Test, YES};
pub use events::{EventSet, static_event_types};
pub use select::{AppendOutput, ExtraField, Selection, Switch, Target};

use crate::compiler::graph::Graph;
pub(crate) use crate::compiler::graph::{FALSE, Node, NodeId, TRUE};
pub(crate) use crate::compiler::indexed::{Indexed, Member};
use crate::compiler::plan::Planner;
pub(crate) use crate::compiler::predicate::Compiled;
pub(crate) use crate::compiler::program::{Entry, Group, Key, Program};
use crate::diagnostics::{Code, Diagnostic};
use crate::loader::{LoadedRule, Outcome, Priority};
use crate::output::OutputFormat;
use crate::parser::parse_operand_at;
use crate::schema::{EventType, Schema};
use crate::typeck::{Checker, NamedField, Problem, Use, Vocabulary};
use crate::typed::{Condition, Predicate};

/// An extra entry of `output_fields`, compiled.
#[derive(Debug, Clone)]
pub enum ExtraOutput {
    /// A typed value under the field's own name.
    Field(NamedField),
    /// A formatted string under a key.
    Format {
        /// The key.
        key: String,
        /// The format.
        format: OutputFormat,
    },
}

/// What is known of a rule when it matches.
#[derive(Debug, Clone)]
pub struct RuleMeta {
    /// Position in the rule set; order of evaluation.
    pub index: usize,
    /// Name.
    pub name: String,
    /// Description.
    pub desc: String,
    /// Priority.
    pub priority: Priority,
    /// Tags, sorted.
    pub tags: BTreeSet<String>,
    /// Event source.
    pub source: String,
    /// The condition, for looking at it again when it holds.
    pub condition: Arc<Condition>,
    /// Output with everything appended.
    pub output: OutputFormat,
    /// Extra entries of `output_fields`.
    pub extra: Vec<ExtraOutput>,
    /// Whether a match starts a capture file.
    pub capture: bool,
    /// Length of that capture in milliseconds; 0 is the configured default.
    pub capture_duration_ms: u64,
    /// Event types for which the rule can match.
    pub event_types: EventSet,
    /// Whether the condition does not narrow down the event type at all (rules-spec A9).
    pub untyped: bool,
    /// File of the definition.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
}

/// Compiled rules; immutable and shared by all workers.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<RuleMeta>,
    pub(crate) nodes: Vec<Node>,
    /// The code of gates and rules.
    pub(crate) steps: Vec<Step>,
    /// Number of slots for results of steps.
    pub(crate) slots: usize,
    pub(crate) predicates: Vec<Compiled>,
    pub(crate) specs: Vec<Arc<Predicate>>,
    pub(crate) indexed: Indexed,
    pub(crate) programs: Vec<Program>,
    /// Per event type: its program. Types with the same rules share one.
    program_of: Vec<u32>,
    event_types: EventSet,
}

impl RuleSet {
    /// All enabled rules in order.
    pub fn rules(&self) -> &[RuleMeta] {
        &self.rules
    }

    /// Event types that some enabled rule can match: what the kernel must send.
    pub fn event_types(&self) -> &EventSet {
        &self.event_types
    }

    /// Number of distinct predicates, for diagnostics and tests.
    pub fn predicate_count(&self) -> usize {
        self.predicates.len()
    }

    /// All distinct comparisons of the conditions.
    pub fn predicates(&self) -> impl Iterator<Item = &Predicate> {
        self.specs.iter().map(|predicate| &**predicate)
    }

    /// Rules tried for an event type, in order.
    pub fn rules_for(&self, event: EventType) -> impl Iterator<Item = &RuleMeta> {
        let entries = self
            .program(event)
            .map(|program| &program.entries[..])
            .unwrap_or_default();
        entries.iter().map(|entry| &self.rules[entry.rule as usize])
    }

    /// The program of an event type; `None` if it has no rules.
    #[inline]
    pub(crate) fn program(&self, event: EventType) -> Option<&Program> {
        let number = *self.program_of.get(usize::from(event.0))?;
        self.programs.get(number as usize)
    }

    /// The same with its number.
    pub(crate) fn numbered_program(&self, event: EventType) -> Option<(usize, &Program)> {
        let number = *self.program_of.get(usize::from(event.0))? as usize;
        Some((number, self.programs.get(number)?))
    }
}

/// Compiles the selected rules. `schema` must be the one the rules were checked against.
///
/// # Errors
/// Additions to outputs that do not parse.
pub fn compile(
    outcome: &Outcome,
    schema: &dyn Schema,
    selection: &Selection,
) -> Result<RuleSet, Vec<Diagnostic>> {
    let vocabulary = Vocabulary::new(schema);
    let mut errors = Vec::new();
    // Built twice: the first time only tells what is shared.
    let mut draft = Graph::new(schema, FxHashMap::default());
    for rule in outcome.rules.iter().filter(|rule| selection.takes(rule)) {
        draft.add(&rule.condition);
    }
    let mut graph = Graph::new(schema, draft.uses());
    let (mut rules, mut roots) = (Vec::new(), Vec::new());
    for rule in outcome.rules.iter().filter(|rule| selection.takes(rule)) {
        let (output, extra) = outputs(rule, selection, &vocabulary, &mut errors);
        roots.push(graph.add(&rule.condition));
        let untyped = static_event_types(&rule.condition, schema).is_all();
        rules.push(meta(
            rules.len(),
            rule,
            output,
            extra,
            untyped,
            schema.event_count(),
        ));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut entries = Vec::with_capacity(usize::from(schema.event_count()));
    let mut event_types = EventSet::none(schema.event_count());
    for event in (0..schema.event_count()).map(EventType) {
        let mut memo = FxHashMap::default();
        let mut typed = Vec::new();
        let mut untyped = Vec::new();
        for (rule, &root) in rules.iter_mut().zip(&roots) {
            let root = graph.specialise(root, event, &mut memo);
            if root == FALSE {
                continue;
            }
            rule.event_types.insert(event);
            event_types.insert(event);
            let list = if rule.untyped {
                &mut untyped
            } else {
                &mut typed
            };
            list.push((rule.index as u32, root));
        }
        let typed_count = typed.len();
        typed.append(&mut untyped);
        entries.push((typed, typed_count));
    }
    Ok(finish(graph, rules, entries, event_types))
}

/// Rules and roots of one event type, and how many of them are indexed by it.
type Entries = (Vec<(u32, NodeId)>, usize);

/// Stands for the program of event types without rules.
const NO_PROGRAM: u32 = u32::MAX;

/// Decides how the graph is evaluated.
fn finish(
    graph: Graph<'_>,
    rules: Vec<RuleMeta>,
    entries: Vec<Entries>,
    event_types: EventSet,
) -> RuleSet {
    let Graph {
        mut nodes, specs, ..
    } = graph;
    let mut numbers: FxHashMap<Entries, u32> = FxHashMap::default();
    let mut distinct: Vec<Entries> = Vec::new();
    let program_of = entries.into_iter().map(|entries| {
        if entries.0.is_empty() {
            return NO_PROGRAM;
        }
        *numbers.entry(entries).or_insert_with_key(|entries| {
            distinct.push(entries.clone());
            distinct.len() as u32 - 1
        })
    });
    let program_of = program_of.collect();
    let (used, mut memoised) = reached(&nodes, &distinct);
    let (indexed, predicates) = indexed::extract(&mut nodes, &specs, &used);
    for (memoised, node) in memoised.iter_mut().zip(&nodes) {
        *memoised &= match node {
            Node::Constant(_) => false,
            Node::Member(member) => indexed.members[*member as usize].direct,
            _ => true,
        };
    }
    let mut planner = Planner::new(nodes, &specs, &indexed);
    let mut programs: Vec<Program> = distinct
        .iter()
        .map(|(entries, typed)| planner.program(entries, *typed))
        .collect();
    let nodes = planner.into_nodes();
    memoised.resize(nodes.len(), false);
    let mut flat = Flat::new(&nodes, &memoised);
    for program in &mut programs {
        for group in &mut program.groups {
            group.gate_code = flat.condition(group.gate);
        }
        for entry in &mut program.entries {
            entry.code = flat.condition(entry.root);
        }
    }
    let slots = flat.slots();
    let steps = flat.steps;
    RuleSet {
        rules,
        nodes,
        steps,
        slots,
        predicates,
        specs,
        indexed,
        programs,
        program_of,
        event_types,
    }
}

fn meta(
    index: usize,
    rule: &LoadedRule,
    output: OutputFormat,
    extra: Vec<ExtraOutput>,
    untyped: bool,
    event_count: u16,
) -> RuleMeta {
    let def = &rule.def;
    RuleMeta {
        index,
        name: def.name.clone(),
        desc: def.desc.clone(),
        priority: def.priority,
        tags: def.tags.clone(),
        source: def.source.clone(),
        condition: Arc::clone(&rule.condition),
        output,
        extra,
        capture: def.capture,
        capture_duration_ms: def.capture_duration_ms,
        event_types: EventSet::none(event_count),
        untyped,
        file: rule.file.clone(),
        line: rule.line,
    }
}

/// The rule's output with what the configuration appends.
fn outputs(
    rule: &LoadedRule,
    selection: &Selection,
    vocabulary: &Vocabulary<'_>,
    errors: &mut Vec<Diagnostic>,
) -> (OutputFormat, Vec<ExtraOutput>) {
    let mut text = rule.output.source().to_owned();
    let mut extra = Vec::new();
    for addition in selection
        .append_output
        .iter()
        .filter(|addition| addition.fits(rule))
    {
        text.push_str(&addition.text());
        for field in &addition.extra_fields {
            let mut checker = Checker::new(vocabulary);
            let found = match field {
                ExtraField::Field(name) => named_field(name, &mut checker).map(ExtraOutput::Field),
                ExtraField::Format { key, format } => {
                    parse_output(format, &mut checker, vocabulary).map(|format| {
                        ExtraOutput::Format {
                            key: key.clone(),
                            format,
                        }
                    })
                }
            };
            extra.extend(found);
            complain(&checker.problems, errors);
        }
    }
    let mut checker = Checker::new(vocabulary);
    let output = parse_output(&text, &mut checker, vocabulary);
    complain(&checker.problems, errors);
    (output.unwrap_or_default(), extra)
}

fn parse_output(
    text: &str,
    checker: &mut Checker<'_>,
    vocabulary: &Vocabulary<'_>,
) -> Option<OutputFormat> {
    let schema = vocabulary.schema;
    let lookup = |name: &str, arg: Option<&str>| schema.resolve(name, arg).map(|_| ());
    OutputFormat::parse(text, checker, &lookup)
}

fn named_field(name: &str, checker: &mut Checker<'_>) -> Option<NamedField> {
    match parse_operand_at(name, 0) {
        Ok((operand, end)) if end == name.len() => {
            checker.operand(&operand, Use::Output)?;
            checker.fields.pop()
        }
        Ok((_, end)) => {
            checker
                .problems
                .push(Problem::new(end, format!("'{name}' is not a field")));
            None
        }
        Err(error) => {
            checker.problems.push(Problem::new(error.at, error.message));
            None
        }
    }
}

fn complain(problems: &[Problem], errors: &mut Vec<Diagnostic>) {
    for problem in problems {
        let column = problem.at + 1;
        let error = Diagnostic::elsewhere(
            "append_output",
            Code::CompileOutput,
            column,
            &problem.message,
        )
        .with_hint(problem.hint.clone());
        if !errors.contains(&error) {
            errors.push(error);
        }
    }
}

/// Nodes that some program reaches, and those it reaches from more than one parent.
fn reached(nodes: &[Node], programs: &[Entries]) -> (Vec<bool>, Vec<bool>) {
    let mut shared = vec![false; nodes.len()];
    // Number of the program, plus one, that last saw the node.
    let mut seen = vec![0usize; nodes.len()];
    for (number, (entries, _)) in programs.iter().enumerate() {
        let mut stack: Vec<NodeId> = entries.iter().map(|&(_, root)| root).collect();
        while let Some(node) = stack.pop() {
            let index = node as usize;
            if seen[index] == number + 1 {
                shared[index] = true;
                continue;
            }
            seen[index] = number + 1;
            match &nodes[index] {
                Node::Constant(_) | Node::Check(_) | Node::Member(_) => {}
                Node::Not(inner) => stack.push(*inner),
                Node::And(children) | Node::Or(children) => stack.extend(children.iter()),
            }
        }
    }
    (seen.iter().map(|&number| number > 0).collect(), shared)
}

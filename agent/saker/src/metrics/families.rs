//! From numbers to Prometheus metric families.

use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use super::definitions::{Definition, Type};
use super::histogram::HistogramSnapshot;

/// Nanoseconds in a second.
const NS: f64 = 1e9;

/// Families under construction.
#[derive(Debug, Default)]
pub(super) struct Families {
    list: Vec<MetricFamily>,
}

/// Labels of one series.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

impl Families {
    /// Adds one series; series of a family come one after the other.
    pub(super) fn value(&mut self, definition: &Definition, labels: Labels<'_>, value: f64) {
        let mut metric = Metric::from_label(pairs(labels));
        match definition.kind {
            Type::Counter => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            Type::Gauge => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
            Type::Histogram => debug_assert!(false, "{} is a histogram", definition.name),
        }
        self.add(definition, metric);
    }

    /// Adds a histogram of durations, in seconds.
    pub(super) fn histogram(&mut self, definition: &Definition, snapshot: &HistogramSnapshot) {
        let buckets = snapshot.cumulative.iter().map(|&(bound_ns, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound_ns as f64 / NS);
            bucket.set_cumulative_count(count);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(snapshot.count);
        histogram.set_sample_sum(snapshot.sum_ns as f64 / NS);
        let mut metric = Metric::from_label(Vec::new());
        metric.set_histogram(histogram);
        self.add(definition, metric);
    }

    /// The families; those without a series are left out, as the text format has no place for them.
    pub(super) fn finish(self) -> Vec<MetricFamily> {
        self.list
    }

    fn add(&mut self, definition: &Definition, metric: Metric) {
        if let Some(last) = self.list.last_mut().filter(|f| f.name() == definition.name) {
            last.mut_metric().push(metric);
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(definition.name.to_owned());
        family.set_help(definition.help.to_owned());
        family.set_field_type(match definition.kind {
            Type::Counter => MetricType::COUNTER,
            Type::Gauge => MetricType::GAUGE,
            Type::Histogram => MetricType::HISTOGRAM,
        });
        family.set_metric(vec![metric]);
        self.list.push(family);
    }
}

fn pairs(labels: Labels<'_>) -> Vec<LabelPair> {
    let pair = |&(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    labels.iter().map(pair).collect()
}

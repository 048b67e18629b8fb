//! Sums of this process's metrics, read from the text that Prometheus reads. Pure.

/// The metrics of one moment.
#[derive(Clone, Debug, Default)]
pub struct Numbers<'a>(Vec<Line<'a>>);

#[derive(Clone, Debug)]
struct Line<'a> {
    name: &'a str,
    /// Such as `status="429",operation="notes.create"`.
    labels: &'a str,
    value: f64,
}

impl<'a> Numbers<'a> {
    /// Lines that say no number are left out.
    pub fn read(text: &'a str) -> Self {
        Self(text.lines().filter_map(line).collect())
    }

    /// The sum of a counter over all its labels.
    pub fn sum(&self, name: &str) -> u64 {
        self.sum_where(name, |_| true)
    }

    /// The sum where a label has this value.
    pub fn sum_of(&self, name: &str, label: &str, value: &str) -> u64 {
        self.sum_where(name, |line| line.label(label) == Some(value))
    }

    fn sum_where(&self, name: &str, fits: impl Fn(&Line<'_>) -> bool) -> u64 {
        let sum: f64 = self.0.iter().filter(|line| line.name == name && fits(line)).map(|line| line.value).sum();
        sum as u64
    }

    /// A gauge, where it was ever set.
    pub fn gauge(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|line| line.name == name).map(|line| line.value)
    }

    /// The buckets of a histogram of seconds: upper bound, and how many were at or below it.
    pub fn buckets(&self, name: &str) -> Vec<(f64, u64)> {
        let mut buckets: Vec<(f64, u64)> = Vec::new();
        let of_it = self.0.iter().filter(|line| line.name.strip_suffix("_bucket") == Some(name));
        for (bound, count) in of_it.filter_map(|line| Some((bound(line.label("le")?)?, line.value as u64))) {
            match buckets.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, sum)) => *sum += count,
                None => buckets.push((bound, count)),
            }
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        buckets
    }
}

fn line(text: &str) -> Option<Line<'_>> {
    let (key, value) = text.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let (name, labels) = match key.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (key, ""),
    };
    (!name.starts_with('#')).then_some(Line { name, labels, value })
}

impl Line<'_> {
    fn label(&self, name: &str) -> Option<&str> {
        // Values of ours hold no quotation marks.
        self.labels
            .split("\",")
            .find_map(|pair| pair.split_once("=\"").filter(|(known, _)| *known == name))
            .map(|(_, value)| value.strip_suffix('"').unwrap_or(value))
    }
}

fn bound(text: &str) -> Option<f64> {
    if text == "+Inf" { Some(f64::INFINITY) } else { text.parse().ok() }
}

/// What grew between two moments, bucket by bucket.
pub fn grown(before: &[(f64, u64)], now: &[(f64, u64)]) -> Vec<(f64, u64)> {
    let was = |bound: f64| before.iter().find(|(known, _)| *known == bound).map_or(0, |(_, count)| *count);
    now.iter().map(|(bound, count)| (*bound, count.saturating_sub(was(*bound)))).collect()
}

/// The upper bound, in milliseconds, of the bucket in which a share of all is reached: never less than the truth. None
/// where there is nothing, or only what is beyond every bound.
pub fn percentile_millis(buckets: &[(f64, u64)], share: f64) -> Option<u64> {
    let all = buckets.last().map(|(_, count)| *count).filter(|all| *all > 0)?;
    let wanted = (all as f64 * share).ceil() as u64;
    let (bound, _) = buckets.iter().find(|(_, count)| *count >= wanted)?;
    bound.is_finite().then(|| (bound * 1000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP leadline_hubspot_calls_total calls to HubSpot, by operation and status
# TYPE leadline_hubspot_calls_total counter
leadline_hubspot_calls_total{operation=\"contacts.upsert\",status=\"200\"} 7
leadline_hubspot_calls_total{operation=\"notes.create\",status=\"429\"} 2

leadline_hubspot_calls_total{operation=\"contacts.upsert\",status=\"429\"} 1
leadline_store_up 1
leadline_hubspot_call_seconds_bucket{le=\"0.1\"} 4
leadline_hubspot_call_seconds_bucket{le=\"0.25\"} 9
leadline_hubspot_call_seconds_bucket{le=\"+Inf\"} 10
leadline_hubspot_call_seconds_sum 2.5
nonsense
";

    #[test]
    fn counters_are_added_up_by_their_labels() {
        let numbers = Numbers::read(TEXT);
        assert_eq!(numbers.sum("leadline_hubspot_calls_total"), 10);
        assert_eq!(numbers.sum_of("leadline_hubspot_calls_total", "status", "429"), 3);
        assert_eq!(numbers.sum_of("leadline_hubspot_calls_total", "operation", "notes.create"), 2);
        assert_eq!((numbers.sum("leadline_nothing_total"), numbers.gauge("leadline_store_up")), (0, Some(1.0)));
    }

    #[test]
    fn a_percentile_is_never_less_than_the_truth() {
        let buckets = Numbers::read(TEXT).buckets("leadline_hubspot_call_seconds");
        let rows = [(0.4, Some(100)), (0.5, Some(250)), (0.9, Some(250)), (0.95, None)];
        for (share, millis) in rows {
            assert_eq!(percentile_millis(&buckets, share), millis, "{share}");
        }
        assert_eq!(percentile_millis(&grown(&buckets, &buckets), 0.5), None, "nothing happened in between");
    }
}

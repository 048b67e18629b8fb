//! From submitted to what became of the leads. Where do they get lost?

use super::key::empty;
use super::svg::{Anchor, Area, Path, Svg};
use super::text::{count, fit, leads, percent, short};
use super::{Picture, Size, Table, Tone};

/// What became of the leads of a time. How many were submitted, received and planned follows from that.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// Which time, such as "in the last 7 days".
    pub period: String,
    /// Delivered with nothing left out, in parts that have names.
    pub synced: Vec<(&'static str, Stream)>,
    /// Delivered, though something was left out.
    pub warned: Stream,
    pub waiting: Loss,
    pub failed: Loss,
    pub skipped: Stream,
    pub cancelled: Stream,
    /// What they said is gone, because somebody asked for that.
    pub removed: Stream,
    /// Submitted, and not accepted: nobody can know more of them.
    pub turned_away: Stream,
}

/// Leads that ended in one way.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub leads: u64,
    pub href: Option<String>,
}

/// Leads that did not come through, before they had a plan or after.
#[derive(Clone, Debug, Default)]
pub struct Loss {
    pub before_plan: u64,
    pub after_plan: u64,
    pub href: Option<String>,
}

/// One end, with the leads that come to it from each stage.
struct End<'a> {
    name: &'static str,
    tone: Tone,
    from: [u64; 3],
    href: &'a Option<String>,
}

impl End<'_> {
    fn leads(&self) -> u64 {
        sum(self.from)
    }
}

const STAGES: [&str; 3] = ["Submitted", "Received", "Planned"];
const TITLE: &str = "What became of the leads";
/// Above the stages: their names and numbers.
const HEAD: f64 = 38.0;
/// An end has two lines of text.
const SLOT: f64 = 32.0;
const GAP: f64 = 6.0;
const NODE: f64 = 8.0;

impl Flow {
    fn ends(&self) -> Vec<End<'_>> {
        let end = |name, tone, stage: usize, stream: &Stream| {
            let mut from = [0; 3];
            from[stage] = stream.leads;
            (name, tone, from)
        };
        let lost = |name, tone, loss: &Loss| (name, tone, [0, loss.before_plan, loss.after_plan]);
        let with = |(name, tone, from), href| End { name, tone, from, href };
        let synced = self.synced.iter().map(|(name, part)| with(end(*name, Tone::Synced, 2, part), &part.href));
        let others = [
            with(end("With warnings", Tone::Warned, 2, &self.warned), &self.warned.href),
            with(lost("Waiting", Tone::Waiting, &self.waiting), &self.waiting.href),
            with(lost("Failed", Tone::Failed, &self.failed), &self.failed.href),
            with(end("Skipped", Tone::Skipped, 1, &self.skipped), &self.skipped.href),
            with(end("Cancelled", Tone::Skipped, 2, &self.cancelled), &self.cancelled.href),
            with(end("Removed", Tone::Skipped, 1, &self.removed), &self.removed.href),
            with(end("Turned away", Tone::Skipped, 0, &self.turned_away), &self.turned_away.href),
        ];
        synced.chain(others).collect()
    }

    fn title(&self) -> String {
        format!("{TITLE} {}", self.period).trim_end().to_owned()
    }
}

/// How many leads reached each stage.
fn stages(ends: &[End<'_>]) -> [u64; 3] {
    let left_at = |stage: usize| sum(ends.iter().map(|end| end.from[stage]));
    let planned = left_at(2);
    let received = planned.saturating_add(left_at(1));
    [received.saturating_add(left_at(0)), received, planned]
}

fn sum(counts: impl IntoIterator<Item = u64>) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

impl Picture for Flow {
    fn svg(&self, ids: &str, size: Size) -> String {
        let ends = self.ends();
        let stages = stages(&ends);
        let ends: Vec<_> = ends.into_iter().filter(|end| end.leads() > 0).collect();
        if ends.is_empty() {
            return empty(ids, size, &self.title(), &format!("No leads {}", self.period));
        }
        let columns = size.pick([0.0, 190.0, 380.0, 570.0], [0.0, 78.0, 156.0, 248.0]);
        let height = ends.len() as f64 * (SLOT + GAP) + size.pick(100.0, 80.0);
        let scale = per_lead(&ends, height);
        let thick = |leads: u64| if leads == 0 { 0.0 } else { (leads as f64 * scale).max(1.0) };

        let mut svg = Svg::new(ids, size);
        // Where the next stream leaves each stage.
        let mut leave = [HEAD; 3];
        for stage in 0..2 {
            let thickness = thick(stages[stage + 1]);
            if thickness > 0.0 {
                let from = (columns[stage] + NODE, HEAD);
                svg.group("p-stream", |svg| {
                    svg.path(&band(from, (columns[stage + 1], HEAD), thickness), Tone::Soft.class());
                });
            }
            leave[stage] += thickness;
        }
        let mut top = HEAD;
        for end in &ends {
            let thickness: f64 = end.from.into_iter().map(thick).sum();
            let slot = thickness.max(SLOT);
            let mut arrive = top + (slot - thickness) / 2.0;
            let tip = format!("{}: {} of {}", end.name, leads(end.leads()), count(stages[0]));
            svg.mark(end.href.as_deref(), &tip, |svg| {
                // A thin stream still ends in something that can be seen.
                let tall = thickness.max(4.0);
                let node = Area::new(columns[3], arrive - (tall - thickness) / 2.0, NODE, tall);
                for stage in [2, 1, 0] {
                    let thickness = thick(end.from[stage]);
                    if thickness > 0.0 {
                        let from = (columns[stage] + NODE, leave[stage]);
                        svg.group("p-stream", |svg| {
                            svg.path(&band(from, (columns[3], arrive), thickness), end.tone.class());
                        });
                        leave[stage] += thickness;
                        arrive += thickness;
                    }
                }
                svg.rect(node, 2.0, end.tone);
                let (x, middle) = (columns[3] + NODE + 8.0, top + slot / 2.0);
                let share = format!("{} · {}", short(end.leads()), percent(end.leads(), stages[0]));
                svg.text(x, middle - 3.0, Anchor::Start, "p-quiet", end.name);
                svg.text(x, middle + 12.0, Anchor::Start, "p-strong", &fit(&share, size.width() - x, 12.5));
            });
            top += slot + GAP;
        }
        for (stage, name) in STAGES.into_iter().enumerate() {
            svg.rect(Area::new(columns[stage], HEAD, NODE, thick(stages[stage]).max(1.0)), 2.0, "p-node");
            svg.text(columns[stage], 12.0, Anchor::Start, "p-quiet", name);
            svg.text(
                columns[stage],
                28.0,
                Anchor::Start,
                "p-strong",
                &fit(&short(stages[stage]), columns[stage + 1] - columns[stage] - 6.0, 12.5),
            );
        }
        let parts: Vec<_> =
            ends.iter().map(|end| format!("{} {}", count(end.leads()), end.name.to_lowercase())).collect();
        let words = format!("{} submitted: {}.", leads(stages[0]), parts.join(", "));
        svg.finish((top - GAP).max(HEAD + thick(stages[0])) + 2.0, &self.title(), &words)
    }

    fn table(&self) -> Table {
        let ends = self.ends();
        let stages = stages(&ends);
        let row = |name: &str, leads| [name.to_owned(), count(leads), percent(leads, stages[0])];
        let reached = STAGES.into_iter().zip(stages).map(|(name, leads)| row(name, leads));
        let rows = reached.chain(ends.iter().map(|end| row(end.name, end.leads())));
        Table::new(&self.title(), ["Step", "Leads", "Share of submitted"], rows.collect::<Vec<_>>())
            .linked([&None; 3].into_iter().chain(ends.iter().map(|end| end.href)))
    }
}

/// How thick one lead is, so that all ends fit into the height with room for their texts.
fn per_lead(ends: &[End<'_>], height: f64) -> f64 {
    let gaps = GAP * (ends.len() - 1) as f64;
    let total = sum(ends.iter().map(End::leads)) as f64;
    let (mut low, mut high) = (0.0, height / total);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        let needed: f64 = ends.iter().map(|end| (end.leads() as f64 * middle).max(SLOT)).sum();
        if needed + gaps <= height {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// A stream from the right side of one node to the left side of another.
fn band(from: (f64, f64), to: (f64, f64), thickness: f64) -> Path {
    let [from_low, to_low] = [from, to].map(|(x, y)| (x, y + thickness));
    Path::from(from.0, from.1).level(from, to).to(to_low.0, to_low.1).level(to_low, from_low).close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn stream(leads: u64) -> Stream {
        Stream { leads, href: Some("/logs?\"><script>".to_owned()) }
    }

    #[test]
    fn stages_follow_from_the_ends() {
        let flow = Flow {
            synced: vec![("Created", stream(5)), ("Updated", stream(3))],
            waiting: Loss { before_plan: 2, after_plan: 1, href: None },
            skipped: stream(4),
            cancelled: stream(2),
            removed: stream(2),
            turned_away: stream(1),
            ..Flow::default()
        };
        // What is called off had a plan.
        assert_eq!(stages(&flow.ends()), [20, 19, 11]);
        let rows = flow.table().rows;
        assert_eq!(rows[0], ["Submitted", "20", "100%"]);
        assert_eq!(rows[6], ["Waiting", "3", "15%"]);
        let not_sent: Vec<_> = rows[8..11].iter().map(|row| row[..2].join(" ")).collect();
        assert_eq!(not_sent, ["Skipped 4", "Cancelled 2", "Removed 2"]);
    }

    #[test]
    fn any_flow_can_be_drawn() {
        inspect(&Flow { period: "<today>".to_owned(), ..Flow::default() });
        inspect(&Flow { synced: vec![("Synced", stream(1))], ..Flow::default() });
        let all = |leads| Flow {
            period: "in all".to_owned(),
            synced: vec![("Created", stream(leads)), ("Updated", stream(1)), ("Without contact", stream(leads / 3))],
            warned: stream(leads),
            waiting: Loss { before_plan: leads, after_plan: 1, href: None },
            failed: Loss { before_plan: 1, after_plan: leads, href: None },
            skipped: stream(leads / 2),
            cancelled: stream(1),
            removed: stream(leads / 4),
            turned_away: stream(leads),
        };
        inspect(&all(1));
        inspect(&all(1000));
        inspect(&all(u64::MAX));
    }
}

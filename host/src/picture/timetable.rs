//! The tries of one lead on a scale by ratio: those that were, and those that are planned. When is the next?

use std::time::Duration;

use jiff::tz::TimeZone;

use super::axis::{Plot, feet};
use super::moment::{clock, exact};
use super::scale::Scale;
use super::svg::{Anchor, Path, SMALL, Svg};
use super::text::{counted, wait, width};
use super::{Picture, Size, Table, Tone};
use crate::model::time::Timestamp;

/// The tries of one lead. All times are counted from the first.
#[derive(Clone, Debug)]
pub struct Timetable {
    pub zone: TimeZone,
    /// When the first try was, or will be.
    pub first: Timestamp,
    pub now: Duration,
    /// In the order of time.
    pub past: Vec<Try>,
    /// In the order of time; empty when there will be none.
    pub planned: Vec<Duration>,
    /// After this nothing is tried.
    pub end: Duration,
}

/// A try that was.
#[derive(Clone, Debug)]
pub struct Try {
    pub after: Duration,
    pub has_worked: bool,
    /// Such as "503".
    pub text: String,
    pub href: Option<String>,
}

const TITLE: &str = "Tries until now, and those that are planned";
/// Below it the scale is about even, so that the first tries stand apart and zero has a place.
const KNEE: Duration = Duration::from_secs(10);
const MARKS_S: [u64; 9] = [0, 10, 60, 300, 1800, 7200, 5 * 3600, 24 * 3600, 72 * 3600];
const LINE: f64 = 66.0;

impl Picture for Timetable {
    fn svg(&self, ids: &str, size: Size) -> String {
        let end = self.end.max(Duration::from_secs(60));
        let (left, right) = (10.0, size.width() - 10.0);
        let along = along(end, (left, right));
        let x = |after: Duration| along.at(after.as_secs_f64());
        let radius = size.pick(5.0, 3.5);

        let mut svg = Svg::new(ids, size);
        svg.line((left, LINE), (right, LINE), "p-ground");
        let now = x(self.now);
        svg.line((now, 40.0), (now, LINE + 14.0), "p-change");
        beside(&mut svg, now, 36.0, "now", "p-note");
        let mut stack = Stack::default();
        for attempt in &self.past {
            let place = (x(attempt.after), LINE - stack.height(x(attempt.after), radius));
            let tip = format!("{}: {}", wait(attempt.after), attempt.text);
            svg.mark(attempt.href.as_deref(), &tip, |svg| dot(svg, place, radius, attempt.has_worked));
        }
        for (index, after) in self.planned.iter().enumerate() {
            let place = (x(*after), LINE - stack.height(x(*after), radius));
            let tip = format!("planned {} after the first, {}", wait(*after), exact(self.first + *after, &self.zone));
            svg.mark(None, &tip, |svg| {
                svg.circle(place.0, place.1, radius - 0.5, if index == 0 { "p-ghost p-ghost-next" } else { "p-ghost" });
            });
        }
        if let Some(next) = self.planned.first() {
            svg.line((x(*next), 18.0), (x(*next), LINE - radius - 1.0), "p-lead");
            beside(&mut svg, x(*next), 13.0, &self.next(*next), "p-strong");
        } else {
            let text = if self.past.iter().any(|attempt| attempt.has_worked) { "done" } else { "no further try" };
            svg.text(left, 13.0, Anchor::Start, "p-strong", text);
        }
        foot(&mut svg, Plot { left, top: 0.0, right, bottom: LINE + 10.0 }, &along, end);
        let next = self.planned.first().map_or("no further one".to_owned(), |next| self.next(*next));
        let words = format!(
            "{} until now; {next}; {} planned.",
            counted(self.past.len() as u64, "try", "tries"),
            self.planned.len()
        );
        svg.finish(LINE + 32.0, TITLE, &words)
    }

    fn table(&self) -> Table {
        let at = |after: Duration| exact(self.first + after, &self.zone);
        let links = self.past.iter().map(|attempt| &attempt.href).chain(self.planned.iter().map(|_| &None));
        let past = self.past.iter().map(|attempt| [wait(attempt.after), at(attempt.after), attempt.text.clone()]);
        let planned = self.planned.iter().map(|after| [wait(*after), at(*after), "planned".to_owned()]);
        Table::new(TITLE, ["After the first", "At", "Outcome"], past.chain(planned).collect::<Vec<_>>()).linked(links)
    }
}

impl Timetable {
    fn next(&self, next: Duration) -> String {
        let at = clock(self.first + next, &self.zone);
        match next.checked_sub(self.now) {
            // Nobody counts on fractions of a minute.
            Some(left) if left.as_secs() > 120 => {
                format!("next try {at}, in {}", wait(Duration::from_secs(left.as_secs() / 60 * 60)))
            }
            Some(left) if !left.is_zero() => format!("next try {at}, in {}", wait(left)),
            _ => "next try now".to_owned(),
        }
    }
}

/// Where times stand that are counted from the first try, until `end`: by ratio, and still with room for zero.
pub(super) fn along(end: Duration, (left, right): (f64, f64)) -> Scale {
    Scale::log((0.0, end.as_secs_f64()), (left, right), KNEE.as_secs_f64())
}

/// Says below a line how long after the first try its places are.
pub(super) fn foot(svg: &mut Svg, line: Plot, along: &Scale, end: Duration) {
    let marks = MARKS_S.into_iter().map(Duration::from_secs).filter(|mark| *mark <= end);
    let text = |mark: Duration| if mark.is_zero() { "first".to_owned() } else { hours(mark) };
    let mut marks: Vec<_> = marks.map(|mark| (along.at(mark.as_secs_f64()), text(mark))).collect();
    // The end is what people were promised, so it is said even where its neighbour then is not.
    if let Some((last, text)) = marks.pop() {
        let room = width(&text, SMALL) * 2.0 + 8.0;
        marks.retain(|(x, _)| *x < last - room);
        marks.push((last, text));
    }
    let picture_width = svg.width();
    feet(svg, line, picture_width, marks);
}

/// Days are hours here: 72 h is what the timetable promises.
pub(super) fn hours(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 86_400 => format!("{} h", seconds / 3600),
        _ => wait(time),
    }
}

/// A text above a place of the line, drawn to the side on which there is room.
fn beside(svg: &mut Svg, x: f64, y: f64, text: &str, class: &str) {
    let is_left = x < svg.width() / 2.0;
    svg.text(
        if is_left { x - 2.0 } else { x + 2.0 },
        y,
        if is_left { Anchor::Start } else { Anchor::End },
        class,
        text,
    );
}

/// Tries that would cover each other stand on top of each other.
#[derive(Default)]
struct Stack {
    last: Option<(f64, f64)>,
}

impl Stack {
    fn height(&mut self, x: f64, radius: f64) -> f64 {
        let height = match self.last {
            Some((last, height)) if (x - last).abs() < radius * 0.9 => (height + radius * 2.0 + 1.0).min(radius * 6.0),
            _ => 0.0,
        };
        self.last = Some((x, height));
        height
    }
}

/// One that worked is full, one that failed has a cross in it.
fn dot(svg: &mut Svg, (x, y): (f64, f64), radius: f64, has_worked: bool) {
    svg.circle(x, y, radius, if has_worked { Tone::Synced.class() } else { Tone::Failed.class() });
    if !has_worked {
        let arm = radius * 0.45;
        let cross = Path::from(x - arm, y - arm).to(x + arm, y + arm).jump(x + arm, y - arm).to(x - arm, y + arm);
        svg.path(&cross, "p-cut");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn timetable(past_s: &[u64], now_s: u64, planned_s: &[u64]) -> Timetable {
        let attempt = |after: &u64| Try {
            after: Duration::from_secs(*after),
            has_worked: false,
            text: "503 <busy>".to_owned(),
            href: Some("/logs".to_owned()),
        };
        Timetable {
            zone: TimeZone::UTC,
            first: Timestamp(0),
            now: Duration::from_secs(now_s),
            past: past_s.iter().map(attempt).collect(),
            planned: planned_s.iter().copied().map(Duration::from_secs).collect(),
            end: Duration::from_secs(72 * 3600),
        }
    }

    #[test]
    fn any_timetable_can_be_drawn() {
        inspect(&timetable(&[], 0, &[]));
        inspect(&timetable(&[], 0, &[0]));
        inspect(&timetable(&[0, 0, 5, 305], 400, &[2105, 9305, 27_305, 63_305, 259_200]));
        inspect(&timetable(&[0; 13], u64::MAX, &[]));
        inspect(&Timetable { end: Duration::ZERO, ..timetable(&[1], 1, &[2]) });
    }

    #[test]
    fn the_next_try_is_said_in_words() {
        assert_eq!(timetable(&[0], 60, &[]).next(Duration::from_secs(300)), "next try 00:05, in 4 min");
        assert_eq!(timetable(&[0], 60, &[]).next(Duration::from_secs(3)), "next try now");
    }

    #[test]
    fn tries_at_the_same_time_do_not_cover_each_other() {
        let mut stack = Stack::default();
        assert_eq!([10.0, 10.0, 40.0].map(|x| stack.height(x, 5.0)), [0.0, 11.0, 0.0]);
    }
}

//! Leads by hour and weekday. When do they come?

use super::axis::{Plot, feet};
use super::fields::heat;
use super::key::empty;
use super::svg::{Anchor, Area, Svg};
use super::text::{count, leads, short};
use super::{Picture, Size, Table};

/// A square for each hour of the week, in the dealership's own time.
#[derive(Clone, Debug)]
pub struct Hours {
    /// Whose, such as the dealership's name.
    pub whose: String,
    /// By weekday, Monday first, then by hour.
    pub leads: [[u64; 24]; 7],
    /// Where each square leads.
    pub links: [[Option<String>; 24]; 7],
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LEFT: f64 = 36.0;

impl Hours {
    fn title(&self) -> String {
        format!("Leads by hour and weekday, {}", self.whose)
    }

    /// The hour with the most leads; the first of several.
    fn busiest(&self) -> (usize, usize, u64) {
        let all = || (0..7).flat_map(|day| (0..24).map(move |hour| (day, hour, self.leads[day][hour])));
        all().rev().max_by_key(|(_, _, leads)| *leads).unwrap_or((0, 0, 0))
    }
}

impl Picture for Hours {
    fn svg(&self, ids: &str, size: Size) -> String {
        let (day, hour, most) = self.busiest();
        if most == 0 {
            return empty(ids, size, &self.title(), "No leads in this time");
        }
        let mut svg = Svg::new(ids, size);
        let peak = format!("busiest: {} {hour:02}:00, {}", DAYS[day], leads(most));
        svg.text(0.0, 12.0, Anchor::Start, "p-quiet", &peak);
        let right = size.pick(64.0, 48.0);
        let step = (size.width() - LEFT - right) / 24.0;
        let tall = size.pick(20.0, 16.0);
        let top = 24.0;
        for (day, hours) in self.leads.iter().enumerate() {
            let y = top + day as f64 * (tall + 2.0);
            svg.text(0.0, y + tall / 2.0 + 4.0, Anchor::Start, "p-tick", DAYS[day]);
            for (hour, number) in hours.iter().enumerate() {
                let area = Area::new(LEFT + hour as f64 * step, y, step - size.pick(2.0, 1.5), tall);
                let href = self.links[day][hour].as_deref();
                svg.mark(href, &format!("{} {hour:02}:00, {}", DAYS[day], leads(*number)), |svg| {
                    svg.rect(area, 2.0, heat(*number, most));
                });
            }
            let sum = hours.iter().fold(0, |sum: u64, leads| sum.saturating_add(*leads));
            svg.text(size.width(), y + tall / 2.0 + 4.0, Anchor::End, "p-figure", &short(sum));
        }
        let bottom = top + 7.0 * (tall + 2.0);
        let plot = Plot { left: LEFT, top, right: size.width() - right, bottom };
        let marks =
            (0..=24).step_by(size.pick(3, 6)).map(|hour| (LEFT + f64::from(hour) * step, format!("{hour:02}:00")));
        feet(&mut svg, plot, size.width(), marks);
        svg.finish(bottom + 22.0, &self.title(), &peak)
    }

    fn table(&self) -> Table {
        let head = std::iter::once("Hour".to_owned()).chain(DAYS.map(str::to_owned)).collect();
        let row = |hour: usize| {
            std::iter::once(format!("{hour:02}:00")).chain(self.leads.iter().map(|day| count(day[hour]))).collect()
        };
        Table { caption: self.title(), head, rows: (0..24).map(row).collect(), links: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn hours(one: u64, others: u64) -> Hours {
        let mut leads = [[others; 24]; 7];
        leads[1][14] = one;
        let links = std::array::from_fn(|_| std::array::from_fn(|_| None));
        Hours { whose: "Zoë's <Cars>".to_owned(), leads, links }
    }

    #[test]
    fn any_week_can_be_drawn() {
        for (one, others) in [(0, 0), (1, 0), (0, 1), (31, 4), (u64::MAX, u64::MAX)] {
            inspect(&hours(one, others));
        }
    }

    #[test]
    fn the_busiest_hour_is_said() {
        assert_eq!(hours(31, 4).busiest(), (1, 14, 31));
        assert_eq!(hours(4, 4).busiest(), (0, 0, 4));
        assert_eq!(hours(31, 4).table().rows[14][..4], ["14:00", "4", "31", "4"]);
    }
}

//! The fields of the leads, day by day. Which question is never answered, which property is broken?

use jiff::civil::Date;

use super::axis::{Plot, feet};
use super::key::{Entry, empty, key};
use super::svg::{Anchor, Area, Svg};
use super::text::{count, leads, percent};
use super::{Picture, Size, Table, Tone};

/// A row for each field, a square for each day.
#[derive(Clone, Debug)]
pub struct Fields {
    /// The oldest first.
    pub days: Vec<Date>,
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    /// One for each day.
    pub cells: Vec<Cell>,
    pub href: Option<String>,
}

/// One field on one day.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cell {
    pub leads: u64,
    /// How many of them had a value.
    pub valued: u64,
    /// How many of those values are in HubSpot.
    pub written: u64,
}

const TITLE: &str = "Fields by day";
const ROW: f64 = 22.0;
const SHARE: f64 = 46.0;

impl Field {
    fn total(&self) -> Cell {
        self.cells.iter().fold(Cell::default(), |sum, cell| Cell {
            leads: sum.leads.saturating_add(cell.leads),
            valued: sum.valued.saturating_add(cell.valued),
            written: sum.written.saturating_add(cell.written),
        })
    }
}

impl Cell {
    fn lost(&self) -> u64 {
        self.valued.saturating_sub(self.written)
    }

    fn words(&self) -> String {
        let lost = if self.lost() > 0 { format!(", {} not written", count(self.lost())) } else { String::new() };
        format!("{} of {} had a value{lost}", count(self.valued), leads(self.leads))
    }
}

impl Picture for Fields {
    fn svg(&self, ids: &str, size: Size) -> String {
        if self.fields.iter().all(|field| field.total().leads == 0) {
            return empty(ids, size, TITLE, "No leads in these days");
        }
        let mut svg = Svg::new(ids, size);
        let entries = [(Tone::Accent, "has a value: the stronger, the more leads"), (Tone::Failed, "not written")];
        let entries =
            entries.map(|(tone, name)| Entry { tone, name: name.to_owned(), figure: String::new(), href: None });
        let top = key(&mut svg, (0.0, 0.0), size.width(), &entries) + 8.0;
        let left = size.pick(150.0, 104.0);
        let step = ((size.width() - left - SHARE) / self.days.len().max(1) as f64).min(36.0);
        let gap = if step > 6.0 { 2.0 } else { 0.0 };
        for (index, field) in self.fields.iter().enumerate() {
            let y = top + index as f64 * ROW;
            let total = field.total();
            svg.mark(field.href.as_deref(), &format!("{}: {}", field.name, total.words()), |svg| {
                svg.label((0.0, y + 14.0), Anchor::Start, "", &field.name, left - 10.0);
                let share = percent(total.valued, total.leads);
                svg.text(left + step * self.days.len() as f64 + 8.0, y + 14.0, Anchor::Start, "p-strong", &share);
            });
            for (column, (day, cell)) in self.days.iter().zip(&field.cells).enumerate() {
                let area = Area::new(left + column as f64 * step, y, step - gap, ROW - 2.0);
                svg.mark(None, &format!("{}, {}: {}", field.name, short_day(*day), cell.words()), |svg| {
                    draw(svg, area, cell)
                });
            }
        }
        let bottom = top + self.fields.len() as f64 * ROW;
        let plot = Plot { left, top, right: size.width(), bottom };
        let days = self
            .days
            .iter()
            .enumerate()
            .map(|(column, day)| (left + (column as f64 + 0.5) * step - gap / 2.0, short_day(*day)));
        feet(&mut svg, plot, size.width(), days);
        let words: Vec<_> =
            self.fields.iter().map(|field| format!("{}: {}", field.name, field.total().words())).collect();
        svg.finish(bottom + 22.0, TITLE, &words.join("; "))
    }

    fn table(&self) -> Table {
        let head = std::iter::once("Field".to_owned())
            .chain(self.days.iter().map(|day| short_day(*day)))
            .chain(["All".to_owned()]);
        let said = |cell: &Cell| match (cell.leads, cell.lost()) {
            (0, _) => "–".to_owned(),
            (leads, 0) => percent(cell.valued, leads),
            (leads, lost) => format!("{}, {} not written", percent(cell.valued, leads), count(lost)),
        };
        let rows = self.fields.iter().map(|field| {
            // A day without a cell keeps its column.
            let cells = (0..self.days.len()).map(|day| said(field.cells.get(day).unwrap_or(&Cell::default())));
            std::iter::once(field.name.clone()).chain(cells).chain([said(&field.total())]).collect()
        });
        Table {
            caption: format!("{TITLE}: share of the leads with a value"),
            head: head.collect(),
            rows: rows.collect(),
            links: Vec::new(),
        }
        .linked(self.fields.iter().map(|field| &field.href))
    }
}

fn short_day(day: Date) -> String {
    day.strftime("%-d %b").to_string()
}

/// The more leads had a value, the darker; what was lost is a bar at the foot, as wide as its share of the values.
fn draw(svg: &mut Svg, area: Area, cell: &Cell) {
    if cell.leads == 0 {
        return svg.rect(
            Area::new(area.left + 0.5, area.top + 0.5, area.width - 1.0, area.height - 1.0),
            2.0,
            "p-none",
        );
    }
    svg.rect(area, 2.0, heat(cell.valued, cell.leads));
    if cell.lost() > 0 {
        let wide = (area.width * cell.lost() as f64 / cell.valued as f64).max(3.0).min(area.width);
        svg.rect(Area::new(area.left, area.bottom() - 7.0, area.width, 7.0), 0.0, "p-ground-area");
        svg.rect(Area::new(area.left, area.bottom() - 6.0, wide, 6.0), 1.0, Tone::Failed);
    }
}

/// The class of one of six depths; nothing has one of its own.
pub(super) fn heat(part: u64, whole: u64) -> &'static str {
    const DEPTHS: [&str; 6] = [
        "p-heat p-heat-0",
        "p-heat p-heat-1",
        "p-heat p-heat-2",
        "p-heat p-heat-3",
        "p-heat p-heat-4",
        "p-heat p-heat-5",
    ];
    if part == 0 || whole == 0 {
        return DEPTHS[0];
    }
    DEPTHS[((part as f64 / whole as f64 * 5.0).ceil() as usize).clamp(1, 5)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn fields(names: &[&str], days: i8, cell: Cell) -> Fields {
        let days: Vec<_> = (1..=days).map(|day| jiff::civil::date(2026, 11, day)).collect();
        let field = |name: &&str| Field {
            name: (*name).to_owned(),
            cells: vec![cell; days.len()],
            href: Some("?f=<".to_owned()),
        };
        Fields { fields: names.iter().map(field).collect(), days }
    }

    #[test]
    fn any_fields_can_be_drawn() {
        let cell = Cell { leads: 12, valued: 10, written: 9 };
        inspect(&fields(&[], 3, cell));
        inspect(&fields(&["email"], 0, cell));
        inspect(&fields(&["email"], 1, Cell::default()));
        inspect(&fields(&["email"], 1, cell));
        inspect(&fields(&["<script>", "vehicle_of_interest_of_the_customer_and_more", "e"], 30, cell));
        inspect(&fields(&["email"; 40], 30, Cell { leads: u64::MAX, valued: u64::MAX, written: 0 }));
    }

    #[test]
    fn the_table_tells_what_was_not_written() {
        let table = fields(&["email"], 2, Cell { leads: 10, valued: 8, written: 7 }).table();
        assert_eq!(table.head, ["Field", "1 Nov", "2 Nov", "All"]);
        assert_eq!(table.rows, [["email", "80%, 1 not written", "80%, 1 not written", "80%, 2 not written"]]);
    }

    #[test]
    fn what_is_there_is_never_as_pale_as_nothing() {
        let rows = [(0, 9, "0"), (1, 1000, "1"), (1, 2, "3"), (9, 9, "5"), (0, 0, "0"), (u64::MAX, u64::MAX, "5")];
        for (part, whole, expected) in rows {
            assert!(heat(part, whole).ends_with(expected), "{part} of {whole}");
        }
    }
}

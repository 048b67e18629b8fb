//! A small shape for each account, by its health. What is on fire?

use super::key::{empty, shapes};
use super::svg::{Anchor, Area, Path, Svg};
use super::text::{count, counted};
use super::{Picture, Size, Table, Tone};

/// The fleet at a glance.
#[derive(Clone, Debug)]
pub struct Squares {
    /// In the order in which they are shown: the worst first.
    pub accounts: Vec<Square>,
}

/// One account.
#[derive(Clone, Debug)]
pub struct Square {
    pub name: String,
    pub health: Health,
    pub href: Option<String>,
}

/// How an account is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Leads fail.
    Failing,
    /// Leads wait for a person.
    Waiting,
    Well,
    /// Paused, or nothing is connected.
    Quiet,
}

impl Health {
    const ALL: [Self; 4] = [Self::Failing, Self::Waiting, Self::Well, Self::Quiet];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Waiting => "waiting",
            Self::Well => "well",
            Self::Quiet => "quiet",
        }
    }
}

const TITLE: &str = "Accounts by health";
const STEP: f64 = 20.0;
const SIDE: f64 = 14.0;
/// More shapes make no picture; the worst stand first.
const SHOWN_MAX: usize = 1500;

impl Squares {
    fn number(&self, health: Health) -> u64 {
        self.accounts.iter().filter(|square| square.health == health).count() as u64
    }
}

impl Picture for Squares {
    fn svg(&self, ids: &str, size: Size) -> String {
        if self.accounts.is_empty() {
            return empty(ids, size, TITLE, "No accounts yet");
        }
        let mut svg = Svg::new(ids, size);
        let shown = Health::ALL.into_iter().filter(|health| self.number(*health) > 0);
        let entries = shown.map(|health| (health, health.name(), count(self.number(health))));
        let top = shapes(&mut svg, size.width(), entries, |svg, (x, y), health| draw(svg, (x, y + 2.0), health)) + 6.0;
        let columns = ((size.width() + STEP - SIDE) / STEP) as usize;
        let shown = &self.accounts[..self.accounts.len().min(SHOWN_MAX)];
        for (index, square) in shown.iter().enumerate() {
            let place = ((index % columns) as f64 * STEP, top + (index / columns) as f64 * STEP);
            svg.mark(square.href.as_deref(), &format!("{}: {}", square.name, square.health.name()), |svg| {
                draw(svg, place, square.health)
            });
        }
        let mut bottom = top + shown.len().div_ceil(columns) as f64 * STEP;
        let left = (self.accounts.len() - shown.len()) as u64;
        if left > 0 {
            let more = format!("and {}", counted(left, "more account", "more accounts"));
            svg.text(0.0, bottom + 12.0, Anchor::Start, "p-quiet", &more);
            bottom += 20.0;
        }
        let parts = Health::ALL.map(|health| format!("{} {}", count(self.number(health)), health.name()));
        svg.finish(bottom, TITLE, &parts.join(", "))
    }

    fn table(&self) -> Table {
        let rows = self.accounts.iter().map(|square| [square.name.clone(), square.health.name().to_owned()]);
        Table::new(TITLE, ["Account", "Health"], rows.collect::<Vec<_>>())
            .linked(self.accounts.iter().map(|square| &square.href))
    }
}

/// A square with a cross, a triangle, a square, the outline of a circle.
fn draw(svg: &mut Svg, (left, top): (f64, f64), health: Health) {
    let area = Area::new(left, top, SIDE, SIDE);
    let (right, bottom) = (area.right(), area.bottom());
    match health {
        Health::Failing => {
            svg.rect(area, 2.0, Tone::Failed.class());
            let cross = Path::from(left + 4.0, top + 4.0).to(right - 4.0, bottom - 4.0);
            svg.path(&cross.jump(right - 4.0, top + 4.0).to(left + 4.0, bottom - 4.0), "p-cut");
        }
        Health::Waiting => {
            svg.rect(area, 0.0, "p-touch");
            let triangle =
                Path::from(left + SIDE / 2.0, top + 0.5).to(right, bottom - 0.5).to(left, bottom - 0.5).close();
            svg.path(&triangle, Tone::Waiting.class());
        }
        Health::Well => svg.rect(area, 2.0, Tone::Synced.class()),
        Health::Quiet => svg.circle(left + SIDE / 2.0, top + SIDE / 2.0, SIDE / 2.0 - 1.5, "p-hollow"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn squares(number: usize) -> Squares {
        let square = |index: usize| Square {
            name: format!("<Cars & {index}>"),
            health: Health::ALL[index * 4 / number],
            href: Some(format!("/accounts/{index}")),
        };
        Squares { accounts: (0..number).map(square).collect() }
    }

    #[test]
    fn any_fleet_can_be_drawn() {
        for number in [0, 1, 40, 100_000] {
            inspect(&squares(number));
        }
        assert!(squares(1501).svg("g", Size::Compact).contains("and 1 more account<"));
        assert_eq!(squares(4).table().rows[3], ["<Cars & 3>", "quiet"]);
    }
}

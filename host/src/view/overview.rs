//! Overview: a verdict in one sentence, then the figures and pictures behind it.

pub(super) mod axis;
pub(super) mod changes;
pub(super) mod parts;
pub mod series;
mod window;

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;

use self::axis::Step;
use self::parts::{by_choice, unconnected};
use super::logs::Query;
use super::moment::{count, span, things};
use crate::cause::Code;
use crate::connection::standing::{UNCONNECTED, when};
use crate::hours::Figures;
use crate::model::account::PastBinding;
use crate::model::outcome::{Group, Outcome};
use crate::model::time::Timestamp;
use crate::picture::deliveries::Deliveries;
use crate::picture::latency::Latency;
use crate::picture::{self, Drawn, Tone, drawn};
use crate::store::{AuditEntry, HourOfLeads};

pub use changes::actions_of_note;
pub use window::{PERIODS, Period, Window, WrongDays};

const HOUR: Duration = Duration::from_secs(3600);

/// Figures and pictures of a time.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Overview {
    pub verdict: String,
    /// `good`, `warning`, `bad` or `none`.
    pub tone: &'static str,
    /// What can be done about leads that were not sent.
    pub offers: Vec<Offer>,
    pub tiles: Vec<Tile>,
    /// Why leads were skipped, the most frequent reason first; nothing where hours of an older version do not tell.
    pub skips: Vec<Skip>,
    /// Not every hour before this one is added up yet; none where all are.
    pub complete_from: Option<Timestamp>,
    #[serde(skip)]
    pub flow: Option<Drawn>,
    #[serde(skip)]
    pub deliveries: Option<Drawn>,
    #[serde(skip)]
    pub latency: Option<Drawn>,
    #[serde(skip)]
    pub causes: Option<Drawn>,
    #[serde(skip)]
    pub split: Option<Drawn>,
    /// By hour and weekday: of a week or longer.
    #[serde(skip)]
    pub hours: Option<Drawn>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Tile {
    pub label: &'static str,
    pub value: String,
    pub note: String,
    /// The leads that are counted.
    pub href: Option<String>,
    /// What to do to make it better.
    pub advice: Option<Advice>,
}

/// A sentence of advice, and where it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = TileAdvice)]
pub struct Advice {
    pub text: &'static str,
    pub label: &'static str,
    pub href: &'static str,
}

/// Leads that can be sent after all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ReplayOffer)]
pub struct Offer {
    pub text: String,
    pub label: &'static str,
    /// Where it is counted first.
    pub href: String,
}

/// Leads that were skipped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SkipReason)]
pub struct Skip {
    pub code: Code,
    pub title: &'static str,
    pub leads: u64,
    /// These leads.
    pub href: String,
}

/// What the overview is made of.
pub struct Seen<'a> {
    pub window: &'a Window,
    pub hours: &'a [HourOfLeads],
    pub complete_from: Option<Timestamp>,
    /// Newest first.
    pub bindings: &'a [PastBinding],
    /// What people did of [`actions_of_note`].
    pub history: &'a [AuditEntry],
    /// When HubSpot was connected for the first time.
    pub connected_at: Option<Timestamp>,
    pub open_issues: usize,
    pub is_connected: bool,
    /// The address of the account's screens.
    pub base: &'a str,
    /// The one that is looked at, by its slug; none: all together.
    pub dealership: Option<&'a str>,
    /// Whose leads these are, as people call them.
    pub whose: String,
    pub zone: &'a TimeZone,
    pub now: Timestamp,
}

impl Overview {
    pub fn of(seen: &Seen<'_>) -> Self {
        let mut all = Figures::default();
        seen.hours.iter().for_each(|hour| all.merge(&hour.figures));
        let (tone, verdict) = verdict(seen, &all);
        let has_leads = all.received > 0;
        Self {
            verdict,
            tone,
            offers: offers(seen, &all),
            tiles: tiles(seen, &all),
            skips: skips(seen, &all),
            complete_from: seen.complete_from,
            flow: has_leads.then(|| flow(seen, &all)),
            deliveries: has_leads.then(|| drawn("deliveries", &deliveries(seen))),
            latency: (all.took.count() > 0).then(|| drawn("latency", &latency(seen))),
            causes: (!all.causes.is_empty()).then(|| causes(seen, &all)),
            split: (all.delivered() > 0).then(|| split(seen, &all)),
            hours: (has_leads && seen.window.days >= 7).then(|| by_hour_and_weekday(seen)),
        }
    }
}

impl Seen<'_> {
    /// The address of leads that are counted here: of the same time and dealership, without test leads.
    fn leads(&self, which: Query) -> String {
        self.leads_of((self.window.from, self.window.period.is_none().then_some(self.window.until)), which)
    }

    /// The same of a part of the time.
    fn leads_of(&self, (from, until): (Timestamp, Option<Timestamp>), which: Query) -> String {
        let query = Query {
            from: from.to_string(),
            until: until.map(|until| until.to_string()).unwrap_or_default(),
            dealership: self.dealership.unwrap_or_default().to_owned(),
            test: "none".to_owned(),
            ..which
        };
        format!("{}/logs?{}", self.base, query.encoded())
    }
}

fn outcome(outcome: Outcome) -> Query {
    Query { outcome: outcome.word().to_owned(), ..Query::default() }
}

fn group(group: Group) -> Query {
    Query { outcome: group.word().to_owned(), ..Query::default() }
}

fn contact(word: &str) -> Query {
    Query { contact: word.to_owned(), ..Query::default() }
}

fn without_email() -> Query {
    Query { email: "without".to_owned(), ..Query::default() }
}

/// Once HubSpot is connected, what came before can be sent.
fn offers(seen: &Seen<'_>, all: &Figures) -> Vec<Offer> {
    let offer = |code: &Code| {
        let leads = Some(all.skipped_for(&[*code])).filter(|leads| *leads > 0)?;
        let asked = Query { dealership: seen.dealership.unwrap_or_default().to_owned(), ..Query::default() };
        let more = if asked.is_filtered() { format!("&{}", asked.encoded()) } else { String::new() };
        Some(Offer {
            text: format!("{} came {}, and can be sent now.", things(signed(leads), "lead", "leads"), when(*code)),
            label: "Send them",
            href: format!("{}/replays?state=skipped&cause={code}{more}", seen.base),
        })
    };
    if seen.is_connected { UNCONNECTED.iter().filter_map(offer).collect() } else { Vec::new() }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn verdict(seen: &Seen<'_>, all: &Figures) -> (&'static str, String) {
    let leads = |number: u64| things(signed(number), "lead", "leads");
    let when = &seen.window.when;
    if !seen.is_connected {
        let kept = (all.received > 0).then(|| format!(" {} came {when} and are kept.", leads(all.received)));
        return ("bad", format!("HubSpot is not connected.{}", kept.unwrap_or_default()));
    }
    let lost = all.failed + all.refused;
    match all.received {
        0 => ("none", format!("No leads {when}.")),
        _ if lost > 0 => {
            ("bad", format!("{} of {} {when} did not reach HubSpot.", count(signed(lost)), leads(all.received)))
        }
        _ if all.waiting > 0 => ("warning", format!("{} for somebody to mend something.", wait(all.waiting))),
        _ if all.retrying > 0 => ("warning", format!("HubSpot had trouble: {} again by itself.", tried(all.retrying))),
        _ if unconnected(all) > 0 => {
            let of = leads(all.received);
            (
                "warning",
                format!("{} of {of} {when} were not sent: HubSpot was not connected.", count(signed(unconnected(all)))),
            )
        }
        _ if seen.open_issues > 0 => {
            let issues = things(i64::try_from(seen.open_issues).unwrap_or(i64::MAX), "thing needs", "things need");
            ("warning", format!("{} {when} went through, but {issues} attention.", leads(all.received)))
        }
        _ if all.sending > 0 => {
            ("good", format!("All good: {} {when}, the last ones on their way.", leads(all.received)))
        }
        _ if by_choice(all) > 0 => {
            ("good", format!("All good: {} {when}; {} by choice.", leads(all.received), not_sent(by_choice(all))))
        }
        _ => ("good", format!("All good: {} {when}, all in HubSpot.", leads(all.received))),
    }
}

fn wait(number: u64) -> String {
    things(signed(number), "lead waits", "leads wait")
}

fn tried(number: u64) -> String {
    things(signed(number), "lead is tried", "leads are tried")
}

fn not_sent(number: u64) -> String {
    things(signed(number), "was not sent", "were not sent")
}

fn tiles(seen: &Seen<'_>, all: &Figures) -> Vec<Tile> {
    let tile = |label, number: u64, note: String, which: Query| Tile {
        label,
        value: count(signed(number)),
        note,
        href: Some(seen.leads(which)),
        advice: None,
    };
    let share = |part: u64| match all.received {
        0 => String::new(),
        all => format!("{} %", (part * 100 + all / 2) / all),
    };
    vec![
        tile("Leads", all.received, String::new(), Query::default()),
        tile("In HubSpot", all.delivered(), share(all.delivered()), group(Group::InHubspot)),
        time_to_hubspot(all),
        Tile {
            advice: (all.without_email > 0).then_some(ASK_FOR_EMAIL),
            ..tile("Without e-mail", all.without_email, share(all.without_email), without_email())
        },
        tile("Waiting", all.open(), String::new(), group(Group::Open)),
        Tile {
            label: "Open issues",
            value: count(i64::try_from(seen.open_issues).unwrap_or(i64::MAX)),
            note: String::new(),
            href: Some(format!("{}/issues", seen.base)),
            advice: None,
        },
    ]
}

/// The address is what a person is known by.
const ASK_FOR_EMAIL: Advice = Advice {
    text: "Always ask for the address: without one, a person who writes twice may become two contacts.",
    label: "About duplicates",
    href: "/help/help#there-are-duplicates",
};

fn time_to_hubspot(all: &Figures) -> Tile {
    let time =
        |share: f64| all.took.percentile(share).map(|took| span(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)));
    Tile {
        label: "Time to HubSpot",
        value: time(0.5).unwrap_or_else(|| "–".to_owned()),
        note: time(0.95).map_or_else(String::new, |p95| format!("19 of 20 within {p95}")),
        href: None,
        advice: None,
    }
}

fn flow(seen: &Seen<'_>, all: &Figures) -> Drawn {
    use picture::flow::{Flow, Loss, Stream};
    let link = |which: Query| Some(seen.leads(which));
    let stream = |part: parts::Part| Stream { leads: part.leads, href: link(part.which) };
    let [skipped, cancelled, removed] = parts::not_sent(all).map(stream);
    drawn(
        "flow",
        &Flow {
            period: seen.window.when.clone(),
            synced: parts::synced(all).into_iter().map(|part| (part.name, stream(part))).collect(),
            warned: Stream { leads: all.warnings, href: link(outcome(Outcome::SyncedWithWarnings)) },
            waiting: Loss { before_plan: 0, after_plan: all.open(), href: link(group(Group::Open)) },
            failed: Loss { before_plan: all.refused, after_plan: all.failed, href: link(outcome(Outcome::Failed)) },
            skipped,
            cancelled,
            removed,
            turned_away: Stream::default(),
        },
    )
}

fn skips(seen: &Seen<'_>, all: &Figures) -> Vec<Skip> {
    let skip = |(code, leads): (Code, u64)| Skip {
        code,
        title: code.title(),
        leads,
        href: seen.leads(Query { cause: code.to_string(), ..outcome(Outcome::Skipped) }),
    };
    parts::reasons(all).into_iter().map(skip).collect()
}

fn steps(seen: &Seen<'_>) -> Vec<Step> {
    axis::steps(&seen.window.bounds(seen.zone), seen.hours)
}

/// What became of the leads over time, with what changed meanwhile.
pub fn deliveries(seen: &Seen<'_>) -> Deliveries {
    let steps = steps(seen);
    let time = steps.first().zip(steps.last()).map_or((seen.now, seen.now), |(first, last)| (first.from, last.until));
    let link = |step: &Step| Some(seen.leads_of((step.from, Some(step.until)), Query::default()));
    axis::deliveries(&steps, changes::meanwhile(seen, time), seen.zone, link)
}

fn latency(seen: &Seen<'_>) -> Latency {
    let link = |step: &Step| Some(seen.leads_of((step.from, Some(step.until)), group(Group::InHubspot)));
    axis::latency(&steps(seen), seen.zone, link)
}

fn causes(seen: &Seen<'_>, all: &Figures) -> Drawn {
    use picture::causes::{Cause, Causes};
    let steps = steps(seen);
    let tone = |code: Code| match code {
        Code::AccountNotConnected | Code::EventNotSelected | Code::EventUnhandled => Tone::Skipped,
        _ if code.who() == "nobody has to" => Tone::Skipped,
        _ => Tone::Failed,
    };
    // A lead that went through may have the same cause, for what it lacks.
    let which = |code: &Code| Query { cause: code.to_string(), ..group(Group::NotInHubspot) };
    let mut causes: Vec<_> = all
        .causes
        .iter()
        .map(|(code, leads)| Cause {
            title: code.title().to_owned(),
            leads: *leads,
            trend: steps.iter().map(|step| step.figures.causes.get(code).copied().unwrap_or(0)).collect(),
            tone: tone(*code),
            href: Some(seen.leads(which(code))),
        })
        .collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.leads));
    drawn("causes", &Causes { causes })
}

fn split(seen: &Seen<'_>, all: &Figures) -> Drawn {
    use picture::split::{Bar, Part, Split};
    let part = |name: &str, count, tone, which: Query| Part {
        name: name.to_owned(),
        count,
        tone,
        href: Some(seen.leads(which)),
    };
    let mut contacts = vec![
        part("New contacts", all.created, Tone::Synced, contact("created")),
        part("Updated contacts", all.updated, Tone::Accent, contact("updated")),
    ];
    if all.saved > 0 {
        contacts.push(part(parts::WITHOUT_CONTACT, all.saved, Tone::Soft, contact("none")));
    }
    let asked = vec![part("Without e-mail", all.without_email, Tone::Waiting, without_email())];
    let bars = vec![
        Bar { leads: all.delivered(), which: "in HubSpot", parts: contacts },
        Bar { leads: all.received, which: "received", parts: asked },
    ];
    drawn("split", &Split { title: "New and known contacts".to_owned(), bars })
}

/// By the hours of the account's own time, which is what people open by. A square that is one hour of the time leads to the
/// leads of that hour; one that is several adds them up, and leads nowhere.
fn by_hour_and_weekday(seen: &Seen<'_>) -> Drawn {
    let link = |hours: Vec<&HourOfLeads>| match hours[..] {
        [one] => Some(seen.leads_of((one.hour, Some(one.hour + HOUR)), Query::default())),
        _ => None,
    };
    let links = hours_by_place(seen).map(|day| day.map(link));
    drawn("hours", &picture::hours::Hours { whose: seen.whose.clone(), leads: by_hour(seen), links })
}

/// How many leads came, by weekday and hour.
fn by_hour(seen: &Seen<'_>) -> [[u64; 24]; 7] {
    let all = |hours: Vec<&HourOfLeads>| hours.iter().map(|hour| hour.figures.received).sum();
    hours_by_place(seen).map(|day| day.map(all))
}

/// The hours in which leads came, by weekday and by the hours of the account's own time.
fn hours_by_place<'a>(seen: &Seen<'a>) -> [[Vec<&'a HourOfLeads>; 24]; 7] {
    let mut hours_of: [[Vec<&HourOfLeads>; 24]; 7] = Default::default();
    for hour in seen.hours.iter().filter(|hour| hour.figures.received > 0) {
        let Ok(at) = jiff::Timestamp::from_millisecond(hour.hour.0) else { continue };
        let local = at.to_zoned(seen.zone.clone());
        let day = usize::try_from(local.weekday().to_monday_zero_offset()).expect("a week has seven days");
        let of_day = usize::try_from(local.hour()).expect("a day has 24 hours");
        hours_of[day][of_day].push(hour);
    }
    hours_of
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(figures: Figures, is_connected: bool, open_issues: usize) -> (&'static str, String) {
        let hours = [HourOfLeads { hour: Timestamp(0), dealership: None, figures }];
        let seen = Seen {
            window: &Window::last(PERIODS[1], Timestamp(3_600_000)),
            hours: &hours,
            complete_from: None,
            bindings: &[],
            history: &[],
            connected_at: None,
            open_issues,
            is_connected,
            base: "/accounts/acme",
            dealership: None,
            whose: "Acme".to_owned(),
            zone: &TimeZone::UTC,
            now: Timestamp(3_600_000),
        };
        let overview = Overview::of(&seen);
        (overview.tone, overview.verdict)
    }

    #[test]
    fn what_came_while_hubspot_was_not_connected_was_nobodys_choice_and_can_be_sent() {
        let causes = [(Code::AccountNotConnected, 2), (Code::EventNotSelected, 1)].into();
        let figures = Figures { received: 4, created: 1, skipped: 3, causes, ..Figures::default() };
        let hours = [HourOfLeads { hour: Timestamp(0), dealership: None, figures }];
        let window = Window::last(PERIODS[1], Timestamp(3_600_000));
        let mut seen = Seen {
            window: &window,
            hours: &hours,
            complete_from: None,
            bindings: &[],
            history: &[],
            connected_at: None,
            open_issues: 0,
            is_connected: true,
            base: "/accounts/acme",
            dealership: Some("north"),
            whose: "North".to_owned(),
            zone: &TimeZone::UTC,
            now: Timestamp(3_600_000),
        };
        let overview = Overview::of(&seen);
        let verdict = "2 of 4 leads in the last 7 days were not sent: HubSpot was not connected.";
        assert_eq!((overview.tone, overview.verdict.as_str()), ("warning", verdict));
        let offers: Vec<_> = overview.offers.iter().map(|offer| (offer.text.as_str(), offer.href.as_str())).collect();
        let href = "/accounts/acme/replays?state=skipped&cause=account.not_connected&dealership=north";
        assert_eq!(offers, [("2 leads came before HubSpot was connected, and can be sent now.", href)]);
        seen.is_connected = false;
        assert_eq!(Overview::of(&seen).offers, []);
    }

    #[test]
    fn the_leads_of_a_figure_are_those_of_its_time_and_dealership() {
        let hours = [HourOfLeads {
            hour: Timestamp(0),
            dealership: None,
            figures: Figures { received: 2, created: 1, sending: 1, without_email: 1, ..Figures::default() },
        }];
        let now = Timestamp(3_600_000);
        let window = Window::of_days("1970-01-01", "1970-01-01", &TimeZone::UTC, now).unwrap();
        let overview = Overview::of(&Seen {
            window: &window,
            hours: &hours,
            complete_from: None,
            bindings: &[],
            history: &[],
            connected_at: None,
            open_issues: 1,
            is_connected: true,
            base: "/accounts/acme",
            dealership: Some("north"),
            whose: "North".to_owned(),
            zone: &TimeZone::UTC,
            now,
        });
        let links: Vec<_> = overview.tiles.iter().map(|tile| tile.href.clone().unwrap_or_default()).collect();
        let of = |more: &str| {
            let day = "from=1970-01-01T00:00:00Z&test=none&until=1970-01-01T01:00:01Z".replace(':', "%3A");
            match more.split_once('=') {
                Some(("email", _)) => format!("/accounts/acme/logs?dealership=north&{more}&{day}"),
                Some(_) => {
                    let (from, rest) = day.split_once('&').unwrap();
                    format!("/accounts/acme/logs?dealership=north&{from}&{more}&{rest}")
                }
                None => format!("/accounts/acme/logs?dealership=north&{day}"),
            }
        };
        let [in_hubspot, open] = ["outcome=in_hubspot", "outcome=open"].map(of);
        let issues = "/accounts/acme/issues".to_owned();
        assert_eq!(links, [of(""), in_hubspot, String::new(), of("email=without"), open, issues]);
        let advice: Vec<_> =
            overview.tiles.iter().filter(|tile| tile.advice.is_some()).map(|tile| tile.label).collect();
        assert_eq!(advice, ["Without e-mail"]);
        let spans = overview.deliveries.unwrap().table;
        assert_eq!(spans.links.len(), 2, "of the rest of the day there are no columns: {:?}", spans.rows);
        assert!(spans.links[0].as_ref().unwrap().contains("until=1970-01-01T01%3A00%3A00Z"), "{:?}", spans.links);
    }

    #[test]
    fn the_verdict_says_the_worst_thing_first() {
        let figures = |received, created, failed, waiting, skipped| Figures {
            received,
            created,
            failed,
            waiting,
            skipped,
            ..Figures::default()
        };
        let rows = [
            (figures(0, 0, 0, 0, 0), true, 0, ("none", "No leads in the last 7 days.")),
            (figures(128, 128, 0, 0, 0), true, 0, ("good", "All good: 128 leads in the last 7 days, all in HubSpot.")),
            (figures(3, 2, 1, 0, 0), true, 0, ("bad", "1 of 3 leads in the last 7 days did not reach HubSpot.")),
            (figures(3, 2, 0, 1, 0), true, 0, ("warning", "1 lead waits for somebody to mend something.")),
            (
                figures(3, 2, 0, 0, 1),
                true,
                0,
                ("good", "All good: 3 leads in the last 7 days; 1 was not sent by choice."),
            ),
            (
                figures(3, 3, 0, 0, 0),
                true,
                1,
                ("warning", "3 leads in the last 7 days went through, but 1 thing needs attention."),
            ),
            (
                figures(2, 0, 0, 0, 2),
                false,
                0,
                ("bad", "HubSpot is not connected. 2 leads came in the last 7 days and are kept."),
            ),
        ];
        for (figures, is_connected, issues, (tone, verdict)) in rows {
            assert_eq!(seen(figures, is_connected, issues), (tone, verdict.to_owned()));
        }
    }
}

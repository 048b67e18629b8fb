//! What each rule finds in how an account stands, in the words in which it is told.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::{
    FAILURE_IS_NEWS, FAILURES_LEADS_MIN, Facts, FailedLead, Finding, HOUR, Open, ROLLBACK_IS_NEWS, RolledBack,
    WEEKLY_AT, Waiting,
};
use crate::cause::Code;
use crate::model::account::ConnectionState;
use crate::model::alert::{AlertRule, Watch, local};
use crate::model::time::Timestamp;

/// What a rule finds.
pub fn findings(rule: &AlertRule, facts: &Facts) -> Vec<Finding> {
    match &rule.watches {
        Watch::LeadWaits { minutes } => waiting(Duration::from_secs(u64::from(*minutes) * 60), facts),
        Watch::Reconnect => reconnect(facts).into_iter().collect(),
        Watch::Failed => failed(rule, facts),
        Watch::Failures { percent } => failures(u64::from(*percent), facts).into_iter().collect(),
        Watch::Issue => facts.issues.iter().map(issue).collect(),
        Watch::RolledBack => rolled_back(rule, facts),
        Watch::Silence { hours, open } => {
            let since = facts.last_lead.map_or(rule.created_at, |last| last.max(rule.created_at));
            let (passed, is_open) = open.between(since, facts.now, &facts.zone);
            let is_silent = is_open && passed >= HOUR * *hours;
            is_silent.then(|| silence(*hours, facts.last_lead, since, facts)).into_iter().collect()
        }
        Watch::Weekly => weekly(rule, facts).into_iter().collect(),
    }
}

fn waiting(longest: Duration, facts: &Facts) -> Vec<Finding> {
    let waits = facts.waiting.iter().filter(|waiting| facts.now.since(waiting.since) > longest);
    let finding = |waiting: &Waiting| {
        let leads = match (waiting.leads, waiting.code) {
            (_, None) => "Leads wait for their turn".to_owned(),
            (1, _) => "A lead waits".to_owned(),
            (many, _) => format!("{many} leads wait"),
        };
        Finding {
            subject: waiting.code.map_or("queue", Code::as_str).to_owned(),
            title: waiting.code.map_or_else(|| leads.clone(), |code| format!("{leads}: {}", small(code.title()))),
            detail: format!("The first of them has waited since {}.", clock(waiting.since, facts)),
            fix: waiting.code.map_or("See whether something is paused; else ask the operator.", Code::fix).to_owned(),
            screen: match waiting.code {
                Some(code) if code.who() != "nobody has to" => "issues".to_owned(),
                Some(code) => format!("logs?cause={code}"),
                None => "logs?outcome=sending".to_owned(),
            },
            since: waiting.since,
            lasts: true,
        }
    };
    waits.map(finding).collect()
}

fn reconnect(facts: &Facts) -> Option<Finding> {
    let (state, problem) = facts.connection.as_ref()?;
    let code = match state {
        ConnectionState::ReconnectRequired => problem.as_ref().map_or(Code::AuthRevoked, |problem| problem.code),
        ConnectionState::Connected | ConnectionState::Paused | ConnectionState::Disconnected => return None,
    };
    let known = facts.issues.iter().find(|issue| issue.problem.code == code);
    Some(Finding {
        subject: "reconnect".to_owned(),
        title: "HubSpot has to be connected again".to_owned(),
        detail: format!("{}. New leads are kept, and go to HubSpot once it is connected.", code.title()),
        fix: code.fix().to_owned(),
        screen: "connectors".to_owned(),
        since: known.map_or(facts.now, |issue| issue.since),
        lasts: true,
    })
}

/// One finding a cause, with the words of the newest lead that failed for it.
fn failed(rule: &AlertRule, facts: &Facts) -> Vec<Finding> {
    let is_news = |lead: &&FailedLead| lead.at >= rule.created_at && facts.now.since(lead.at) < FAILURE_IS_NEWS;
    let mut by_cause: BTreeMap<&str, Vec<&FailedLead>> = BTreeMap::new();
    for lead in facts.failed.iter().filter(is_news) {
        by_cause.entry(lead.problem.code.as_str()).or_default().push(lead);
    }
    by_cause.into_values().filter_map(|leads| failed_for_one_cause(&leads, facts)).collect()
}

fn failed_for_one_cause(leads: &[&FailedLead], facts: &Facts) -> Option<Finding> {
    let newest = leads.iter().max_by_key(|lead| lead.at)?;
    let first = leads.iter().map(|lead| lead.at).min()?;
    let code = newest.problem.code;
    let title = match leads.len() {
        1 => format!("A lead failed: {}", small(code.title())),
        many => format!("{many} leads failed: {}", small(code.title())),
    };
    Some(Finding {
        subject: code.as_str().to_owned(),
        title,
        detail: format!(
            "{} It was given up at {}, and is not tried again by itself.",
            sentence(&newest.problem.detail),
            clock(newest.at, facts)
        ),
        fix: mended(code.fix()),
        screen: format!("logs?outcome=failed&cause={code}"),
        since: first,
        lasts: false,
    })
}

/// What to do about a lead that nobody tries again: what would have gone by itself is left to somebody now.
fn mended(fix: &str) -> String {
    match fix {
        waits if waits.starts_with("Nothing to do;") => {
            "See whether HubSpot works again, then replay what failed.".to_owned()
        }
        tells if tells.contains("replay") => tells.to_owned(),
        fix => format!("{fix} Then replay what failed."),
    }
}

fn failures(percent: u64, facts: &Facts) -> Option<Finding> {
    let (all, lost) = (facts.figures.received, facts.figures.failed + facts.figures.refused);
    if all < FAILURES_LEADS_MIN || lost * 100 <= percent * all {
        return None;
    }
    let worst = facts.figures.causes.iter().max_by_key(|(_, leads)| **leads).map(|(code, _)| *code);
    Some(Finding {
        subject: "failures".to_owned(),
        title: format!("{} % of the leads of the last hour failed", (lost * 100 + all / 2) / all),
        detail: match worst {
            Some(code) => format!("{lost} of {all} leads did not reach HubSpot. Most often: {}.", small(code.title())),
            None => format!("{lost} of {all} leads did not reach HubSpot."),
        },
        fix: worst.map_or("Look at them, and replay them once it is mended.", Code::fix).to_owned(),
        screen: "logs?outcome=failed".to_owned(),
        since: facts.now,
        lasts: true,
    })
}

fn issue(open: &Open) -> Finding {
    let waits = match open.held {
        0 => String::new(),
        1 => " 1 lead waits for it.".to_owned(),
        many => format!(" {many} leads wait for it."),
    };
    Finding {
        subject: open.id.clone(),
        title: match &open.problem.subject {
            Some(subject) => format!("{}: {subject}", open.problem.code.title()),
            None => open.problem.code.title().to_owned(),
        },
        detail: format!("{}{waits}", sentence(&open.problem.detail)),
        fix: open.problem.code.fix().to_owned(),
        screen: "issues".to_owned(),
        since: open.since,
        lasts: true,
    }
}

fn rolled_back(rule: &AlertRule, facts: &Facts) -> Vec<Finding> {
    let is_news = |back: &&RolledBack| back.at >= rule.created_at && facts.now.since(back.at) < ROLLBACK_IS_NEWS;
    let finding = |back: &RolledBack| Finding {
        subject: back.id.clone(),
        title: format!("A version was rolled back by itself; {} is used again", back.version),
        detail: sentence(&back.reason),
        fix: Code::TransformRolledBack.fix().to_owned(),
        screen: "transformation".to_owned(),
        since: back.at,
        lasts: false,
    };
    facts.rolled_back.iter().filter(is_news).map(finding).collect()
}

fn silence(hours: u32, last: Option<Timestamp>, since: Timestamp, facts: &Facts) -> Finding {
    Finding {
        subject: "silence".to_owned(),
        title: if hours == 1 { "No lead for an hour".to_owned() } else { format!("No lead for {hours} hours") },
        detail: match last {
            Some(last) => format!("The last one came at {}; the dealership has been open since.", clock(last, facts)),
            None => "None has come yet.".to_owned(),
        },
        fix: "Send a lead through the form of your website, and look whether it arrives.".to_owned(),
        screen: "logs".to_owned(),
        since,
        lasts: true,
    }
}

/// The Monday whose turn it is, and when.
pub fn monday(now: Timestamp, zone: &TimeZone) -> Option<(jiff::civil::Date, Timestamp)> {
    let local = local(now, zone)?;
    let due = |date: jiff::civil::Date| {
        let at = date.to_datetime(WEEKLY_AT.0).to_zoned(zone.clone()).ok()?;
        Some((date, Timestamp(at.timestamp().as_millisecond())))
    };
    let back = i64::from(local.date().weekday().since(Weekday::Monday));
    let this = due(local.date().checked_sub(jiff::Span::new().days(back)).ok()?)?;
    if this.1 <= now { Some(this) } else { due(this.0.checked_sub(jiff::Span::new().days(7)).ok()?) }
}

fn weekly(rule: &AlertRule, facts: &Facts) -> Option<Finding> {
    let (date, at) = monday(facts.now, &facts.zone)?;
    (at >= rule.created_at).then(|| Finding {
        subject: date.to_string(),
        title: "The week's leads".to_owned(),
        detail: String::new(),
        fix: String::new(),
        screen: String::new(),
        since: at,
        lasts: false,
    })
}

fn clock(at: Timestamp, facts: &Facts) -> String {
    let Some(then) = local(at, &facts.zone) else { return at.to_string() };
    let is_today = local(facts.now, &facts.zone).is_some_and(|now| now.date() == then.date());
    then.strftime(if is_today { "%H:%M" } else { "%H:%M on %-d %b" }).to_string()
}

/// Inside of a sentence: `HubSpot` keeps its letter, because it has two.
fn small(title: &str) -> String {
    let mut letters = title.chars();
    let first = letters.next().unwrap_or_default();
    if title.starts_with("HubSpot") {
        title.to_owned()
    } else {
        format!("{}{}", first.to_lowercase(), letters.as_str())
    }
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let Some(first) = letters.next() else { return String::new() };
    let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{MINUTE, NOON, facts, open, rule, says_of};
    use super::*;
    use crate::hours::Figures;
    use crate::model::alert::Opening;

    /// What a rule says of some facts, one title a line.
    fn says(watches: Watch, facts: &Facts) -> Vec<String> {
        says_of(&rule(watches), facts)
    }

    #[test]
    fn each_rule_finds_what_it_is_for_and_nothing_else() {
        let calm = facts(NOON);
        for watch in Watch::ALL.into_iter().filter(|watch| *watch != Watch::Weekly) {
            assert_eq!(says(watch.clone(), &calm), [""; 0], "{watch}");
        }
        let waits = Waiting { code: Some(Code::HubspotUnreachable), leads: 3, since: NOON - 16 * MINUTE };
        let new = Waiting { code: Some(Code::PropertyMissing), leads: 1, since: NOON - 15 * MINUTE };
        let queue = Waiting { code: None, leads: 1, since: NOON - HOUR };
        let busy = Facts { waiting: vec![waits, new, queue], issues: vec![open("iss_1")], ..facts(NOON) };
        assert_eq!(
            says(Watch::LeadWaits { minutes: 15 }, &busy),
            ["3 leads wait: HubSpot could not be reached", "Leads wait for their turn"]
        );
        assert_eq!(says(Watch::Issue, &busy), ["A property is missing in HubSpot: budget_range"]);
        let revoked = Some((ConnectionState::ReconnectRequired, None));
        assert_eq!(
            says(Watch::Reconnect, &Facts { connection: revoked, ..facts(NOON) }),
            ["HubSpot has to be connected again"]
        );
        let back =
            |at| RolledBack { id: "bnd_1".into(), at, version: "deals@2".into(), reason: "5 runs failed".into() };
        let rolled = Facts { rolled_back: vec![back(NOON - HOUR), back(NOON - ROLLBACK_IS_NEWS)], ..facts(NOON) };
        assert_eq!(says(Watch::RolledBack, &rolled), ["A version was rolled back by itself; deals@2 is used again"]);
    }

    #[test]
    fn a_share_of_failures_needs_some_leads_to_mean_anything() {
        for (received, failed, refused, found) in
            [(4, 4, 0, false), (5, 0, 0, false), (10, 1, 0, false), (10, 1, 1, true), (100, 11, 0, true)]
        {
            let figures = Figures { received, failed, refused, ..Figures::default() };
            let found_it = !says(Watch::Failures { percent: 10 }, &Facts { figures, ..facts(NOON) }).is_empty();
            assert_eq!(found_it, found, "{failed} and {refused} of {received}");
        }
    }

    #[test]
    fn silence_counts_only_while_the_dealership_is_open() {
        let watch = Watch::Silence { hours: 4, open: Opening::USUAL };
        // Opened at nine.
        for (hour, last, found) in
            [(12, None, false), (13, None, true), (13, Some(10), false), (17, Some(12), true), (19, Some(9), false)]
        {
            let midnight = NOON - HOUR * 12;
            let last_lead = last.map(|last: u32| midnight + HOUR * last).or(Some(midnight));
            let quiet = Facts { last_lead, ..facts(midnight + HOUR * hour) };
            assert_eq!(!says(watch.clone(), &quiet).is_empty(), found, "{hour}:00, last lead {last:?}");
        }
    }

    #[test]
    fn the_week_is_due_on_monday_at_eight_where_the_dealership_is() {
        let new_york = TimeZone::get("America/New_York").unwrap();
        for (now, zone, due) in [
            ("2026-11-23T07:59:00Z", &TimeZone::UTC, "2026-11-16T08:00:00Z"),
            ("2026-11-23T08:00:00Z", &TimeZone::UTC, "2026-11-23T08:00:00Z"),
            ("2026-11-29T23:00:00Z", &TimeZone::UTC, "2026-11-23T08:00:00Z"),
            ("2026-11-23T12:59:00Z", &new_york, "2026-11-16T13:00:00Z"),
            ("2026-11-23T13:00:00Z", &new_york, "2026-11-23T13:00:00Z"),
            // Over the change of the clocks.
            ("2026-11-02T13:00:00Z", &new_york, "2026-11-02T13:00:00Z"),
            ("2026-10-26T12:00:00Z", &new_york, "2026-10-26T12:00:00Z"),
        ] {
            let (_, at) = monday(Timestamp::parse(now).unwrap(), zone).unwrap();
            assert_eq!(at, Timestamp::parse(due).unwrap(), "{now}");
        }
    }
}

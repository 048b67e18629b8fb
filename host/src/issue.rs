//! What people do about an issue while it is open, and how it is shown: page, API and command line share this.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use crate::hours::hour;
use crate::model::id::{AccountId, CauseId};
use crate::model::time::Timestamp;
use crate::store::{self, Acknowledged, Comment, Issue, Muted, PastIssue, Store, StoreError};
use crate::suspect::{self, Change, InVain, Suspected};

/// Of a comment: a few paragraphs; what is longer belongs into a ticket.
pub const COMMENT_CHARS_MAX: usize = 2_000;
/// Comments on one issue: beyond that nobody reads them.
pub const COMMENTS_MAX: u32 = 100;
/// For how long an issue may be muted: whoever wants longer should mend it.
pub const MUTE_HOURS_MAX: u32 = 90 * 24;
/// Hours that the small picture of an issue has.
const TREND_HOURS: usize = 24;
/// Bindings and entries of the history among which a change is looked for.
const BINDINGS: u32 = 20;
const ENTRIES: u32 = 200;
/// Issues that are over and are looked at to see whether one came back.
const LOOKED_AT_MAX: u32 = 200;
/// Issues that are over and still listed, the last ones.
pub const PAST_MAX: u32 = 20;

/// Why something was not done about an issue.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    #[error("there is no open issue `{0}`")]
    NotOpen(String),
    #[error("a comment says something")]
    NoText,
    #[error("a comment has {COMMENT_CHARS_MAX} characters at most, not {0}")]
    LongText(usize),
    #[error("there are {COMMENTS_MAX} comments on this issue already")]
    TooMany,
    #[error("an issue is muted for 1 to {MUTE_HOURS_MAX} hours, not for {0}")]
    Hours(u32),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IssueError {
    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::NotOpen(_) => {
                "One that is mended is closed by itself; `leadline issue list` shows those that are open."
            }
            Self::NoText | Self::LongText(_) => "Correct it, and send it again.",
            Self::TooMany => "Go on where you keep tickets.",
            Self::Hours(_) => "Name fewer hours, or none: then it is muted until it concerns more leads.",
            Self::Store(_) => "Try it again.",
        }
    }
}

/// What somebody does about an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// He has seen it, and sees to it.
    Acknowledge,
    /// He wants no more of it for so many hours; none: until it concerns more leads than now.
    Mute(Option<u32>),
    Unmute,
    Comment(String),
}

/// Does it. Whoever comments or acknowledges again stands there as the last one who did.
///
/// # Errors
/// [`IssueError`], for the one who asked.
pub async fn act(store: &Store, issue: &Issue, act: Act, by: &str, now: Timestamp) -> Result<(), IssueError> {
    let by = by.to_owned();
    let is_open = match act {
        Act::Acknowledge => store.acknowledge_issue(issue, Some(&Acknowledged { by, at: now })).await?,
        Act::Mute(hours) => store.mute_issue(issue, Some(&mute(issue, hours, by, now)?)).await?,
        Act::Unmute => store.mute_issue(issue, None).await?,
        Act::Comment(text) => {
            let text = text_of(&text)?;
            let comment = Comment { issue_id: issue.id.clone(), by, at: now, text };
            if !store.comment_on_issue(&issue.account_id, &comment, COMMENTS_MAX).await? {
                return Err(IssueError::TooMany);
            }
            true
        }
    };
    if is_open { Ok(()) } else { Err(IssueError::NotOpen(issue.id.to_string())) }
}

fn mute(issue: &Issue, hours: Option<u32>, by: String, now: Timestamp) -> Result<Muted, IssueError> {
    let until = match hours {
        Some(hours) if !(1..=MUTE_HOURS_MAX).contains(&hours) => return Err(IssueError::Hours(hours)),
        Some(hours) => Some(now + Duration::from_secs(u64::from(hours) * 3600)),
        None => None,
    };
    Ok(Muted { by, at: now, until, leads: issue.leads() })
}

/// A comment as it is kept.
fn text_of(text: &str) -> Result<String, IssueError> {
    let text = plain(text);
    match text.chars().count() {
        0 => Err(IssueError::NoText),
        1..=COMMENT_CHARS_MAX => Ok(text),
        chars => Err(IssueError::LongText(chars)),
    }
}

/// What somebody typed, without the characters that move a cursor or turn the writing round, but for line ends.
pub(crate) fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text: String = text.chars().filter(|c| *c == '\n' || !c.is_control() && !turns(*c)).collect();
    text.trim().to_owned()
}

/// How an issue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = IssueState)]
pub enum Standing {
    Open,
    /// Somebody sees to it.
    Acknowledged,
    /// It is told to nobody and not counted.
    Muted,
}

/// An issue with what people need to know about it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ShownIssue)]
pub struct Shown {
    #[serde(flatten)]
    pub issue: Issue,
    pub state: Standing,
    pub title: &'static str,
    pub fix: &'static str,
    /// Who can do something about it.
    pub who: &'static str,
    pub hubspot_path: Option<&'static str>,
    /// What was changed shortly before, and may have caused it.
    pub suspected: Option<Suspected>,
    /// What was tried against it and did not help.
    pub in_vain: Option<InVain>,
    /// Leads that it concerns, by the hour in which they came, over the last day; the oldest first.
    pub trend: Vec<u64>,
    /// The oldest first.
    pub comments: Vec<Comment>,
}

/// An issue that is over, with what was said about it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ShownPastIssue)]
pub struct ShownPast {
    #[serde(flatten)]
    pub issue: PastIssue,
    pub title: &'static str,
    pub comments: Vec<Comment>,
}

/// An issue, whether or not it is over.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[schema(as = OneIssue)]
pub enum Found {
    Open(Box<Shown>),
    Over(ShownPast),
}

impl Found {
    pub fn account(&self) -> &AccountId {
        match self {
            Self::Open(shown) => &shown.issue.account_id,
            Self::Over(past) => &past.issue.account_id,
        }
    }
}

/// The open issues of an account, or of all: the oldest first, those that are muted last.
///
/// # Errors
/// The store's.
pub async fn open(store: &Store, account: Option<&AccountId>, now: Timestamp) -> store::Result<Vec<Shown>> {
    let issues = store.issues(account).await?;
    let mut shown = show(store, account, issues, now).await?;
    shown.sort_by_key(|shown| shown.state == Standing::Muted);
    Ok(shown)
}

/// Those that ended last, of an account or of all.
///
/// # Errors
/// The store's.
pub async fn over(store: &Store, account: Option<&AccountId>) -> store::Result<Vec<ShownPast>> {
    let past = store.past_issues(account, PAST_MAX).await?;
    show_past(store, past).await
}

/// The issue of an id, open or over; none where nobody remembers it.
///
/// # Errors
/// The store's.
pub async fn find(store: &Store, id: &str, now: Timestamp) -> store::Result<Option<Found>> {
    if let Some(issue) = store.issue(id).await? {
        let account = issue.account_id.clone();
        let shown = show(store, Some(&account), vec![issue], now).await?.pop();
        return Ok(shown.map(|shown| Found::Open(Box::new(shown))));
    }
    let past = store.past_issue(id).await?.into_iter().collect();
    Ok(show_past(store, past).await?.pop().map(Found::Over))
}

async fn show_past(store: &Store, past: Vec<PastIssue>) -> store::Result<Vec<ShownPast>> {
    let ids: Vec<_> = past.iter().map(|issue| &issue.id).collect();
    let mut comments = by_issue(store.issue_comments(&ids).await?);
    let shown = |issue: PastIssue| ShownPast {
        title: issue.problem.code.title(),
        comments: comments.remove(&issue.id).unwrap_or_default(),
        issue,
    };
    Ok(past.into_iter().map(shown).collect())
}

async fn show(
    store: &Store,
    account: Option<&AccountId>,
    issues: Vec<Issue>,
    now: Timestamp,
) -> store::Result<Vec<Shown>> {
    let ids: Vec<_> = issues.iter().map(|issue| &issue.id).collect();
    let mut comments = by_issue(store.issue_comments(&ids).await?);
    let mut changes: HashMap<AccountId, Vec<Change>> = HashMap::new();
    for issue in &issues {
        if !changes.contains_key(&issue.account_id) {
            changes.insert(issue.account_id.clone(), changes_of(store, &issue.account_id).await?);
        }
    }
    let past = if issues.is_empty() { Vec::new() } else { store.past_issues(account, LOOKED_AT_MAX).await? };
    let over_at = |issue: &Issue| {
        let is_same = |past: &&PastIssue| {
            let (one, other) = (&past.problem, &issue.problem);
            past.account_id == issue.account_id && one.code == other.code && one.subject == other.subject
        };
        past.iter().filter(is_same).map(|past| past.over_at).filter(|over| *over <= issue.first_at).max()
    };
    let first = hour(now) + 1 - TREND_HOURS as i64;
    let mut trends: HashMap<CauseId, Vec<u64>> = HashMap::new();
    for (issue, at) in store.concerned_by_issues(account, crate::hours::begin(first)).await? {
        let trend = trends.entry(issue).or_insert_with(|| vec![0; TREND_HOURS]);
        if let Some(leads) = usize::try_from(hour(at) - first).ok().and_then(|place| trend.get_mut(place)) {
            *leads += 1;
        }
    }
    let shown = |issue: Issue| {
        let code = issue.problem.code;
        let known = changes.get(&issue.account_id).map_or(&[][..], Vec::as_slice);
        Shown {
            state: standing(&issue, now),
            title: code.title(),
            fix: code.fix(),
            who: code.who(),
            hubspot_path: code.hubspot_path(),
            suspected: suspect::suspect(code, issue.first_at, known),
            in_vain: suspect::in_vain(code, (issue.first_at, issue.last_at), over_at(&issue), known),
            trend: trends.remove(&issue.id).unwrap_or_else(|| vec![0; TREND_HOURS]),
            comments: comments.remove(&issue.id).unwrap_or_default(),
            issue,
        }
    };
    Ok(issues.into_iter().map(shown).collect())
}

fn standing(issue: &Issue, now: Timestamp) -> Standing {
    match &issue.acknowledged {
        _ if issue.is_muted(now) => Standing::Muted,
        Some(_) => Standing::Acknowledged,
        None => Standing::Open,
    }
}

fn by_issue(comments: Vec<Comment>) -> HashMap<CauseId, Vec<Comment>> {
    let mut by_issue: HashMap<CauseId, Vec<Comment>> = HashMap::new();
    for comment in comments {
        by_issue.entry(comment.issue_id.clone()).or_default().push(comment);
    }
    by_issue
}

/// What was changed in an account of late.
async fn changes_of(store: &Store, account: &AccountId) -> store::Result<Vec<Change>> {
    let mut changes = suspect::of_history(&store.audit(Some(account), None, ENTRIES).await?);
    if let Some(connection) = store.connection_of(account).await? {
        changes.extend(suspect::of_bindings(&store.binding_history(&connection, BINDINGS).await?));
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::{Code, Problem};

    const NOON: Timestamp = Timestamp(1_795_435_200_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn issue(held: i64, dropped: i64, muted: Option<Muted>) -> Issue {
        Issue {
            id: CauseId::stored("iss_1".to_owned()),
            account_id: AccountId::stored("acc_1".to_owned()),
            problem: Problem::new(Code::PropertyMissing, "gone"),
            first_at: NOON,
            last_at: NOON,
            held,
            dropped,
            stands: false,
            acknowledged: Some(Acknowledged { by: "tom".to_owned(), at: NOON }),
            muted,
        }
    }

    #[test]
    fn a_mute_ends_at_its_time_or_when_more_leads_are_concerned() {
        let mute = |hours| super::mute(&issue(2, 1, None), hours, "tom".to_owned(), NOON).unwrap();
        for (muted, held, dropped, after, expected) in [
            (None, 2, 1, 0, Standing::Acknowledged),
            (Some(mute(Some(2))), 99, 0, 1, Standing::Muted),
            (Some(mute(Some(2))), 2, 1, 2, Standing::Acknowledged),
            (Some(mute(None)), 2, 1, 999, Standing::Muted),
            (Some(mute(None)), 0, 1, 999, Standing::Muted),
            (Some(mute(None)), 3, 1, 1, Standing::Acknowledged),
            (Some(mute(None)), 2, 2, 1, Standing::Acknowledged),
        ] {
            assert_eq!(
                standing(&issue(held, dropped, muted), NOON + HOUR * after),
                expected,
                "{held} {dropped} {after}"
            );
        }
        for hours in [0, MUTE_HOURS_MAX + 1] {
            assert!(super::mute(&issue(0, 0, None), Some(hours), String::new(), NOON).is_err());
        }
    }

    #[test]
    fn a_comment_is_text_and_nothing_else() {
        for (typed, kept) in [
            ("  <b>hi</b>\r\nthere ", Some("<b>hi</b>\nthere")),
            ("a\u{202e}b\u{1b}[31m\0c", Some("ab[31mc")),
            (" \n\t ", None),
            (&"x".repeat(COMMENT_CHARS_MAX + 1), None),
        ] {
            assert_eq!(text_of(typed).ok().as_deref(), kept, "{typed:?}");
        }
        assert!(text_of(&"é".repeat(COMMENT_CHARS_MAX)).is_ok());
    }
}

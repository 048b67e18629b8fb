//! Response to meaning, in one place. Branches on status, category, code and context, never on a text, but for three
//! cases where there is nothing else. Unknown fields are ignored; every field may be absent.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cause::{Code, Problem};
use crate::text::cut;

/// How long a lane rests after a 429 that does not say.
const RATE_PAUSE: Duration = Duration::from_secs(11);
/// How long a lane rests while HubSpot moves the portal and does not say: nobody moves a portal in seconds.
const MIGRATION_PAUSE: Duration = Duration::from_secs(5 * 60);
/// How long it rests after the search used up its second.
const SECOND_PAUSE: Duration = Duration::from_secs(1);
/// A rest of no time would be no rest.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest rest that an answer may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 3600);
/// A locked record is free again after some seconds.
const LOCKED_WAIT: Duration = Duration::from_secs(2);
/// HubSpot's own words, as far as they are shown.
const MESSAGE_CHARS_MAX: usize = 400;

/// What came back from one call.
#[derive(Clone, Debug)]
pub enum Reply {
    Answered {
        status: u16,
        /// The body as JSON; null where it is none.
        body: Value,
        /// The start of the body as text, for people.
        text: String,
        correlation_id: Option<String>,
        retry_after: Option<Duration>,
        /// What the headers say of the portal's limit, where they do.
        rate: Option<RateLimit>,
    },
    Unreachable {
        /// Whether the request may have taken effect all the same.
        may_have_arrived: bool,
        detail: String,
    },
}

/// A portal's limit, as the headers of an answer tell it. Those that count single seconds are outdated and not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Calls in one window.
    pub max: u32,
    /// How many are left in the window that ends now.
    pub remaining: u32,
}

impl RateLimit {
    pub(super) fn read(header: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let number = |name| header(name)?.parse().ok();
        Some(Self { max: number("max")?, remaining: number("remaining")? })
    }
}

impl Reply {
    /// What the headers say of the portal's limit, where they do.
    pub fn rate(&self) -> Option<RateLimit> {
        match self {
            Self::Answered { rate, .. } => *rate,
            Self::Unreachable { .. } => None,
        }
    }

    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::Unreachable { .. } => None,
        }
    }

    pub fn correlation_id(&self) -> Option<&str> {
        match self {
            Self::Answered { correlation_id, .. } => correlation_id.as_deref(),
            Self::Unreachable { .. } => None,
        }
    }

    /// The answer as it is kept with the call.
    pub fn kept(&self) -> Value {
        match self {
            Self::Answered { text, retry_after, .. } => {
                json!({ "body": text, "retry_after_s": retry_after.map(|wait| wait.as_secs()) })
            }
            Self::Unreachable { detail, .. } => json!({ "unreachable": detail }),
        }
    }

    /// Whether a write may have taken effect although the answer does not say so.
    pub fn leaves_doubt(&self) -> bool {
        match self {
            Self::Answered { status, .. } => *status >= 500,
            Self::Unreachable { may_have_arrived, .. } => *may_have_arrived,
        }
    }

    /// The body of an answer that worked, at least for some inputs: any 2xx.
    pub fn success(&self) -> Option<&Value> {
        match self {
            Self::Answered { status, body, .. } if (200..300).contains(status) => Some(body),
            _ => None,
        }
    }

    /// What an answer means that does not show what it should: its own meaning, or `odd` where it says yes.
    pub fn meaning_or(&self, odd: impl FnOnce() -> Meaning) -> Meaning {
        if self.success().is_some() { odd() } else { self.meaning() }
    }

    /// What an answer that is no 2xx means for everything that was asked.
    pub fn meaning(&self) -> Meaning {
        match self {
            Self::Unreachable { detail, .. } => Meaning::Temporary {
                problem: Problem::new(Code::HubspotUnreachable, format!("HubSpot could not be reached: {detail}")),
                asked: Duration::ZERO,
            },
            Self::Answered { status, body, correlation_id, retry_after, .. } => {
                let envelope = Envelope::of(body);
                let correlation_id = correlation_id.clone().or_else(|| envelope.correlation_id.clone());
                by_status(*status, &envelope, *retry_after, correlation_id)
            }
        }
    }
}

/// What an answer means for what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Try again by the timetable, not before `asked`.
    Temporary { problem: Problem, asked: Duration },
    /// The whole lane rests; nobody spends an attempt.
    Pause { problem: Problem, pause: Pause },
    /// Waits until somebody removes the cause.
    Blocked(Problem),
    /// Bad data; final.
    Refused(Problem),
    /// Values that HubSpot does not take: without them, the record may go through.
    Properties(Vec<BadProperty>),
    /// A value that only one record may hold is another record's; its id, where the answer names it.
    Conflict { existing: Option<String>, problem: Problem },
    /// Inputs that are one record to HubSpot; their keys, where the answer names them.
    Duplicates { keys: Vec<String>, problem: Problem },
    /// Records that are not there, or no longer.
    Gone(Problem),
    /// Something about a whole batch that does not say which input is meant.
    Unclear(Problem),
}

impl Meaning {
    /// The same for inputs that are named by their keys: ids in a refusal are then the inputs', not missing records'.
    pub fn of_keys(self) -> Self {
        match self {
            Self::Gone(problem) if problem.code != Code::RecordGone => Self::Unclear(problem),
            meaning => meaning,
        }
    }

    /// What it says, as one problem.
    pub fn problem(self) -> Problem {
        match self {
            Self::Temporary { problem, .. }
            | Self::Pause { problem, .. }
            | Self::Blocked(problem)
            | Self::Refused(problem)
            | Self::Conflict { problem, .. }
            | Self::Duplicates { problem, .. }
            | Self::Gone(problem)
            | Self::Unclear(problem) => problem,
            Self::Properties(bad) => {
                let words: Vec<_> = bad.iter().map(|bad| format!("`{}`: {}", bad.name, bad.message)).collect();
                let code = bad.first().map_or(Code::HubspotRefused, |bad| bad.code);
                Problem::new(code, format!("HubSpot refuses {}", words.join("; ")))
            }
        }
    }
}

/// How long a lane rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    For(Duration),
    /// Until the next day begins in the portal's time zone: its daily calls are used up.
    UntilMidnight,
}

/// A value that HubSpot refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadProperty {
    pub name: String,
    pub code: Code,
    /// HubSpot's own words.
    pub message: String,
}

/// HubSpot's error envelope, for a whole answer or for one entry of a batch.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    category: Option<String>,
    message: Option<String>,
    correlation_id: Option<String>,
    policy_name: Option<String>,
    pub(super) context: Value,
    errors: Vec<Detail>,
}

#[derive(Clone, Debug, Default)]
struct Detail {
    code: Option<String>,
    /// In the list that stands inside a message, the code is called so.
    error: Option<String>,
    name: Option<String>,
    r#in: Option<String>,
    message: Option<String>,
    context: Value,
}

impl Detail {
    fn of(body: &Value) -> Self {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        Self {
            code: text("code"),
            error: text("error"),
            name: text("name"),
            r#in: text("in"),
            message: text("message"),
            context: body["context"].clone(),
        }
    }

    fn code(&self) -> &str {
        self.code.as_deref().or(self.error.as_deref()).unwrap_or("")
    }

    fn property(&self) -> Option<&str> {
        self.context["propertyName"][0].as_str().or(self.name.as_deref()).or(self.r#in.as_deref())
    }
}

impl Envelope {
    pub(super) fn of(body: &Value) -> Self {
        // Field by field: an odd one must not cost the others.
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let errors = body["errors"].as_array().into_iter().flatten();
        Self {
            category: text("category"),
            message: text("message"),
            correlation_id: text("correlationId"),
            policy_name: text("policyName"),
            context: body["context"].clone(),
            errors: errors.map(Detail::of).collect(),
        }
    }

    /// The meaning of one entry of a batch's errors: its status is that of its category.
    pub(super) fn entry_meaning(&self, correlation_id: Option<&str>) -> Meaning {
        let status = match self.category.as_deref() {
            Some("OBJECT_NOT_FOUND") => 404,
            Some("CONFLICT" | "OBJECT_ALREADY_EXISTS") => 409,
            Some("MISSING_SCOPES") => 403,
            Some("RATE_LIMITS") => 429,
            Some("INTERNAL_ERROR") => 500,
            _ => 400,
        };
        by_status(status, self, None, correlation_id.map(str::to_owned))
    }

    /// The details of a refusal: from `errors`, else from the JSON list that stands inside the message.
    fn details(&self) -> Vec<Detail> {
        if !self.errors.is_empty() {
            return self.errors.clone();
        }
        let list = self.message.as_deref().and_then(|message| Some(&message[message.find('[')?..]));
        let parsed: Option<Vec<Value>> =
            list.and_then(|list| serde_json::Deserializer::from_str(list).into_iter().next()?.ok());
        parsed.unwrap_or_default().iter().map(Detail::of).collect()
    }

    fn words(&self) -> String {
        let message = self.message.as_deref().unwrap_or("HubSpot gave no reason");
        cut(message, MESSAGE_CHARS_MAX)
    }
}

/// What the first error of a 2xx answer means.
pub fn first_error(body: &Value, correlation_id: Option<&str>) -> Meaning {
    let first = body["errors"].get(0).unwrap_or(&Value::Null);
    Envelope::of(first).entry_meaning(correlation_id)
}

/// What the errors of a 2xx answer say of the input with this trace id, if anything.
pub fn error_of(body: &Value, trace: &str, correlation_id: Option<&str>) -> Option<Meaning> {
    let names = |error: &&Value| {
        let traces = error["context"]["objectWriteTraceId"].as_array();
        traces.is_some_and(|traces| traces.iter().any(|known| known.as_str() == Some(trace)))
    };
    let error = body["errors"].as_array()?.iter().find(names)?;
    Some(Envelope::of(error).entry_meaning(correlation_id))
}

/// What an answer means that says yes and shows nothing.
pub fn no_effect() -> Meaning {
    Meaning::Temporary {
        problem: Problem::new(Code::HubspotNoEffect, "HubSpot said yes but showed no record"),
        asked: Duration::ZERO,
    }
}

fn by_status(
    status: u16,
    envelope: &Envelope,
    retry_after: Option<Duration>,
    correlation_id: Option<String>,
) -> Meaning {
    let problem = |code: Code, detail: String| Problem::new(code, detail).correlated(correlation_id.clone());
    let words = envelope.words();
    match status {
        400 | 409 | 422 => bad_data(status, envelope, &problem),
        401 => Meaning::Blocked(problem(Code::AuthRevoked, format!("HubSpot no longer accepts the token: {words}"))),
        403 if envelope.category.as_deref() == Some("MISSING_SCOPES") => {
            let scopes = envelope.errors.iter().find_map(|detail| detail.context["requiredGranularScopes"].as_array());
            let scope = scopes.and_then(|scopes| scopes.first()?.as_str()).unwrap_or("a permission").to_owned();
            Meaning::Blocked(
                problem(Code::AuthMissingScope, format!("HubSpot asks for the permission `{scope}`")).about(scope),
            )
        }
        403 => Meaning::Blocked(problem(Code::AuthPermission, format!("HubSpot does not allow this: {words}"))),
        404 if envelope.category.as_deref() == Some("OBJECT_NOT_FOUND") => {
            Meaning::Gone(problem(Code::RecordGone, words))
        }
        408 | 425 => temporary(problem(Code::HubspotServerError, words), retry_after),
        423 => temporary(problem(Code::HubspotLocked, words), Some(retry_after.unwrap_or_default().max(LOCKED_WAIT))),
        429 => Meaning::Pause {
            problem: problem(
                Code::HubspotRateLimited,
                format!("HubSpot's limit `{}` is used up", envelope.policy_name.as_deref().unwrap_or("unknown")),
            ),
            pause: match envelope.policy_name.as_deref() {
                Some("DAILY") => Pause::UntilMidnight,
                Some("SECONDLY") => at_least(retry_after.unwrap_or(SECOND_PAUSE)),
                _ => at_least(retry_after.unwrap_or(RATE_PAUSE)),
            },
        },
        477 => Meaning::Pause {
            problem: problem(
                Code::HubspotMigrating,
                "HubSpot is moving this account to another data centre".to_owned(),
            ),
            pause: at_least(retry_after.unwrap_or(MIGRATION_PAUSE)),
        },
        522 | 525 | 526 => {
            temporary(problem(Code::HubspotUnreachable, format!("HubSpot answered {status}")), retry_after)
        }
        500.. => temporary(problem(Code::HubspotServerError, format!("HubSpot answered {status}")), retry_after),
        // A wrong path or method, a redirect: our own mistake, and no lead may suffer for it.
        _ => temporary(
            problem(Code::OurFault, format!("HubSpot answered {status} to a call that we made wrongly: {words}")),
            retry_after,
        ),
    }
}

fn at_least(pause: Duration) -> Pause {
    Pause::For(pause.clamp(PAUSE_MIN, PAUSE_MAX))
}

fn temporary(problem: Problem, asked: Option<Duration>) -> Meaning {
    Meaning::Temporary { problem, asked: asked.unwrap_or_default() }
}

fn bad_data(status: u16, envelope: &Envelope, problem: &dyn Fn(Code, String) -> Problem) -> Meaning {
    let details = envelope.details();
    let about = |detail: &Detail| detail.property().unwrap_or("a property").to_owned();
    if let Some(detail) = details.iter().find(|detail| detail.code().starts_with("MISSING_")) {
        let name = about(detail);
        return Meaning::Blocked(
            problem(Code::PropertyRequired, format!("HubSpot requires `{name}` for new records")).about(name),
        );
    }
    let bad: Vec<_> = details
        .iter()
        .filter_map(|detail| {
            let code = cause_of(detail.code(), detail.property()?)?;
            Some(BadProperty {
                name: detail.property()?.to_owned(),
                code,
                message: detail.message.clone().unwrap_or_default(),
            })
        })
        .collect();
    if !bad.is_empty() {
        return Meaning::Properties(bad);
    }
    // There is nothing but the text for this one.
    if envelope.message.as_deref().is_some_and(|message| message.contains("Edit Associations")) {
        return Meaning::Blocked(problem(
            Code::AuthPermission,
            "the person who connected HubSpot may not link records".to_owned(),
        ));
    }
    let message = envelope.message.as_deref().unwrap_or("");
    let listed = |name: &str| -> Vec<String> {
        let values = envelope.context[name].as_array().into_iter().flatten();
        values.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    if status == 409 {
        // The id stands in the context or, failing that, in the text.
        let existing = listed("existingId").into_iter().next().or_else(|| digits_after(message, "Existing ID: "));
        return Meaning::Conflict { existing, problem: problem(Code::ContactConflict, envelope.words()) };
    }
    if message.contains("Duplicate IDs") {
        return Meaning::Duplicates { keys: listed("ids"), problem: problem(Code::HubspotRefused, envelope.words()) };
    }
    if status == 400 && !listed("ids").is_empty() {
        return Meaning::Gone(problem(Code::HubspotRefused, envelope.words()));
    }
    Meaning::Unclear(problem(Code::HubspotRefused, envelope.words()))
}

/// What HubSpot has against a value, by its code and the property. The codes of a bad pipeline, stage or owner are not
/// documented, so the property counts there.
fn cause_of(code: &str, property: &str) -> Option<Code> {
    Some(match code {
        "PROPERTY_DOESNT_EXIST" => Code::PropertyMissing,
        "READ_ONLY_VALUE" => Code::PropertyReadOnly,
        "INVALID_EMAIL" => Code::EmailInvalid,
        "CONFLICTING_UNIQUE_VALUE" => Code::PropertyTaken,
        "NON_UNIQUE_ID_PROPERTY" => Code::PropertyNotUnique,
        code if code.starts_with("INVALID_") => match property {
            "pipeline" | "hs_pipeline" => Code::PipelineMissing,
            "dealstage" | "hs_pipeline_stage" => Code::StageMissing,
            "hubspot_owner_id" => Code::OwnerUnknown,
            _ if code == "INVALID_OPTION" => Code::OptionUnknown,
            _ if code == "INVALID_FORMAT" => Code::PropertyRule,
            _ => Code::PropertyWrongType,
        },
        _ => return None,
    })
}

fn digits_after(text: &str, words: &str) -> Option<String> {
    let rest = &text[text.find(words)? + words.len()..];
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: Value) -> Meaning {
        Reply::Answered {
            status,
            text: body.to_string(),
            body,
            correlation_id: Some("c-1".into()),
            retry_after: None,
            rate: None,
        }
        .meaning()
    }

    fn short(meaning: Meaning) -> String {
        match meaning {
            Meaning::Temporary { problem, asked } => format!("temporary {} after {} s", problem.code, asked.as_secs()),
            Meaning::Pause { problem, pause: Pause::For(pause) } => {
                format!("pause {} for {} s", problem.code, pause.as_secs())
            }
            Meaning::Pause { problem, pause: Pause::UntilMidnight } => format!("pause {} until midnight", problem.code),
            Meaning::Conflict { existing, problem } => format!("conflict {} {existing:?}", problem.code),
            Meaning::Duplicates { keys, problem } => format!("duplicates {} {keys:?}", problem.code),
            Meaning::Blocked(problem) => format!("blocked {} {}", problem.code, problem.subject.unwrap_or_default()),
            Meaning::Refused(problem) => format!("refused {}", problem.code),
            Meaning::Gone(problem) => format!("gone {}", problem.code),
            Meaning::Unclear(problem) => format!("unclear {}", problem.code),
            Meaning::Properties(bad) => {
                bad.iter().map(|bad| format!("{} {}", bad.name, bad.code)).collect::<Vec<_>>().join(", ")
            }
        }
    }

    #[test]
    fn each_answer_has_its_class() {
        let in_message = |code: &str| {
            json!({"category": "VALIDATION_ERROR", "message": format!(
            "Property values were not valid: [{{\"isValid\":false,\"error\":\"{code}\",\"name\":\"lead_priority\",\"message\":\"no\"}}]")})
        };
        let in_errors = |code: &str| json!({"category": "VALIDATION_ERROR", "errors": [{"code": code, "context": {"propertyName": ["region"]}}]});
        let rows = [
            (400, in_message("INVALID_OPTION"), "lead_priority option.unknown"),
            (400, in_message("PROPERTY_DOESNT_EXIST"), "lead_priority property.missing"),
            (400, in_errors("READ_ONLY_VALUE"), "region property.read_only"),
            (400, in_errors("INVALID_INTEGER"), "region property.wrong_type"),
            (400, in_errors("MISSING_REQUIRED_PROPERTY"), "blocked property.required region"),
            (400, json!({"message": "You need Edit Associations"}), "blocked auth.permission "),
            (400, json!({"message": "Bad [list"}), "unclear hubspot.refused"),
            (400, Value::Null, "unclear hubspot.refused"),
            (409, json!({"category": "CONFLICT"}), "conflict contact.conflict None"),
            (
                409,
                json!({"category": "CONFLICT", "message": "Contact already exists. Existing ID: 61001"}),
                "conflict contact.conflict Some(\"61001\")",
            ),
            (
                409,
                json!({"category": "CONFLICT", "context": {"existingId": ["61002"]}}),
                "conflict contact.conflict Some(\"61002\")",
            ),
            (
                400,
                json!({"message": "Duplicate IDs found in batch input", "context": {"ids": ["a@x.org"]}}),
                "duplicates hubspot.refused [\"a@x.org\"]",
            ),
            (429, json!({"policyName": "DAILY"}), "pause hubspot.rate_limited until midnight"),
            (429, json!({"policyName": "SECONDLY"}), "pause hubspot.rate_limited for 1 s"),
            (401, json!({"category": "EXPIRED_AUTHENTICATION"}), "blocked auth.revoked "),
            (
                403,
                json!({"category": "MISSING_SCOPES", "errors": [{"context": {"requiredGranularScopes": ["crm.objects.deals.write"]}}]}),
                "blocked auth.missing_scope crm.objects.deals.write",
            ),
            (403, json!({}), "blocked auth.permission "),
            (404, json!({"category": "OBJECT_NOT_FOUND"}), "gone record.gone"),
            (404, json!({}), "temporary leadline.fault after 0 s"),
            (415, json!({}), "temporary leadline.fault after 0 s"),
            (423, json!({}), "temporary hubspot.locked after 2 s"),
            (429, json!({"policyName": "TEN_SECONDLY_ROLLING"}), "pause hubspot.rate_limited for 11 s"),
            (477, json!({}), "pause hubspot.migrating for 300 s"),
            (500, json!("<html>"), "temporary hubspot.server_error after 0 s"),
            (524, Value::Null, "temporary hubspot.server_error after 0 s"),
            (526, Value::Null, "temporary hubspot.unreachable after 0 s"),
        ];
        for (status, body, expected) in rows {
            assert_eq!(short(answer(status, body.clone())), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_write_without_an_answer_may_have_happened() {
        let reply = |status| Reply::Answered {
            status,
            body: Value::Null,
            text: String::new(),
            correlation_id: None,
            retry_after: None,
            rate: None,
        };
        let lost = |may_have_arrived| Reply::Unreachable { may_have_arrived, detail: String::new() };
        for (reply, doubt) in
            [(reply(502), true), (reply(400), false), (reply(429), false), (lost(true), true), (lost(false), false)]
        {
            assert_eq!(reply.leaves_doubt(), doubt, "{reply:?}");
        }
    }
}

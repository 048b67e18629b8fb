//! The mapping, for the dealership to change: a draft, what it would do to the last leads, then what counts; and the way back.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::Form;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::draw;
use super::fault::Fault;
use super::fields::state_chip;
use super::form::{Drawn, drawn_fields};
use super::shell::{Place, Shell, Visit};
use super::transformations::{Past, connected};
use crate::app::App;
use crate::form;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::mapping::{self, Line, Mapping, MappingError, Preview};
use crate::model::access::{Actor, Right, Sight};
use crate::model::account::{Account, Connection, Sign};
use crate::model::id::BindingId;
use crate::schema::Violation;
use crate::view::connection::Chip;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/accounts/{account}/fields/mapping", get(show));
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/fields/mapping", post(preview))
        .route("/accounts/{account}/fields/mapping/apply", post(apply));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

#[derive(Template)]
#[template(path = "mapping.html")]
struct Page {
    shell: Shell,
    mapping: Mapping,
    lines: Vec<Drawing>,
    more: Vec<Drawn>,
    /// What the draft changes.
    changed: Vec<Changed>,
    /// The draft, as the form carries it on.
    draft: String,
    tried: Option<Preview>,
    history: Vec<Past>,
    /// Somebody else was quicker: what counts by now.
    quicker: Option<Past>,
    /// Why the draft does not count, where nobody was quicker.
    wrong: Option<Fault>,
    /// Why it is to count, as the forms carry it on.
    reason: String,
}

/// What the form of the page shows.
enum Shows<'a> {
    /// The settings in force.
    InForce,
    Draft(&'a Map<String, Value>),
    /// What was typed and cannot be read, and where that is so.
    Typed(&'a [(String, String)], Vec<Violation>),
}

/// A line with its settings as they are drawn.
struct Drawing {
    line: Line,
    /// How the property stands in HubSpot.
    chip: Chip,
    /// Its rule, without marks.
    words: String,
    settings: Vec<Drawn>,
}

/// A setting that the draft changes.
#[derive(Debug, PartialEq, Eq)]
struct Changed {
    name: String,
    before: String,
    after: String,
}

/// In what a draft differs from what is in force, setting by setting.
fn changes(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Changed> {
    let words = |value: Option<&Value>| match value {
        None | Some(Value::Null) => "as usual".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(members)) if members.is_empty() => "as usual".to_owned(),
        Some(Value::Object(members)) => {
            let member = |(name, value): (&String, &Value)| match value.as_str() {
                Some(text) => format!("{name} = {text}"),
                None => format!("{name} = {value}"),
            };
            members.iter().map(member).collect::<Vec<_>>().join(", ")
        }
        Some(other) => other.to_string(),
    };
    let one = |(name, value): (&String, &Value)| {
        let changed = Changed { name: name.clone(), before: words(before.get(name)), after: words(Some(value)) };
        (changed.before != changed.after).then_some(changed)
    };
    after.iter().filter_map(one).collect()
}

/// The mapping with what was typed into its form, so that whoever corrects one thing loses no other.
fn typed(mut mapping: Mapping, sent: &[(String, String)], wrong: Vec<Violation>) -> Mapping {
    let policy = |(name, value): &(String, String)| Some((name.strip_prefix("/policies/")?.to_owned(), value.clone()));
    let mut policies: Vec<_> = sent.iter().filter_map(policy).collect();
    for line in &mut mapping.lines {
        line.settings = form::typed(&line.settings, sent);
        if let Some(place) = policies.iter().position(|(property, _)| *property == line.property) {
            line.policy = Some(policies.remove(place).1).filter(|policy| !policy.is_empty());
        }
    }
    mapping.more = form::typed(&mapping.more, sent);
    // What has no line is carried on as it came.
    mapping.other_policies = policies;
    mapping.violations = wrong;
    mapping
}

/// The page, as far as nothing is tried yet.
async fn page(
    app: &App,
    (shell, account, connection): (Shell, &Account, &Connection),
    sight: Sight,
    shows: Shows<'_>,
) -> Result<Page, ApiError> {
    let now = mapping::of_connection(&app.store, account, connection, None).await?;
    let before = now.settings.as_object().cloned().unwrap_or_default();
    let (mapping, draft) = match shows {
        Shows::InForce => (now, None),
        Shows::Draft(draft) if now.fixed.is_some() => (now, Some(draft)),
        Shows::Draft(draft) => {
            let settings = now.with(draft)?;
            (mapping::of_connection(&app.store, account, connection, Some(settings)).await?, Some(draft))
        }
        Shows::Typed(sent, wrong) => (typed(now, sent, wrong), None),
    };
    let mapping = mapping::with_samples(&app.store, account, mapping, sight).await?;
    let violations = mapping.violations.clone();
    let drawing = |line: &Line| Drawing {
        settings: drawn_fields(&line.settings, &violations),
        chip: state_chip(&line.state),
        words: line.rule.replace('`', ""),
        line: line.clone(),
    };
    let history = mapping::history(&app.store, connection, &mapping).await?;
    Ok(Page {
        lines: mapping.lines.iter().map(drawing).collect(),
        more: drawn_fields(&mapping.more, &violations),
        changed: draft.map_or_else(Vec::new, |draft| changes(&before, draft)),
        draft: draft.map_or_else(String::new, |draft| Value::Object(draft.clone()).to_string()),
        tried: None,
        history: history.into_iter().map(|past| Past::of(past, &shell)).collect(),
        quicker: None,
        wrong: None,
        reason: String::new(),
        mapping,
        shell,
    })
}

/// Settings of before that are to be looked at again.
#[derive(Deserialize)]
struct Asked {
    restore: Option<String>,
}

async fn show(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let connection = connected(place.connection)?;
    let asked: Asked = serde_urlencoded(&uri);
    let whose = (place.shell, &place.account, &connection);
    let mut drawn = page(&app, whose, actor.sight, Shows::InForce).await?;
    if let Some(id) = asked.restore {
        let past = drawn.history.iter().find(|one| one.past.id.as_str() == id).map(|one| one.past.settings.clone());
        let past = past.ok_or_else(|| ApiError::NotFound(format!("there are no settings `{id}` to go back to")))?;
        let draft = drawn.mapping.part(&past);
        drawn = page(&app, (drawn.shell, &place.account, &connection), actor.sight, Shows::Draft(&draft)).await?;
    }
    draw(&app, &actor, &drawn)
}

/// Takes in the draft, and shows what it would do. Nothing counts by this, and nothing is sent.
async fn preview(Visit { app, actor, place }: Visit, body: Bytes) -> Result<Response, ApiError> {
    let Place { shell, account, connection } = place;
    let connection = connected(connection)?;
    let sent: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let now = mapping::of_connection(&app.store, &account, &connection, None).await?;
    let whose = (shell, &account, &connection);
    let reason = sent.iter().find(|(name, _)| name == "reason").map(|(_, reason)| reason.clone()).unwrap_or_default();
    let draft = match now.sent(&sent) {
        Ok(draft) => draft,
        Err(wrong) => {
            let drawn = page(&app, whose, actor.sight, Shows::Typed(&sent, wrong)).await?;
            return draw(&app, &actor, &Page { reason, ..drawn });
        }
    };
    let drawn = page(&app, whose, actor.sight, Shows::Draft(&draft)).await?;
    let mut drawn = Page { reason, ..drawn };
    if drawn.mapping.violations.is_empty() && !drawn.changed.is_empty() {
        let choice = mapping::choose(&app.store, &account, &connection, &now, &draft).await?;
        let (clock, by) = (app.clock.clone(), &actor.name);
        let seen = mapping::preview(&app.store, &app.transformer, &connection, &choice, by, move || clock()).await?;
        drawn.tried = Some(actor.sight.shown(seen, Preview::masked));
    }
    draw(&app, &actor, &drawn)
}

/// A draft that was looked at.
#[derive(Deserialize)]
struct Apply {
    draft: String,
    expected: String,
    reason: String,
}

async fn apply(Visit { app, actor, place }: Visit, Form(asked): Form<Apply>) -> Result<Response, ApiError> {
    let Place { shell, account, connection } = place;
    let connection = connected(connection)?;
    let broken = |_| ApiError::BadRequest("the draft cannot be read".to_owned(), "Fill in the form once more.");
    let draft: Map<String, Value> = serde_json::from_str(&asked.draft).map_err(broken)?;
    match put_in_force(&app, &actor, (&account, &connection), (&draft, &asked)).await {
        Ok(()) => {
            app.wake.plan.notify_one();
            Ok(Redirect::to(&format!("{}?done=mapped", shell.at("fields/mapping"))).into_response())
        }
        Err(error) => not_yet(&app, &actor, (shell, &account, &connection), (&draft, asked.reason), error).await,
    }
}

/// Makes a draft count from the next lead on.
async fn put_in_force(
    app: &App,
    actor: &Actor,
    (account, connection): (&Account, &Connection),
    (draft, asked): (&Map<String, Value>, &Apply),
) -> Result<(), MappingError> {
    let now = mapping::of_connection(&app.store, account, connection, None).await?;
    let choice = mapping::choose(&app.store, account, connection, &now, draft).await?;
    let expected = (!asked.expected.is_empty()).then(|| BindingId::stored(asked.expected.clone()));
    let signed = (Sign::new(actor.name.clone(), asked.reason.clone()), expected);
    let clock = app.clock.clone();
    mapping::apply(&app.store, &app.transformer, connection, &choice, signed, || clock()).await?;
    Ok(())
}

/// What somebody typed is kept, beside why it does not count, or what counts since somebody else changed it.
async fn not_yet(
    app: &App,
    actor: &Actor,
    whose: (Shell, &Account, &Connection),
    (draft, reason): (&Map<String, Value>, String),
    error: MappingError,
) -> Result<Response, ApiError> {
    let fault = Fault::of(error.into())?;
    let newest = app.store.binding_history(whose.2, 1).await?.pop();
    let mut drawn = page(app, whose, actor.sight, Shows::Draft(draft)).await?;
    drawn.reason = reason;
    match newest.filter(|_| fault.is_late()) {
        Some(past) => drawn.quicker = Some(Past::of(past, &drawn.shell)),
        None => drawn.wrong = Some(fault.clone()),
    }
    Ok(fault.on(draw(app, actor, &drawn)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_draft_says_what_it_changes_and_nothing_else() {
        let object = |value: Value| value.as_object().cloned().unwrap();
        let before = object(json!({ "country": "US", "policies": { "phone": "always" }, "status_map": {} }));
        for (draft, expected) in [
            (json!({ "country": "US", "policies": { "phone": "always" }, "status_map": null }), vec![]),
            (json!({ "country": null }), vec![("country", "US", "as usual")]),
            (
                json!({ "policies": { "phone": "if-empty" }, "origin_property": "city" }),
                vec![("origin_property", "as usual", "city"), ("policies", "phone = always", "phone = if-empty")],
            ),
        ] {
            let changed = changes(&before, &object(draft));
            let told: Vec<_> =
                changed.iter().map(|one| (one.name.as_str(), one.before.as_str(), one.after.as_str())).collect();
            assert_eq!(told, expected);
        }
    }
}

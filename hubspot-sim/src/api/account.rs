//! What a portal says about itself, and how an app leaves it.

use serde_json::json;

use crate::answer::{Answer, Refusal};
use crate::oauth;
use crate::portal::PortalState;
use crate::request::Request;
use crate::time::{SECOND_MS, offset_s};
use crate::turn::Turn;

pub(super) fn details(portal: &PortalState, turn: &Turn, request: &Request) -> Result<Answer, Refusal> {
    request.allow_queries(&[])?;
    let offset_s = offset_s(turn.now, &portal.time_zone);
    let sign = if offset_s < 0 { '-' } else { '+' };
    let minutes = offset_s.abs() / 60;
    let body = json!({
        "portalId": portal.id,
        "portalName": portal.name,
        "accountType": "STANDARD",
        "timeZone": portal.time_zone,
        "companyCurrency": portal.currency,
        "additionalCurrencies": [],
        "utcOffset": format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60),
        "utcOffsetMilliseconds": offset_s * SECOND_MS,
        "uiDomain": portal.ui_domain,
        "dataHostingLocation": "na1",
    });
    Ok(Answer::json(200, body))
}

/// An app takes itself out, with both its tokens.
pub(super) fn uninstall(portal: &mut PortalState, turn: &Turn, request: &Request) -> Result<Answer, Refusal> {
    request.allow_queries(&[])?;
    let client_id = portal.caller(request.bearer().unwrap_or_default(), turn.now)?.client_id.map(str::to_owned);
    let client_id = client_id.ok_or_else(|| Refusal::bare(403, "only the token of an app can uninstall it"))?;
    oauth::uninstall(portal, &client_id)?;
    Ok(Answer::empty(204))
}

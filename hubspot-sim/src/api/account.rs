//! What a portal says about itself.

use serde_json::json;

use crate::answer::{Answer, Refusal};
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

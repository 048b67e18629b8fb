//! What a portal says of itself, and how our app leaves it.

use serde_json::Value;

use super::client::Request;
use crate::model::account::PortalDetails;

/// Asks a portal who it is.
pub fn details(api_version: &str) -> Request {
    Request::get("account.details", format!("/account-info/{api_version}/details"))
}

/// The portal's id and details; none where the answer does not name a portal.
pub fn read_details(body: &Value) -> Option<(i64, PortalDetails)> {
    let text = |name: &str| body[name].as_str().unwrap_or("").to_owned();
    let details = PortalDetails {
        name: body["portalName"].as_str().map(str::to_owned),
        account_type: text("accountType"),
        time_zone: text("timeZone"),
        currency: text("companyCurrency"),
        ui_domain: text("uiDomain"),
    };
    Some((body["portalId"].as_i64()?, details))
}

/// Takes our app out of a portal. HubSpot tells the portal's admins by mail.
pub fn uninstall(api_version: &str) -> Request {
    Request::delete("app.uninstall", format!("/appinstalls/{api_version}/external-install"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_portal_is_read_from_what_it_says_and_every_other_field_may_be_absent() {
        let body = json!({ "portalId": 4711, "portalName": "Ocean Honda", "timeZone": "US/Eastern", "uiDomain": "app.hubspot.com", "x": 1 });
        let (portal, details) = read_details(&body).unwrap();
        assert_eq!((portal, details.name.as_deref(), &*details.time_zone), (4711, Some("Ocean Honda"), "US/Eastern"));
        assert_eq!(read_details(&json!({ "portalId": 4711 })).unwrap().1, PortalDetails::default());
        assert_eq!(read_details(&json!({ "name": "x" })), None);
    }
}

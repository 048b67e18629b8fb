//! A lead with everything that is known of it: gathered once for the page and the API.

use crate::model::access::Sight;
use crate::model::account::Connection;
use crate::model::time::DAY;
use crate::store::{self, AuditFilter, LeadFilter, ShownEvent, Store};
use crate::view::lead::{Beside, Lead};
use crate::view::outcome::Reader;

/// Things that people did with a lead, the newest ones.
const ENTRIES_MAX: u32 = 20;

/// Everything of an event, for somebody who sees it masked or whole.
///
/// # Errors
/// The store's.
pub async fn of_event(
    store: &Store,
    shown: &ShownEvent,
    connection: Option<&Connection>,
    kept_days: u32,
    sight: Sight,
    reader: &Reader,
) -> store::Result<Lead> {
    let event = &shown.event;
    let (account, newest) = (&event.account_id, shown.deliveries.last());
    let version = match newest {
        Some(newest) => store.version_by_id(newest.delivery.version_id.as_str()).await?,
        None => None,
    };
    let duplicates = match newest.filter(|newest| newest.delivery.may_be_duplicate) {
        Some(newest) => store.leads_of(account, &store.duplicates_of(&newest.delivery).await?).await?,
        None => Vec::new(),
    };
    let beside = LeadFilter { account: Some(account.clone()), limit: 1, ..LeadFilter::default() };
    let older = store.leads(&LeadFilter { before: Some(event.id.clone()), ..beside.clone() }).await?;
    let newer = store.leads(&LeadFilter { after: Some(event.id.clone()), ..beside }).await?;
    let done = AuditFilter {
        account: Some(account.clone()),
        subject: event.id.to_string(),
        // Nobody does something with a lead before it is there; a day is room for a clock that was set.
        from: Some(event.received_at - DAY),
        ..AuditFilter::default()
    };
    let keep_days = store.keep_days(account).await?.unwrap_or(kept_days);
    let beside = Beside {
        version: version.map(|version| version.label()),
        entries: store.audit_page(&done, &store::Beside::Newest, ENTRIES_MAX).await?.entries,
        duplicates,
        keep_days: DAY * keep_days,
        older: older.rows.into_iter().next().map(|lead| lead.event.id),
        newer: newer.rows.into_iter().next().map(|lead| lead.event.id),
    };
    Ok(Lead::of(shown, beside, connection, sight, reader))
}

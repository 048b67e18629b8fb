//! The same transformation as in `rust-plain`, with what the standard library takes from WASI: the clock stands at the
//! event's time, and what is printed becomes a line of the run's log.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use guest_sdk::mapping::moment;
use guest_sdk::settings::{Settings, schema};
use guest_sdk::{
    Action, Actions, Contact, Event, Manifest, Note, Payload, Properties, Refusal, Transformation, manifest,
};

const FIELDS: &str = include_str!("../../fields.json");

struct Callback;

impl Transformation for Callback {
    fn describe() -> Manifest {
        manifest::for_leads("callback", "Says by when to call back.", schema("Callback", &[FIELDS], &[]))
    }

    fn transform(event: Event, settings: &str) -> Result<Vec<Action>, Refusal> {
        let settings = Settings::parse(settings)?;
        let minutes = settings.number("callback_minutes")?.unwrap_or(30);
        let vip_from = settings.number("vip_from")?;
        let Payload::LeadCaptured(lead) = event.payload else {
            return Err(Refusal::Skip("only a lead is called back".into()));
        };
        let Some(email) = lead.email else {
            return Err(Refusal::Skip("without an e-mail address nobody is found again".into()));
        };
        let budget = lead.budget.and_then(|budget| budget.max.or(budget.min));
        let is_vip = budget.zip(vip_from).is_some_and(|(budget, from)| budget >= from);

        let mut contact = Contact::by_email(email);
        contact.if_empty("firstname", lead.name.unwrap_or_default());
        contact.if_empty("phone", lead.phone.unwrap_or_default());
        if is_vip {
            contact.always("lead_priority", "high");
        }
        let by = moment::minute(in_millis(SystemTime::now() + Duration::from_secs(60 * minutes)));
        let body = if is_vip { format!("VIP. Call back by {by}.") } else { format!("Call back by {by}.") };
        println!("to be called back by {by}");

        let mut actions = Actions::new();
        let contact = actions.contact(contact);
        actions.note(Note::new(body, in_millis(SystemTime::now())).about(contact));
        Ok(actions.into())
    }
}

fn in_millis(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

guest_sdk::export!(Callback);

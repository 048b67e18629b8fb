//! Reading a portal: its properties with their rules, its pipelines and its owners.

use std::time::Duration;

use serde_json::Value;

use super::session::Session;
use crate::cause::{Code, Problem};
use crate::fit::Needs;
use crate::hubspot::{self, Meaning, Request, Shelf};
use crate::model::portal::{Owner, PortalSchema, PropertyInfo};

/// A portal that takes longer than this to show itself is asked again later: a lane may wait for it.
const READ_MAX: Duration = Duration::from_secs(60);
/// Pages of owners that are read; nobody chooses among more.
const OWNER_PAGES_MAX: usize = 20;

/// What was read of a portal.
#[derive(Debug, Default)]
pub struct Read {
    pub schema: PortalSchema,
    /// Why parts of it were not shown to us, such as a missing permission.
    pub refused: Vec<Problem>,
}

/// What a question came to, where HubSpot answered at all.
enum Asked {
    Told(Value),
    Refused(Problem),
}

/// Reads what is needed of a portal. A part that HubSpot does not show us is left out, with the reason.
///
/// # Errors
/// Why HubSpot did not answer: trying again later may help.
pub async fn read_schema(session: &Session, needs: &Needs) -> Result<Read, Meaning> {
    let late = |_| Meaning::Temporary {
        problem: Problem::new(Code::HubspotUnreachable, "HubSpot took too long to show the portal's properties"),
        asked: Duration::ZERO,
    };
    tokio::time::timeout(READ_MAX, read_all(session, needs)).await.map_err(late)?
}

async fn read_all(session: &Session, needs: &Needs) -> Result<Read, Meaning> {
    let mut read = Read::default();
    for object_type in needs.object_types.iter().filter(|object_type| is_type_id(object_type)) {
        read_object(session, object_type, &mut read).await?;
    }
    if needs.pipelines {
        match ask(session, &hubspot::read_pipelines(&session.portal)).await? {
            Asked::Told(body) => read.schema.pipelines = Some(hubspot::pipelines_of(&body)),
            Asked::Refused(problem) => read.refuse(problem),
        }
    }
    if needs.owners {
        read_owners(session, &mut read).await?;
    }
    Ok(read)
}

impl Read {
    /// Several parts may be refused for one reason.
    fn refuse(&mut self, problem: Problem) {
        if !self.refused.iter().any(|known| known.code == problem.code && known.subject == problem.subject) {
            self.refused.push(problem);
        }
    }
}

async fn read_object(session: &Session, object_type: &str, read: &mut Read) -> Result<(), Meaning> {
    let mut properties = std::collections::BTreeMap::<String, PropertyInfo>::new();
    for shelf in Shelf::ALL {
        match ask(session, &hubspot::read_properties(&session.portal, object_type, shelf)).await? {
            // The same name may stand on two shelves: the one that can be written counts.
            Asked::Told(body) => {
                for (name, info) in hubspot::properties_of(&body) {
                    properties.entry(name).or_insert(info);
                }
            }
            Asked::Refused(problem) if shelf == Shelf::Live => {
                read.refuse(problem);
                return Ok(());
            }
            // Not every plan has them.
            Asked::Refused(_) => {}
        }
    }
    if let Asked::Told(body) = ask(session, &hubspot::read_rules(&session.portal, object_type)).await? {
        for (name, rule) in hubspot::rules_of(&body) {
            if let Some(property) = properties.get_mut(&name) {
                property.rules.push(rule);
            }
        }
    }
    read.schema.objects.insert(object_type.to_owned(), properties);
    Ok(())
}

async fn read_owners(session: &Session, read: &mut Read) -> Result<(), Meaning> {
    let mut owners: Vec<Owner> = Vec::new();
    let mut after = None;
    for _ in 0..OWNER_PAGES_MAX {
        match ask(session, &hubspot::read_owners(&session.portal, after.as_deref())).await? {
            Asked::Told(body) => {
                let (page, next) = hubspot::owners_of(&body);
                owners.extend(page);
                after = next;
            }
            Asked::Refused(problem) => {
                read.refuse(problem);
                return Ok(());
            }
        }
        if after.is_none() {
            break;
        }
    }
    read.schema.owners = Some(owners);
    Ok(())
}

/// Asks one thing. Only what may be different later is an error.
async fn ask(session: &Session, request: &Request) -> Result<Asked, Meaning> {
    let reply = session.send(request).await;
    match reply.success() {
        Some(body) => Ok(Asked::Told(body.clone())),
        None if matches!(reply.status(), Some(400 | 403 | 404)) => Ok(Asked::Refused(reply.meaning().problem())),
        None => Err(reply.meaning()),
    }
}

/// Whether it can stand in an address: a manifest may hold anything.
fn is_type_id(object_type: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    object_type.split_once('-').is_some_and(|(kind, id)| digits(kind) && digits(id))
}

//! Pages to look at: drawn on the server, without scripts, in the places where HubSpot has them.

mod acts;
mod calls;
mod card;
mod findings;
mod forms;
mod lists;
mod steer;

use crate::answer::{Answer, Refusal};
use crate::html::escape;
use crate::portal::{CONTACT, DEAL, NOTE, PortalState};
use crate::request::{Request, encoded};
use crate::time::iso;
use crate::world::{World, locked};

const STYLE: &str = include_str!("pages/style.css");

/// Nothing but our own style: what people typed can do no harm here.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'";

pub(crate) fn has(request: &Request) -> bool {
    matches!(request.segments().as_slice(), [""] | ["contacts", ..])
}

pub(crate) fn answer(world: &World, request: &Request) -> Answer {
    let segments = request.segments();
    if request.method == "POST" {
        return sent(world, request, &segments);
    }
    let drawn = match segments.as_slice() {
        [""] => Some(frame("Portals", None, &lists::portals(world))),
        ["contacts", portal, rest @ ..] => portal_page(world, request, portal, rest),
        _ => None,
    };
    match drawn {
        Some(text) => with_policy(Answer::html(200, text), "'self'"),
        None => page(404, "Not here", "<p>There is no such page. <a href=\"/\">All portals</a></p>"),
    }
}

/// Does what a form asks for, and shows its page again.
fn sent(world: &World, request: &Request, segments: &[&str]) -> Answer {
    match do_as_asked(world, request, segments) {
        Ok(done) => {
            world.progress.send_modify(|_| ());
            let mut answer = Answer::empty(303);
            let path = request.target.split('?').next().unwrap_or_default();
            answer.headers.push(("Location".to_owned(), format!("{path}?done={}", encoded(&done))));
            answer
        }
        Err(refusal) => {
            page(refusal.status, "This was not done", &format!("<p class=\"bad\">{}</p>", escape(&refusal.message)))
        }
    }
}

fn do_as_asked(world: &World, request: &Request, segments: &[&str]) -> Result<String, Refusal> {
    let ["contacts", portal, what] = segments else { return Err(Refusal::unknown_path()) };
    let portal = portal.parse().ok().and_then(|id| world.portal(id)).ok_or_else(Refusal::unknown_path)?;
    let mut portal = locked(&portal);
    match *what {
        "acts" => acts::carry_out(world, &mut portal, request),
        "faults" => steer::set_faults(world, portal.id, request),
        "knobs" => steer::set_knobs(world, &mut portal, request),
        _ => Err(Refusal::unknown_path()),
    }
}

/// A page outside of every portal, whose forms may send people to other places.
pub(crate) fn page(status: u16, title: &str, content: &str) -> Answer {
    // Browsers apply the rule for forms to the redirect that follows, too.
    with_policy(Answer::html(status, frame(title, None, content)), "'self' https: http:")
}

fn with_policy(mut answer: Answer, form_action: &str) -> Answer {
    let policy = format!("{POLICY}; form-action {form_action}");
    answer.headers.push(("Content-Security-Policy".to_owned(), policy));
    answer
}

fn portal_page(world: &World, request: &Request, portal: &str, rest: &[&str]) -> Option<String> {
    let portal = world.portal(portal.parse().ok()?)?;
    let portal = locked(&portal);
    let (title, content) = match rest {
        ["objects", kind] => (plural(kind).to_owned(), lists::records(&portal, kind, page_number(request))?),
        ["record", kind, id] => card::card(&portal, kind, id, world.clock.now())?,
        ["calls"] => ("Calls".to_owned(), calls::calls(world, portal.id)),
        ["acts"] => ("Acts".to_owned(), acts::acts(request)),
        ["faults"] => ("Faults".to_owned(), steer::faults(world)),
        ["knobs"] => ("Knobs".to_owned(), steer::knobs(world, &portal)),
        ["findings"] => ("Findings".to_owned(), findings::findings(&portal)),
        _ => return None,
    };
    Some(frame(&title, Some(&portal), &content))
}

fn page_number(request: &Request) -> usize {
    request.query("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1)
}

/// What surrounds every page. The banner stands first, so that nobody takes this for the real thing.
fn frame(title: &str, portal: Option<&PortalState>, content: &str) -> String {
    let navigation = portal.map(navigation).unwrap_or_default();
    let title = escape(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} · CRM simulator</title><style>{STYLE}</style></head><body>\
         <p class=\"banner\">This is a simulator. It stands in for HubSpot, and holds no real customer.</p>\
         {navigation}<main><h1>{title}</h1>{content}</main></body></html>"
    )
}

fn navigation(portal: &PortalState) -> String {
    let id = portal.id;
    let lists =
        [CONTACT, DEAL, NOTE].map(|kind| format!("<a href=\"/contacts/{id}/objects/{kind}\">{}</a>", plural(kind)));
    let steps = ["calls", "findings", "acts", "faults", "knobs"];
    let steps = steps.map(|step| format!("<a href=\"/contacts/{id}/{step}\">{}</a>", capital(step)));
    format!(
        "<nav><a href=\"/\">Portals</a><strong>{}</strong>{}{}</nav>",
        escape(&portal.name),
        lists.concat(),
        steps.concat()
    )
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

fn plural(kind: &str) -> &str {
    match kind {
        "0-1" => "Contacts",
        "0-2" => "Companies",
        "0-3" => "Deals",
        "0-46" => "Notes",
        _ => "Records",
    }
}

fn record_link(portal: i64, kind: &str, id: u64, text: &str) -> String {
    format!("<a href=\"/contacts/{portal}/record/{}/{id}\">{}</a>", escape(kind), escape(text))
}

/// `2026-11-23 08:00:00`, in UTC.
fn time(ms: i64) -> String {
    iso(ms).replace('T', " ").trim_end_matches('Z').to_owned()
}

fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let heads: String = heads.iter().map(|head| format!("<th>{head}</th>")).collect();
    let row = |cells: &Vec<String>| {
        format!("<tr>{}</tr>", cells.iter().map(|cell| format!("<td>{cell}</td>")).collect::<String>())
    };
    let rows: String = rows.iter().map(row).collect();
    format!("<div class=\"scroll\"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>")
}

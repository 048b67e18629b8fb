//! Associations: ties each record to those it refers to. Safe to repeat.

use std::collections::BTreeMap;

use super::journal::Journal;
use super::round::{Owner, Round, object_type};
use super::upsert::is_about_one_input;
use crate::hubspot::{self, BATCH_MAX, Meaning};

/// One missing association: whose, to which earlier action, from and to which record.
struct Link {
    owner: Owner,
    target: u32,
    from: String,
    to: String,
}

/// Makes every association that is missing and possible.
pub(super) async fn link(round: &mut Round, journal: &mut Journal<'_>) -> anyhow::Result<()> {
    let mut groups: BTreeMap<(String, String), Vec<Link>> = BTreeMap::new();
    for (owner, action) in round.open() {
        let Some(record) = round.record(owner) else { continue };
        let linked = &round.progress[owner.0].actions[owner.1].linked;
        for &target in action.refers_to().iter().filter(|target| !linked.contains(target)) {
            if let Some((to_type, to)) = round.typed_record((owner.0, target as usize)) {
                let group = groups.entry((object_type(action).to_owned(), to_type)).or_default();
                group.push(Link { owner, target, from: record.id.clone(), to });
            }
        }
    }
    for ((from_type, to_type), links) in groups {
        let mut batches: Vec<Vec<Link>> = Vec::new();
        let mut links = links.into_iter().peekable();
        while links.peek().is_some() {
            batches.push(links.by_ref().take(BATCH_MAX).collect());
        }
        while let Some(mut batch) = batches.pop() {
            let pairs: Vec<_> = batch.iter().map(|link| (link.from.clone(), link.to.clone())).collect();
            let traces: Vec<_> = batch.iter().map(|link| round.trace(link.owner)).collect();
            let request = hubspot::associate(&journal.portal, &from_type, &to_type, &pairs);
            let Some(reply) = journal.call(&request, &traces).await? else {
                return Ok(());
            };
            // An answer may list both directions of a pair, so results are not counted; errors are.
            let clean = reply.success().is_some_and(|body| body["errors"].as_array().is_none_or(Vec::is_empty));
            if clean {
                batch.iter().for_each(|link| round.linked(link.owner, link.target));
                continue;
            }
            let meaning = match reply.success() {
                Some(body) => hubspot::first_error(body, reply.correlation_id()),
                None => reply.meaning(),
            };
            let by_halves = is_about_one_input(&meaning);
            let may_be_gone = matches!(meaning, Meaning::Gone(_) | Meaning::Unclear(_));
            if by_halves && batch.len() > 1 {
                let half = batch.split_off(batch.len() / 2);
                batches.extend([half, batch]);
            } else if !(may_be_gone && round.make_again(batch[0].owner)) {
                let owners: Vec<_> = batch.iter().map(|link| link.owner).collect();
                round.stop_all(&owners, &meaning);
            }
        }
    }
    Ok(())
}

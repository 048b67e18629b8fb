//! Notes: looked for where one may have been written already, created where none is there.

use std::collections::BTreeMap;

use super::journal::Journal;
use super::round::{DOUBT, Owner, Round, Verdict};
use crate::contract::actions::Action;
use crate::hubspot::{self, BATCH_MAX, Meaning, NoteInput};
use crate::model::delivery::Record;
use crate::model::time::Timestamp;

/// After this many notes of one record the search stops and the note is written.
const NOTES_READ_MAX: usize = 1000;

/// Looks for notes whose creation got no answer, by their marker. What is found is done.
pub(super) async fn find_unsure(round: &mut Round, journal: &mut Journal<'_>) -> anyhow::Result<()> {
    let unsure: Vec<_> =
        inputs(round).into_iter().filter(|note| round.progress[note.owner.0].actions[note.owner.1].unsure).collect();
    let mut groups: BTreeMap<(String, String), Vec<NoteInput>> = BTreeMap::new();
    for note in unsure {
        groups.entry(note.about[0].clone()).or_default().push(note);
    }
    for ((object_type, record), notes) in groups {
        let traces: Vec<_> = notes.iter().map(|note| note.trace.clone()).collect();
        let mut ids = Vec::new();
        let mut pages = vec![(record, None)];
        while !pages.is_empty() && ids.len() < NOTES_READ_MAX {
            let request = hubspot::read_notes_of(journal.portal, &object_type, &pages);
            let Some(reply) = journal.call(&request, &traces).await? else { return Ok(()) };
            let Some(body) = reply.success() else {
                stop(round, &notes, &reply.meaning());
                break;
            };
            let (found, next) = hubspot::notes_of(body);
            ids.extend(found);
            pages = next;
        }
        // The newest first: it was written a moment ago.
        ids.sort_by_key(|id| std::cmp::Reverse(id.parse::<u64>().unwrap_or(0)));
        ids.truncate(NOTES_READ_MAX);
        let mut missing = notes;
        for chunk in ids.chunks(BATCH_MAX) {
            let request = hubspot::read_notes(journal.portal, chunk);
            let Some(reply) = journal.call(&request, &traces).await? else { return Ok(()) };
            if reply.success().is_none() {
                stop(round, &missing, &reply.meaning());
                break;
            }
            missing.retain(|note| match hubspot::find_marker(&reply, &note.marker) {
                Some(id) => {
                    created(round, note, Record { id, new: true });
                    false
                }
                None => true,
            });
            if missing.is_empty() {
                break;
            }
        }
        // Not there: it was never written, so it is created now, unless the search itself was stopped.
        missing.iter().for_each(|note| round.unsure(note.owner, round_stopped(round, note.owner)));
    }
    Ok(())
}

/// Whether the search for a note ended without an answer.
fn round_stopped(round: &Round, owner: Owner) -> bool {
    !round.open().any(|(open, _)| open == owner)
}

/// Creates the notes that are not there yet.
pub(super) async fn create(round: &mut Round, journal: &mut Journal<'_>) -> anyhow::Result<()> {
    let notes: Vec<_> =
        inputs(round).into_iter().filter(|note| !round.progress[note.owner.0].actions[note.owner.1].unsure).collect();
    let mut batches: Vec<Vec<NoteInput>> = notes.chunks(BATCH_MAX).map(<[_]>::to_vec).collect();
    while let Some(mut batch) = batches.pop() {
        let request = hubspot::create_notes(journal.portal, &batch);
        let traces: Vec<_> = batch.iter().map(|note| note.trace.clone()).collect();
        let Some(reply) = journal.call(&request, &traces).await? else { return Ok(()) };
        let doubt = reply.leaves_doubt();
        if let Some(body) = reply.success() {
            let records = hubspot::created_notes(body, &batch);
            let missing: Vec<_> = batch
                .iter()
                .zip(records)
                .filter_map(|(note, record)| match record {
                    Some(record) => {
                        created(round, note, record);
                        None
                    }
                    None => Some(note.clone()),
                })
                .collect();
            for note in missing {
                // In neither list: it may be there all the same, so it is looked for first.
                let meaning = hubspot::error_of(body, &note.trace, reply.correlation_id());
                round.unsure(note.owner, meaning.is_none());
                stop(round, &[note], &meaning.unwrap_or_else(hubspot::no_effect));
            }
            continue;
        }
        let meaning = reply.meaning();
        let by_halves = matches!(meaning, Meaning::Refused(_) | Meaning::Unclear(_) | Meaning::Properties(_));
        if by_halves && batch.len() > 1 {
            let half = batch.split_off(batch.len() / 2);
            batches.extend([half, batch]);
            continue;
        }
        stop(round, &batch, &meaning);
        if doubt {
            for note in &batch {
                round.unsure(note.owner, true);
                if let Meaning::Temporary { problem, asked } = &meaning {
                    round.stop(note.owner, Verdict::Temporary { problem: problem.clone(), asked: (*asked).max(DOUBT) });
                }
            }
        }
    }
    Ok(())
}

/// The notes that are to be written, each about the records that are there by now. One without any record waits.
fn inputs(round: &Round) -> Vec<NoteInput> {
    round
        .open()
        .filter_map(|(owner, action)| {
            let Action::AddNote(note) = action else { return None };
            if round.record(owner).is_some() {
                return None;
            }
            let there = |target: &u32| Some((*target, round.typed_record((owner.0, *target as usize))?));
            let about: Vec<_> = note.about.iter().filter_map(there).collect();
            if about.is_empty() {
                return None;
            }
            // Records of a type that a note cannot name while it is created are linked afterwards.
            let linked = about
                .iter()
                .filter(|(_, (object_type, _))| hubspot::association_type(object_type).is_some())
                .map(|(target, _)| *target)
                .collect();
            Some(NoteInput {
                owner,
                trace: round.trace(owner),
                marker: hubspot::marker(&round.claimed[owner.0].event_id, owner.1),
                body: note.body.clone(),
                at: Timestamp(note.at),
                about: about.into_iter().map(|(_, record)| record).collect(),
                linked,
            })
        })
        .collect()
}

fn created(round: &mut Round, note: &NoteInput, record: Record) {
    round.written(note.owner, record);
    note.linked.iter().for_each(|&target| round.linked(note.owner, target));
}

fn stop(round: &mut Round, notes: &[NoteInput], meaning: &Meaning) {
    let owners: Vec<_> = notes.iter().map(|note| note.owner).collect();
    round.stop_all(&owners, meaning);
}

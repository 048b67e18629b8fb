//! Notes: looked for where one may have been written already, created where none is there.

use super::journal::Journal;
use super::link::if_gone;
use super::round::{DOUBT, Round};
use crate::cause::Code;
use crate::contract::actions::Action;
use crate::hubspot::{self, BATCH_MAX, Meaning, NoteInput};
use crate::model::delivery::{Dropped, Record};
use crate::model::time::Timestamp;

/// After this many notes of the records in question the search stops and the notes are written.
const NOTES_READ_MAX: usize = 1000;

/// Looks for notes whose creation got no answer, by their marker. What is found is done; what is not there was never
/// written. Where the search itself fails, the doubt stays.
pub(super) async fn find_unsure(round: &mut Round, journal: &mut Journal<'_>) -> anyhow::Result<()> {
    let mut missing = inputs(round);
    missing.retain(|note| round.progress[note.owner.0].actions[note.owner.1].unsure);
    if missing.is_empty() {
        return Ok(());
    }
    let Some(ids) = notes_of_all(round, journal, &missing).await? else { return Ok(()) };
    for chunk in ids.chunks(BATCH_MAX) {
        let request = hubspot::read_notes(&journal.portal, chunk);
        let Some(reply) = journal.call(&request, &traces(&missing)).await? else { return Ok(()) };
        if reply.success().is_none() {
            stop(round, &missing, &reply.meaning());
            return Ok(());
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
    missing.iter().for_each(|note| round.unsure(note.owner, false));
    Ok(())
}

/// The notes of every record that one of `notes` may hang on, the newest first: it was written a moment ago.
async fn notes_of_all(
    round: &mut Round,
    journal: &mut Journal<'_>,
    notes: &[NoteInput],
) -> anyhow::Result<Option<Vec<String>>> {
    let mut records: Vec<_> = notes.iter().flat_map(|note| note.about.clone()).collect();
    records.sort();
    records.dedup();
    let mut ids = Vec::new();
    for of_type in records.chunk_by(|(one, _), (other, _)| one == other) {
        let mut pages: Vec<_> = of_type.iter().map(|(_, id)| (id.clone(), None)).collect();
        while !pages.is_empty() && ids.len() < NOTES_READ_MAX {
            let request = hubspot::read_notes_of(&journal.portal, &of_type[0].0, &pages);
            let Some(reply) = journal.call(&request, &traces(notes)).await? else { return Ok(None) };
            let Some(body) = reply.success() else {
                stop(round, notes, &reply.meaning());
                return Ok(None);
            };
            let (found, next) = hubspot::notes_of(body);
            ids.extend(found);
            pages = next;
        }
    }
    ids.sort_by_key(|id| std::cmp::Reverse(id.parse::<u64>().unwrap_or(0)));
    ids.dedup();
    ids.truncate(NOTES_READ_MAX);
    Ok(Some(ids))
}

fn traces(notes: &[NoteInput]) -> Vec<String> {
    notes.iter().map(|note| note.trace.clone()).collect()
}

/// Creates the notes that are not there yet.
pub(super) async fn create(round: &mut Round, journal: &mut Journal<'_>) -> anyhow::Result<()> {
    let notes: Vec<_> =
        inputs(round).into_iter().filter(|note| !round.progress[note.owner.0].actions[note.owner.1].unsure).collect();
    let mut batches: Vec<Vec<NoteInput>> = notes.chunks(BATCH_MAX).map(<[_]>::to_vec).collect();
    while let Some(mut batch) = batches.pop() {
        let request = hubspot::create_notes(&journal.portal, &batch);
        let Some(reply) = journal.call(&request, &traces(&batch)).await? else { return Ok(()) };
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
                // In neither list, or not for good: it may be there all the same, so it is looked for first.
                match hubspot::error_of(body, &note.trace, reply.correlation_id()) {
                    Some(meaning) if !matches!(meaning, Meaning::Temporary { .. }) => refused(round, &note, meaning),
                    meaning => doubt(round, &note, meaning.unwrap_or_else(hubspot::no_effect)),
                }
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
        if reply.leaves_doubt() {
            batch.iter().for_each(|note| doubt(round, note, meaning.clone()));
        } else if by_halves {
            batch.iter().for_each(|note| refused(round, note, meaning.clone()));
        } else {
            stop(round, &batch, &meaning);
        }
    }
    Ok(())
}

/// HubSpot refuses this note and no other: a record that it is about may be gone, and is looked for again, once.
fn refused(round: &mut Round, note: &NoteInput, meaning: Meaning) {
    let may_be_gone = matches!(meaning, Meaning::Refused(_) | Meaning::Unclear(_));
    if !(may_be_gone && round.make_again(note.owner)) {
        stop(round, std::slice::from_ref(note), &if_gone(meaning));
    }
}

/// An address that HubSpot did not take as one stands in the note instead.
fn with_refused_address(round: &Round, delivery: usize, body: &str) -> String {
    let refused = |dropped: &&Dropped| dropped.field == "email" && dropped.code == Some(Code::EmailInvalid);
    match round.progress[delivery].dropped.iter().find(refused) {
        Some(dropped) => format!("{body}\n\nE-mail address, which HubSpot does not accept: {}", dropped.value),
        None => body.to_owned(),
    }
}

/// The note may have been written: it is looked for before it is written again, and not before HubSpot shows it.
fn doubt(round: &mut Round, note: &NoteInput, meaning: Meaning) {
    round.unsure(note.owner, true);
    let meaning = match meaning {
        Meaning::Temporary { problem, asked } => Meaning::Temporary { problem, asked: asked.max(DOUBT) },
        meaning => meaning,
    };
    round.stop_all(&[note.owner], &meaning);
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
                body: with_refused_address(round, owner.0, &note.body),
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

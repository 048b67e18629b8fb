//! Notes: looked for where one may have been written already, created where none is there.

use std::collections::HashMap;

use super::journal::Journal;
use super::round::{DOUBT, Owner, Round};
use super::upsert::is_about_one_input;
use crate::cause::Code;
use crate::contract::actions::Action;
use crate::hubspot::{self, BATCH_MAX, Meaning, NoteInput};
use crate::model::delivery::{Dropped, Record};
use crate::model::time::Timestamp;

/// After this many notes of one record the search in it ends, and the note is written.
const NOTES_OF_RECORD_MAX: usize = 1000;
/// So many notes are read for one search: more would use up the calls of the round, and it would begin again for ever.
const NOTES_READ_MAX: usize = 2000;

/// Looks for notes whose creation got no answer, by their marker. What is found is done; what is not there was never
/// written. Where the search itself fails, the doubt stays.
pub(super) async fn find_unsure(round: &mut Round, journal: &mut Journal<'_>) -> anyhow::Result<()> {
    let mut unsure = inputs(round);
    unsure.retain(|note| round.progress[note.owner.0].actions[note.owner.1].unsure);
    let mut searches = if unsure.is_empty() { vec![] } else { vec![unsure] };
    while let Some(mut notes) = searches.pop() {
        match search(round, journal, &notes).await? {
            Search::Done => {}
            Search::TooMuch => {
                let half = notes.split_off(notes.len() / 2);
                searches.extend([half, notes]);
            }
            Search::Ended => break,
        }
    }
    Ok(())
}

/// What a search came to.
enum Search {
    Done,
    /// For so many notes at once it would take too long, or HubSpot refuses it: the halves are tried apart.
    TooMuch,
    /// The round has to stop here.
    Ended,
}

async fn search(round: &mut Round, journal: &mut Journal<'_>, notes: &[NoteInput]) -> anyhow::Result<Search> {
    let ids = match notes_of_all(journal, notes).await? {
        Listed::Notes(ids) if ids.len() > NOTES_READ_MAX && notes.len() > 1 => return Ok(Search::TooMuch),
        Listed::Notes(ids) => ids,
        Listed::Refused(meaning) => return Ok(refused_search(round, notes, meaning)),
        Listed::Ended => return Ok(Search::Ended),
    };
    let mut missing = notes.to_vec();
    for chunk in ids.chunks(BATCH_MAX) {
        let request = hubspot::read_notes(&journal.portal, chunk);
        let Some(reply) = journal.call(&request, &traces(&missing)).await? else { return Ok(Search::Ended) };
        if reply.success().is_none() {
            return Ok(refused_search(round, &missing, reply.meaning()));
        }
        missing.retain(|note| match hubspot::find_note(&reply, note) {
            Some(id) => {
                // What it hangs on nobody knows; tying it again is safe.
                round.written(note.owner, Record { id, new: true });
                false
            }
            None => true,
        });
        if missing.is_empty() {
            break;
        }
    }
    missing.iter().for_each(|note| round.unsure(note.owner, false));
    Ok(Search::Done)
}

/// A search that HubSpot refuses for several records is tried for each; a record that is gone has no notes.
fn refused_search(round: &mut Round, notes: &[NoteInput], meaning: Meaning) -> Search {
    match meaning {
        meaning if is_about_one_input(&meaning) && notes.len() > 1 => Search::TooMuch,
        Meaning::Gone(_) => {
            notes.iter().for_each(|note| round.unsure(note.owner, false));
            Search::Done
        }
        meaning => {
            stop(round, notes, &meaning);
            Search::Done
        }
    }
}

/// The notes of some records, or why they cannot be told.
enum Listed {
    Notes(Vec<String>),
    Refused(Meaning),
    Ended,
}

/// The notes of every record that one of `notes` may hang on, the newest first: it was written a moment ago.
async fn notes_of_all(journal: &mut Journal<'_>, notes: &[NoteInput]) -> anyhow::Result<Listed> {
    let mut records: Vec<_> = notes.iter().flat_map(|note| note.about.clone()).collect();
    records.sort();
    records.dedup();
    let mut ids = Vec::new();
    for of_type in records.chunk_by(|(one, _), (other, _)| one == other) {
        let mut pages: Vec<_> = of_type.iter().map(|(_, id)| (id.clone(), None)).collect();
        let mut counts: HashMap<String, usize> = HashMap::new();
        while !pages.is_empty() {
            let request = hubspot::read_notes_of(&journal.portal, &of_type[0].0, &pages);
            let Some(reply) = journal.call(&request, &traces(notes)).await? else { return Ok(Listed::Ended) };
            let Some(body) = reply.success() else { return Ok(Listed::Refused(reply.meaning())) };
            pages.clear();
            for found in hubspot::notes_of(body) {
                let count = counts.entry(found.record.clone()).or_default();
                *count += found.notes.len();
                match found.after {
                    Some(after) if *count < NOTES_OF_RECORD_MAX => pages.push((found.record, Some(after))),
                    Some(_) => {
                        let text = "a record has more notes than are searched; a note may be written a second time";
                        tracing::warn!(record.id = %found.record, "{text}");
                    }
                    None => {}
                }
                ids.extend(found.notes);
            }
        }
    }
    ids.sort_by_key(|id| std::cmp::Reverse(id.parse::<u64>().unwrap_or(0)));
    ids.dedup();
    Ok(Listed::Notes(ids))
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
            let errors = body["errors"].as_array().is_some_and(|errors| !errors.is_empty());
            let lone = batch.len() == 1;
            for (note, record) in batch.iter().zip(records) {
                let said = hubspot::error_of(body, &note.trace, reply.correlation_id());
                match (record, said) {
                    (Some(record), _) => created(round, note, record),
                    (None, Some(meaning)) => judged(round, note, meaning),
                    // An error that names no input is about one of those that the answer does not mention.
                    (None, None) if errors && lone => {
                        judged(round, note, hubspot::first_error(body, reply.correlation_id()));
                    }
                    (None, None) if errors => batches.push(vec![note.clone()]),
                    // In neither list: it may be there all the same, so it is looked for first.
                    (None, None) => doubt(round, note, hubspot::no_effect()),
                }
            }
            continue;
        }
        let meaning = reply.meaning();
        let by_halves = is_about_one_input(&meaning);
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
    let may_be_gone = matches!(meaning, Meaning::Gone(_) | Meaning::Unclear(_));
    if !(may_be_gone && round.make_again(note.owner)) {
        stop(round, std::slice::from_ref(note), &meaning);
    }
}

/// What HubSpot says of one note in an answer that worked for others.
fn judged(round: &mut Round, note: &NoteInput, meaning: Meaning) {
    match meaning {
        meaning @ Meaning::Temporary { .. } => doubt(round, note, meaning),
        meaning => refused(round, note, meaning),
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
                marker: marker(round, owner),
                markers: markers(round, owner.0),
                body: with_refused_address(round, owner.0, &note.body),
                at: Timestamp(note.at),
                about: about.into_iter().map(|(_, record)| record).collect(),
                linked,
            })
        })
        .collect()
}

fn marker(round: &Round, (delivery, action): Owner) -> String {
    let claimed = &round.claimed[delivery];
    hubspot::marker(&claimed.event_id, claimed.progress.resent.then_some(&claimed.id), action)
}

/// Where a lead has one note, and was not sent again: how its marker begins, whatever plan it is from.
fn markers(round: &Round, delivery: usize) -> Option<String> {
    let claimed = &round.claimed[delivery];
    let is_note = |action: &&Action| matches!(action, Action::AddNote(_));
    let is_alone = claimed.plan.actions.iter().filter(is_note).count() == 1;
    (is_alone && !claimed.progress.resent).then(|| hubspot::markers_of(&claimed.event_id))
}

fn created(round: &mut Round, note: &NoteInput, record: Record) {
    round.written(note.owner, record);
    note.linked.iter().for_each(|&target| round.linked(note.owner, target));
}

fn stop(round: &mut Round, notes: &[NoteInput], meaning: &Meaning) {
    let owners: Vec<_> = notes.iter().map(|note| note.owner).collect();
    round.stop_all(&owners, meaning);
}

//! Records by key: contacts first, then deals and other objects. Read, fold, upsert; every input gets its own fate.

mod repair;

pub(super) use repair::is_about_one_input;

use std::collections::{BTreeMap, HashMap};

use super::check;
use super::journal::Journal;
use super::round::{Owner, Round, Verdict};
use crate::cause::{Code, Problem};
use crate::contract::actions::{Action, Property, WritePolicy};
use crate::hubspot::{self, BATCH_MAX, BadProperty, CONTACT, Found, Input, Judged, Meaning, Target};
use crate::model::account::{ContactWrite, Policy};
use crate::model::delivery::{Progress, Record};

/// Object type and key property: one group is one read and one upsert.
type Group = (String, String);

/// Upserts the contacts.
pub(super) async fn contacts(round: &mut Round, journal: &mut Journal<'_>) -> anyhow::Result<()> {
    let contacts: fn(&Action) -> bool = |action| matches!(action, Action::UpsertContact(_));
    upsert_groups(round, journal, contacts).await?;
    // Those whose address HubSpot refuses are recognised by another key from now on.
    if std::mem::take(&mut round.rekeyed) {
        upsert_groups(round, journal, contacts).await?;
    }
    Ok(())
}

/// Upserts what belongs to the contacts. An action whose contacts could not be written waits for them.
pub(super) async fn deals_and_objects(round: &mut Round, journal: &mut Journal<'_>) -> anyhow::Result<()> {
    upsert_groups(round, journal, |action| matches!(action, Action::UpsertDeal(_) | Action::UpsertObject(_))).await
}

async fn upsert_groups(
    round: &mut Round,
    journal: &mut Journal<'_>,
    wanted: fn(&Action) -> bool,
) -> anyhow::Result<()> {
    let ready = |round: &Round, (owner, action): &(Owner, &Action)| {
        let there = |target: &u32| round.record((owner.0, *target as usize)).is_some();
        wanted(action) && round.record(*owner).is_none() && action.refers_to().iter().all(there)
    };
    let targets: Vec<_> = round
        .open()
        .filter(|open| ready(round, open))
        .map(|(owner, action)| {
            target(action, owner, round.trace(owner), &round.progress[owner.0], &journal.connection.policy)
        })
        .collect();
    let mut groups: BTreeMap<Group, Vec<Target>> = BTreeMap::new();
    for (group, target) in targets {
        if check::can_be_written(round, journal, (&group.0, &group.1), target.owner) {
            groups.entry(group).or_default().push(target);
        }
    }
    for ((object_type, key_property), targets) in groups {
        // A record that was locked is not in a batch with others: it would lock them out with it. Whoever else has a wish
        // for it goes with it, so that a newer one does not come first.
        let locked: Vec<_> =
            targets.iter().filter(|target| round.was_locked(target.owner)).map(|target| target.key.clone()).collect();
        let (mut alone, together): (Vec<_>, Vec<_>) =
            targets.into_iter().partition(|target| locked.contains(&target.key));
        alone.sort_by(|a, b| a.key.cmp(&b.key));
        let alone = alone.chunk_by(|a, b| a.key == b.key).flat_map(|same| same.chunks(BATCH_MAX));
        let batches = together.chunks(BATCH_MAX).chain(alone).map(<[_]>::to_vec);
        for batch in batches {
            Upsert { round, journal, object_type: &object_type, key_property: &key_property }.run(batch).await?;
        }
    }
    Ok(())
}

/// What an action wants of its record.
fn target(action: &Action, owner: Owner, trace: String, progress: &Progress, policy: &Policy) -> (Group, Target) {
    let on_create = |name: &str, value: &str| Property {
        name: name.to_owned(),
        value: value.to_owned(),
        policy: WritePolicy::OnCreate,
    };
    let object_type = super::round::object_type(action);
    let (planned_key, value) = action.key().expect("a note is no record of its own");
    let mut properties = action.properties().to_vec();
    if let Action::UpsertDeal(deal) = action {
        // A seller moves deals: what says where a deal stands is written once.
        let place = [("dealname", &deal.name), ("pipeline", &deal.pipeline), ("dealstage", &deal.stage)];
        properties.splice(0..0, place.map(|(name, value)| on_create(name, value)));
    }
    let action_progress = &progress.actions[owner.1];
    let (key_property, key) = match &action_progress.key {
        Some((name, value)) => (name.as_str(), value.as_str()),
        None => (policy.key_name(planned_key), value),
    };
    let refused = &action_progress.refused;
    properties.retain(|property| {
        property.name != planned_key && property.name != key_property && !refused.contains(&property.name)
    });
    for property in &mut properties {
        if action_progress.passed.contains(&property.name) && property.policy == WritePolicy::Always {
            property.policy = WritePolicy::IfEmpty;
        }
    }
    let key = if key_property == "email" { key.trim().to_lowercase() } else { key.trim().to_owned() };
    ((object_type.to_owned(), key_property.to_owned()), Target { owner, trace, key, properties })
}

/// One group on its way.
struct Upsert<'r, 'j, 'a> {
    round: &'r mut Round,
    journal: &'j mut Journal<'a>,
    object_type: &'r str,
    key_property: &'r str,
}

/// What a read came to.
enum Read {
    Found(HashMap<String, Found>),
    /// One of the keys cannot be read: the halves are tried apart.
    Split,
    /// The round cannot go on with these.
    Stopped,
}

/// A batch that is to be sent, in one call or, alone, into a record that is known to be there.
enum Next {
    Upsert(Vec<Input>),
    /// To be read again first: another lead of the same person may have been written since.
    Fresh(Target),
    /// HubSpot says that the value is this record's already.
    Into {
        record: String,
        input: Input,
    },
}

impl Upsert<'_, '_, '_> {
    async fn run(mut self, targets: Vec<Target>) -> anyhow::Result<()> {
        let mut parts = vec![targets];
        while let Some(mut part) = parts.pop() {
            match self.read(&part).await? {
                Read::Found(found) => self.write(part, &found).await?,
                Read::Split => {
                    let half = part.split_off(part.len() / 2);
                    parts.extend([half, part]);
                }
                Read::Stopped => {}
            }
        }
        Ok(())
    }

    async fn write(&mut self, targets: Vec<Target>, found: &HashMap<String, Found>) -> anyhow::Result<()> {
        let inputs = self.inputs(targets, found);
        let mut batches = if inputs.is_empty() { vec![] } else { vec![Next::Upsert(inputs)] };
        while let Some(next) = batches.pop() {
            let again = match next {
                Next::Upsert(batch) => self.send(batch).await?,
                Next::Into { record, input } => self.send_into(&record, input).await?,
                Next::Fresh(target) => match self.read(std::slice::from_ref(&target)).await? {
                    Read::Found(found) => {
                        let input = self.inputs(vec![target], &found);
                        Some(if input.is_empty() { vec![] } else { vec![Next::Upsert(input)] })
                    }
                    Read::Split | Read::Stopped => Some(vec![]),
                },
            };
            match again {
                Some(again) => batches.extend(again),
                None => break,
            }
        }
        Ok(())
    }

    /// What is to be sent for some wishes: folded by record, without what the portal is known to refuse. Those whose
    /// record holds everything already are done.
    fn inputs(&mut self, targets: Vec<Target>, found: &HashMap<String, Found>) -> Vec<Input> {
        let stages = self.journal.lifecycle();
        let inputs = hubspot::fold(targets, self.key_property, &stages, |key| found.get(key));
        let fit = |input| check::against_schema(self.round, self.journal, self.object_type, input);
        let inputs = inputs.into_iter().filter_map(fit).collect();
        self.settle_unchanged(inputs)
    }

    /// Settles the inputs whose record holds everything already; the others are to be sent.
    fn settle_unchanged(&mut self, inputs: Vec<Input>) -> Vec<Input> {
        let mut changed = Vec::with_capacity(inputs.len());
        for input in inputs {
            match &input.found {
                Some(found) if input.properties.is_empty() => {
                    let record = Record { id: found.id.clone(), new: false };
                    self.done(&input, &record);
                }
                _ => changed.push(input),
            }
        }
        changed
    }

    /// The records of the keys.
    async fn read(&mut self, targets: &[Target]) -> anyhow::Result<Read> {
        let mut keys: Vec<_> = targets.iter().map(|target| target.key.clone()).collect();
        keys.sort();
        keys.dedup();
        let names =
            targets.iter().flat_map(|target| target.properties.iter().map(|property| property.name.clone())).collect();
        let request = hubspot::batch_read(&self.journal.portal, self.object_type, self.key_property, &keys, names);
        let traces: Vec<_> = targets.iter().map(|target| target.trace.clone()).collect();
        let Some(reply) = self.journal.call(&request, &traces).await? else {
            return Ok(Read::Stopped);
        };
        let meaning = match reply.success() {
            Some(body) => match hubspot::found(body, self.key_property) {
                Some(found) => return Ok(Read::Found(found)),
                // Taken for "not there", a contact that could not be read would be written as a new one.
                None if targets.len() > 1 => return Ok(Read::Split),
                None => hubspot::first_error(body, reply.correlation_id()),
            },
            None => reply.meaning(),
        };
        let meaning = match meaning {
            // A read asks for nothing but the key: if that is refused, the portal does not have it, or not as a key.
            Meaning::Properties(bad) if self.key_property != "email" => Meaning::Blocked(self.no_key(&bad)),
            Meaning::Properties(_) | Meaning::Unclear(_) if targets.len() > 1 => return Ok(Read::Split),
            Meaning::Unclear(_) if self.key_property != "email" => Meaning::Blocked(self.no_key(&[])),
            Meaning::Properties(bad) => {
                self.address_refused(&targets[0], &bad);
                return Ok(Read::Stopped);
            }
            meaning => meaning,
        };
        let owners: Vec<_> = targets.iter().map(|target| target.owner).collect();
        self.round.stop_all(&owners, &meaning);
        Ok(Read::Stopped)
    }

    fn no_key(&mut self, bad: &[BadProperty]) -> Problem {
        self.journal.contradicted = true;
        let problem = check::no_key(self.journal.schema.as_deref(), self.object_type, self.key_property);
        match bad.iter().any(|bad| bad.code == Code::PropertyNotUnique) {
            true => check::not_unique(self.key_property),
            false => problem,
        }
    }

    /// Sends one batch and settles what it can. What comes back is to be sent again, in smaller or mended batches;
    /// None: the round has to stop.
    async fn send(&mut self, batch: Vec<Input>) -> anyhow::Result<Option<Vec<Next>>> {
        let (portal, object_type) = (&self.journal.portal, self.object_type);
        let known = batch.iter().filter(|input| input.found.is_some()).count();
        let request = match self.journal.connection.policy.contact_write {
            ContactWrite::Split if object_type == CONTACT && known == batch.len() => {
                hubspot::batch_update(portal, object_type, &batch)
            }
            ContactWrite::Split if object_type == CONTACT && known == 0 => {
                hubspot::batch_create(portal, object_type, &batch)
            }
            ContactWrite::Split if object_type == CONTACT => {
                let (known, new): (Vec<_>, Vec<_>) = batch.into_iter().partition(|input| input.found.is_some());
                return Ok(Some(vec![Next::Upsert(new), Next::Upsert(known)]));
            }
            ContactWrite::Upsert | ContactWrite::Split => {
                hubspot::batch_upsert(portal, object_type, self.key_property, &batch)
            }
        };
        let creates = request.path.ends_with("/batch/create");
        let traces: Vec<_> = batch.iter().flat_map(|input| &input.targets).map(|target| target.trace.clone()).collect();
        let Some(reply) = self.journal.call(&request, &traces).await? else {
            return Ok(None);
        };
        let Some(body) = reply.success() else {
            return Ok(Some(self.refused_whole(batch, reply.meaning().of_keys())));
        };
        let judged = hubspot::judge(&reply, body, self.key_property, &batch);
        self.note_normalized(body, &batch);
        // An error that names no input is about one of those that the answer does not mention.
        let errors = body["errors"].as_array().is_some_and(|errors| !errors.is_empty());
        let lone = batch.len() == 1;
        let mut mended = Vec::new();
        let mut apart = Vec::new();
        for (input, judged) in batch.into_iter().zip(judged) {
            match judged {
                // Only an upsert says what it created.
                Judged::Done(record) if creates => self.done(&input, &Record { new: true, ..record }),
                Judged::Done(record) if record.new && input.found.is_some() => {
                    mended.extend(self.written_anew(input, record));
                }
                Judged::Done(record) => self.done(&input, &record),
                Judged::Silent if errors && !lone => apart.push(Next::Upsert(vec![input])),
                Judged::Silent if errors => {
                    let meaning = hubspot::first_error(body, reply.correlation_id()).of_keys();
                    apart.extend(self.refused_alone(input, meaning));
                }
                Judged::Silent => self.stop(&input, &hubspot::no_effect()),
                Judged::Failed(Meaning::Properties(bad))
                    if repair::are_about_schema(&bad) || input.targets.len() == 1 =>
                {
                    mended.extend(self.mend(input, &bad));
                }
                Judged::Failed(meaning) => apart.extend(self.refused_alone(input, meaning)),
            }
        }
        if !mended.is_empty() {
            apart.push(Next::Upsert(mended));
        }
        Ok(Some(apart))
    }

    /// The record was deleted between read and write, and a new one came about. What was left out because the old one
    /// held it, or for its age, is sent now.
    fn written_anew(&mut self, input: Input, record: Record) -> Option<Input> {
        let stages = self.journal.lifecycle();
        let whole = hubspot::fold(input.targets.clone(), self.key_property, &stages, |_| None).pop()?;
        let sent = &input.properties;
        let mut properties = whole.properties;
        properties.retain(|name, value| name != self.key_property && sent.get(name) != Some(value));
        self.done(&input, &record);
        let found = Some(Found { id: record.id, ..Found::default() });
        (!properties.is_empty()).then_some(Input { found, properties, ..input })
    }

    /// Keeps what HubSpot made of a value, for the receipt.
    fn note_normalized(&mut self, body: &serde_json::Value, batch: &[Input]) {
        for normalized in hubspot::normalized(body) {
            let sent = |input: &&Input| input.properties.get(&normalized.field) == Some(&normalized.sent);
            for target in batch.iter().filter(sent).flat_map(|input| &input.targets) {
                self.round.normalized(target.owner.0, normalized.clone());
            }
        }
    }

    fn done(&mut self, input: &Input, record: &Record) {
        for (index, target) in input.targets.iter().enumerate() {
            // The first lead made the contact; the next one of the same person found it.
            let known = self.round.record(target.owner).is_some_and(|known| known.new);
            let new = known || (record.new && index == 0);
            self.round.written(target.owner, Record { id: record.id.clone(), new });
            self.round.wrote(target.owner, &input.properties);
        }
    }

    fn stop(&mut self, input: &Input, meaning: &Meaning) {
        let owners: Vec<_> = input.targets.iter().map(|target| target.owner).collect();
        self.round.stop_all(&owners, meaning);
    }

    /// The same, with a verdict of our own.
    fn stop_with(&mut self, input: &Input, verdict: &Verdict) {
        input.targets.iter().for_each(|target| self.round.stop(target.owner, verdict.clone()));
    }
}

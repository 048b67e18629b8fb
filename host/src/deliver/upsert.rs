//! Records by key: contacts first, then deals and other objects. Read, fold, upsert; every input gets its own fate.

use std::collections::{BTreeMap, HashMap};

use super::journal::Journal;
use super::round::{Owner, Round, Verdict};
use crate::cause::{Code, Problem};
use crate::contract::actions::{Action, Property, WritePolicy};
use crate::hubspot::{self, BATCH_MAX, BadProperty, CONTACT, DEAL, Found, Input, Judged, Meaning, Target};
use crate::model::delivery::Record;

/// Object type and key property: one group is one read and one upsert.
type Group = (String, String);

/// Upserts the contacts.
pub(super) async fn contacts(round: &mut Round, journal: &mut Journal<'_>) -> anyhow::Result<()> {
    upsert_groups(round, journal, |action| matches!(action, Action::UpsertContact(_))).await
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
    let mut groups: BTreeMap<Group, Vec<Target>> = BTreeMap::new();
    for (owner, action) in round.open() {
        let ready = |target: &u32| round.record((owner.0, *target as usize)).is_some();
        if wanted(action) && round.record(owner).is_none() && action.refers_to().iter().all(ready) {
            let (group, mut target) = target(action, owner, round.trace(owner));
            let refused = &round.progress[owner.0].actions[owner.1].refused;
            target.properties.retain(|property| !refused.contains(&property.name));
            groups.entry(group).or_default().push(target);
        }
    }
    for ((object_type, key_property), targets) in groups {
        for chunk in targets.chunks(BATCH_MAX) {
            Upsert { round, journal, object_type: &object_type, key_property: &key_property }
                .run(chunk.to_vec())
                .await?;
        }
    }
    Ok(())
}

/// What an action wants of its record.
fn target(action: &Action, owner: Owner, trace: String) -> (Group, Target) {
    let on_create = |name: &str, value: &str| Property {
        name: name.to_owned(),
        value: value.to_owned(),
        policy: WritePolicy::OnCreate,
    };
    let (object_type, key_property, key, mut properties) = match action {
        Action::UpsertContact(contact) => {
            let (name, value) = contact.key.parts();
            (CONTACT, name, value, contact.properties.clone())
        }
        Action::UpsertDeal(deal) => {
            // A seller moves deals: what says where a deal stands is written once.
            let mut properties = vec![
                on_create("dealname", &deal.name),
                on_create("pipeline", &deal.pipeline),
                on_create("dealstage", &deal.stage),
            ];
            properties.extend(deal.properties.iter().cloned());
            (DEAL, deal.key.name.as_str(), deal.key.value.as_str(), properties)
        }
        Action::UpsertObject(object) => {
            let (name, value) = object.key.parts();
            (object.object_type.as_str(), name, value, object.properties.clone())
        }
        Action::AddNote(_) => unreachable!("a note has no key"),
    };
    properties.retain(|property| property.name != key_property);
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
        let inputs = hubspot::fold(targets, self.key_property, |key| found.get(key));
        let inputs = self.settle_unchanged(inputs);
        let mut batches = if inputs.is_empty() { vec![] } else { vec![inputs] };
        while let Some(batch) = batches.pop() {
            match self.send(batch, found).await? {
                Some(again) => batches.extend(again),
                None => break,
            }
        }
        Ok(())
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
        let request = hubspot::batch_read(self.journal.portal, self.object_type, self.key_property, &keys, names);
        let traces: Vec<_> = targets.iter().map(|target| target.trace.clone()).collect();
        let Some(reply) = self.journal.call(&request, &traces).await? else {
            return Ok(Read::Stopped);
        };
        let meaning = match reply.success() {
            Some(body) => match hubspot::found(body, self.key_property) {
                Some(found) => return Ok(Read::Found(found)),
                // Taken for "not there", a contact that could not be read would be written as a new one.
                None => hubspot::no_effect(),
            },
            None => reply.meaning(),
        };
        let meaning = match meaning {
            // A read asks for nothing but the key: if that is refused, the portal does not have it.
            Meaning::Properties(_) if self.key_property != "email" => Meaning::Blocked(self.no_key()),
            Meaning::Properties(_) | Meaning::Unclear(_) if targets.len() > 1 => return Ok(Read::Split),
            Meaning::Unclear(_) if self.key_property != "email" => Meaning::Blocked(self.no_key()),
            meaning => meaning,
        };
        let owners: Vec<_> = targets.iter().map(|target| target.owner).collect();
        self.round.stop_all(&owners, &meaning);
        Ok(Read::Stopped)
    }

    fn no_key(&self) -> Problem {
        let detail = format!(
            "HubSpot has no property `{}` with unique values, by which the record would be recognised",
            self.key_property
        );
        Problem::new(Code::PropertyMissing, detail).about(self.key_property)
    }

    /// Sends one batch and settles what it can. What comes back is to be sent again, in smaller or mended batches;
    /// None: the round has to stop.
    async fn send(
        &mut self,
        batch: Vec<Input>,
        found: &HashMap<String, Found>,
    ) -> anyhow::Result<Option<Vec<Vec<Input>>>> {
        let request = hubspot::batch_upsert(self.journal.portal, self.object_type, self.key_property, &batch);
        let traces: Vec<_> = batch.iter().flat_map(|input| &input.targets).map(|target| target.trace.clone()).collect();
        let Some(reply) = self.journal.call(&request, &traces).await? else {
            return Ok(None);
        };
        let Some(body) = reply.success() else {
            return Ok(Some(self.refused_whole(batch, reply.meaning(), found)));
        };
        let judged = hubspot::judge(&reply, body, self.key_property, &batch);
        // An error that names no input is about one of those that the answer does not mention.
        let errors = body["errors"].as_array().is_some_and(|errors| !errors.is_empty());
        let lone = batch.len() == 1;
        let mut mended = Vec::new();
        let mut apart = Vec::new();
        for (input, judged) in batch.into_iter().zip(judged) {
            match judged {
                Judged::Done(record) => self.done(&input, &record),
                Judged::Silent if errors && !lone => apart.push(vec![input]),
                Judged::Silent if errors => {
                    let meaning = hubspot::first_error(body, reply.correlation_id());
                    apart.extend(self.refused_alone(input, meaning, found));
                }
                Judged::Silent => self.stop(&input, &hubspot::no_effect()),
                Judged::Failed(Meaning::Properties(bad)) if are_about_schema(&bad) || input.targets.len() == 1 => {
                    mended.extend(self.mend(input, &bad));
                }
                Judged::Failed(meaning) => apart.extend(self.fail(input, &meaning, found)),
            }
        }
        if !mended.is_empty() {
            apart.push(mended);
        }
        Ok(Some(apart))
    }

    /// Nothing of the batch was written. Finds out what can go on: mended, or by halves until the culprit is alone.
    fn refused_whole(
        &mut self,
        mut batch: Vec<Input>,
        meaning: Meaning,
        found: &HashMap<String, Found>,
    ) -> Vec<Vec<Input>> {
        match meaning {
            // What the portal does not have, it has for nobody. Any other refusal is about somebody's value.
            Meaning::Properties(bad) if are_about_schema(&bad) && batch.iter().any(|input| names_any(input, &bad)) => {
                let (hit, others): (Vec<_>, Vec<_>) = batch.into_iter().partition(|input| names_any(input, &bad));
                let mut again: Vec<_> = hit.into_iter().filter_map(|input| self.mend(input, &bad)).collect();
                again.extend(others);
                if again.is_empty() { vec![] } else { vec![again] }
            }
            meaning if batch.len() > 1 && is_about_one_input(&meaning) => {
                let half = batch.split_off(batch.len() / 2);
                vec![half, batch]
            }
            meaning if is_about_one_input(&meaning) => {
                batch.into_iter().flat_map(|input| self.refused_alone(input, meaning.clone(), found)).collect()
            }
            meaning => {
                batch.iter().for_each(|input| self.stop(input, &meaning));
                vec![]
            }
        }
    }

    /// The answer is about this input and no other.
    fn refused_alone(&mut self, input: Input, meaning: Meaning, found: &HashMap<String, Found>) -> Vec<Vec<Input>> {
        match meaning {
            Meaning::Properties(bad) if input.targets.len() == 1 => {
                self.mend(input, &bad).map_or_else(Vec::new, |input| vec![vec![input]])
            }
            meaning => self.fail(input, &meaning, found),
        }
    }

    /// Takes the refused values out, so that the record goes through without them. None: it cannot.
    fn mend(&mut self, mut input: Input, bad: &[BadProperty]) -> Option<Input> {
        if let Some(fatal) = bad.iter().find(|bad| self.is_vital(bad)) {
            let problem = Problem::new(fatal.code, format!("HubSpot refuses `{}`: {}", fatal.name, fatal.message))
                .about(&fatal.name);
            let verdict = match fatal.code {
                Code::PropertyMissing | Code::PipelineMissing | Code::PropertyNotUnique => Verdict::Blocked(problem),
                _ => Verdict::Refused(problem),
            };
            input.targets.iter().for_each(|target| self.round.stop(target.owner, verdict.clone()));
            return None;
        }
        let mut changed = false;
        for bad in bad {
            if let Some(value) = input.properties.remove(&bad.name) {
                changed = true;
                let reason = if bad.message.is_empty() {
                    bad.code.title().to_owned()
                } else {
                    format!("{}: {}", bad.code.title(), bad.message)
                };
                for target in input
                    .targets
                    .iter()
                    .filter(|target| target.properties.iter().any(|property| property.name == bad.name))
                {
                    self.round.drop_value(target.owner, &bad.name, &value, reason.clone());
                }
            }
        }
        if !changed {
            self.stop(&input, &Meaning::Properties(bad.to_vec()));
            return None;
        }
        self.settle_unchanged(vec![input]).pop()
    }

    /// Whether the record makes no sense without the property.
    fn is_vital(&self, bad: &BadProperty) -> bool {
        bad.name == self.key_property
            || bad.code == Code::PipelineMissing
            || (self.object_type == DEAL && ["pipeline", "dealstage"].contains(&bad.name.as_str()))
    }

    /// One input is refused. Leads that were folded into it are tried one by one, so that a good one does not suffer.
    fn fail(&mut self, input: Input, meaning: &Meaning, found: &HashMap<String, Found>) -> Vec<Vec<Input>> {
        if input.targets.len() > 1 && is_about_one_input(meaning) {
            let mut alone = Vec::new();
            for target in input.targets {
                let inputs = hubspot::fold(vec![target], self.key_property, |key| found.get(key));
                alone.extend(self.settle_unchanged(inputs).into_iter().map(|input| vec![input]));
            }
            alone.reverse(); // the last one is sent first
            return alone;
        }
        self.stop(&input, meaning);
        vec![]
    }

    fn done(&mut self, input: &Input, record: &Record) {
        for (index, target) in input.targets.iter().enumerate() {
            // The first lead made the contact; the next one of the same person found it.
            self.round.written(target.owner, Record { id: record.id.clone(), new: record.new && index == 0 });
        }
    }

    fn stop(&mut self, input: &Input, meaning: &Meaning) {
        let owners: Vec<_> = input.targets.iter().map(|target| target.owner).collect();
        self.round.stop_all(&owners, meaning);
    }
}

fn names_any(input: &Input, bad: &[BadProperty]) -> bool {
    bad.iter().any(|bad| input.properties.contains_key(&bad.name))
}

/// Whether the refusal holds for every record of the portal.
fn are_about_schema(bad: &[BadProperty]) -> bool {
    bad.iter().all(|bad| matches!(bad.code, Code::PropertyMissing | Code::PropertyReadOnly))
}

/// Whether the meaning is about somebody's data, so that the neighbours in the batch may be fine.
fn is_about_one_input(meaning: &Meaning) -> bool {
    match meaning {
        Meaning::Properties(_) | Meaning::Refused(_) | Meaning::Unclear(_) => true,
        Meaning::Blocked(problem) => matches!(problem.code, Code::PropertyRequired | Code::PipelineMissing),
        Meaning::Temporary { problem, .. } => problem.code == Code::HubspotLocked,
        Meaning::Pause { .. } => false,
    }
}

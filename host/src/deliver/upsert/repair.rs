//! What can still be done for what HubSpot refused: sent without a value, apart, by halves, by another key, or into the
//! record that holds the value already. Each is done at most once for a reason; then the new answer counts.

use std::collections::BTreeMap;

use super::{Next, Upsert};
use crate::cause::{Code, Problem};
use crate::deliver::check;
use crate::deliver::round::Verdict;
use crate::fit::drop_subject;
use crate::hubspot::{self, BadProperty, CONTACT, DEAL, Input, Meaning, Target};
use crate::model::delivery::{Dropped, Record};

impl Upsert<'_, '_, '_> {
    /// Nothing of the batch was written. Finds out what can go on: mended, or by halves until the culprit is alone.
    pub(super) fn refused_whole(&mut self, mut batch: Vec<Input>, meaning: Meaning) -> Vec<Next> {
        match meaning {
            // What the portal does not have, it has for nobody. Any other refusal is about somebody's value.
            Meaning::Properties(bad) if are_about_schema(&bad) && batch.iter().any(|input| names_any(input, &bad)) => {
                let (hit, others): (Vec<_>, Vec<_>) = batch.into_iter().partition(|input| names_any(input, &bad));
                let mut again: Vec<_> = hit.into_iter().filter_map(|input| self.mend(input, &bad)).collect();
                again.extend(others);
                if again.is_empty() { vec![] } else { vec![Next::Upsert(again)] }
            }
            Meaning::Duplicates { keys, .. }
                if batch.len() > 1 && batch.iter().any(|input| keys.contains(&input.key)) =>
            {
                tracing::error!("HubSpot found {} inputs to be one record where we saw several", keys.len());
                let (twins, others): (Vec<_>, Vec<_>) = batch.into_iter().partition(|input| keys.contains(&input.key));
                let mut next: Vec<_> = twins.into_iter().rev().map(|input| Next::Upsert(vec![input])).collect();
                if !others.is_empty() {
                    next.push(Next::Upsert(others));
                }
                next
            }
            meaning if batch.len() > 1 && is_about_one_input(&meaning) => {
                let half = batch.split_off(batch.len() / 2);
                vec![Next::Upsert(half), Next::Upsert(batch)]
            }
            meaning if is_about_one_input(&meaning) => {
                batch.into_iter().flat_map(|input| self.refused_alone(input, meaning.clone())).collect()
            }
            meaning => {
                batch.iter().for_each(|input| self.stop(input, &meaning));
                vec![]
            }
        }
    }

    /// The answer is about this input and no other.
    pub(super) fn refused_alone(&mut self, input: Input, meaning: Meaning) -> Vec<Next> {
        match meaning {
            Meaning::Properties(bad) if input.targets.len() == 1 => {
                self.mend(input, &bad).map_or_else(Vec::new, |input| vec![Next::Upsert(vec![input])])
            }
            Meaning::Conflict { existing: Some(record), .. }
                if self.object_type == CONTACT && input.targets.len() == 1 =>
            {
                vec![Next::Into { record, input }]
            }
            meaning => self.fail(input, meaning),
        }
    }

    /// Writes into a record by its id: HubSpot says that it holds the address already.
    pub(super) async fn send_into(&mut self, record: &str, input: Input) -> anyhow::Result<Option<Vec<Next>>> {
        let targets: Vec<_> = input.targets.iter().map(|target| self.without_address(target)).collect();
        let mut names: Vec<_> =
            targets.iter().flat_map(|target| &target.properties).map(|one| one.name.as_str()).collect();
        names.push("lifecyclestage");
        let traces: Vec<_> = targets.iter().map(|target| target.trace.clone()).collect();
        let request = hubspot::read_records(&self.journal.portal, self.object_type, &[record.to_owned()], &names);
        let Some(reply) = self.journal.call(&request, &traces).await? else { return Ok(None) };
        let known = reply.success().and_then(|body| hubspot::found_one(&body["results"][0]));
        let Some(known) = known else {
            return Ok(Some(self.fail(input, reply.meaning_or(|| gone(record)))));
        };
        let stages = self.journal.lifecycle();
        let inputs = hubspot::fold(targets.clone(), self.key_property, &stages, |_| Some(&known));
        let Some(changed) = self.settle_unchanged(inputs).pop() else { return Ok(Some(vec![])) };
        let request = hubspot::update_one(&self.journal.portal, self.object_type, &known.id, &changed.properties);
        let Some(reply) = self.journal.call(&request, &traces).await? else { return Ok(None) };
        Ok(Some(match reply.success().and_then(hubspot::found_one) {
            Some(written) => {
                self.done(&changed, &Record { id: written.id, new: false });
                vec![]
            }
            None => match reply.meaning_or(hubspot::no_effect) {
                Meaning::Properties(bad) => {
                    let again = self.mend(changed, &bad).map(|input| Next::Into { record: known.id, input });
                    again.into_iter().collect()
                }
                // A path with a record in it: what is not found is the record.
                _ if reply.status() == Some(404) => self.fail(changed, gone(record)),
                meaning => self.fail(changed, meaning),
            },
        }))
    }

    /// The same wish without the address, and without what HubSpot refused since it was made.
    fn without_address(&self, target: &Target) -> Target {
        let refused = &self.round.progress[target.owner.0].actions[target.owner.1].refused;
        let mut target = target.clone();
        target.properties.retain(|property| property.name != "email" && !refused.contains(&property.name));
        target
    }

    /// Takes the refused values out, so that the record goes through without them. None: it cannot, or need not.
    pub(super) fn mend(&mut self, mut input: Input, bad: &[BadProperty]) -> Option<Input> {
        self.journal.contradicted |= bad.iter().any(|bad| contradicts_schema(bad.code));
        if let Some(fatal) = bad.iter().find(|bad| self.is_vital(bad)) {
            self.stop_for(&input, fatal);
            return None;
        }
        if let Some(young) = bad.iter().find(|bad| self.journal.has_just_seen(self.object_type, bad)) {
            let detail = format!("`{}` was created a moment ago, and HubSpot does not take it yet", young.name);
            let problem = Problem::new(Code::HubspotLocked, detail).about(&young.name);
            self.stop_with(&input, &Verdict::Temporary { problem, asked: check::PROPERTY_LAG });
            return None;
        }
        let mut changed = false;
        for bad in bad {
            let Some(value) = input.properties.remove(&bad.name) else { continue };
            changed = true;
            let wanting = input.targets.iter().filter(|target| target.wants(&bad.name));
            let owners: Vec<_> = wanting.map(|target| target.owner).collect();
            if self.journal.connection.policy.strict {
                let problem = problem_of(bad).about(drop_subject(bad.code, &bad.name, &value));
                let verdict = check::strict(problem);
                owners.iter().for_each(|&owner| self.round.stop(owner, verdict.clone()));
                return None;
            }
            for owner in owners {
                let dropped = Dropped {
                    field: bad.name.clone(),
                    value: value.clone(),
                    reason: reason_of(bad),
                    code: Some(bad.code),
                };
                self.round.drop_value(owner, dropped);
            }
        }
        if !changed {
            self.stop(&input, &Meaning::Properties(bad.to_vec()));
            return None;
        }
        self.settle_unchanged(vec![input]).pop()
    }

    /// The record makes no sense without this property.
    fn stop_for(&mut self, input: &Input, fatal: &BadProperty) {
        let is_key = fatal.name == self.key_property;
        for target in &input.targets {
            let verdict = match fatal.code {
                Code::EmailInvalid if is_key => match self.other_key(target) {
                    Some(key) => {
                        let (field, value) = ("email".to_owned(), target.key.clone());
                        let dropped = Dropped { field, value, reason: reason_of(fatal), code: Some(fatal.code) };
                        self.round.drop_value(target.owner, dropped);
                        self.round.rekey(target.owner, key);
                        continue;
                    }
                    None => Verdict::Refused(problem_of(fatal)),
                },
                Code::PropertyMissing | Code::PropertyNotUnique if is_key => {
                    Verdict::Blocked(self.no_key(std::slice::from_ref(fatal)))
                }
                Code::PropertyMissing | Code::PipelineMissing | Code::StageMissing => {
                    Verdict::Blocked(problem_of(fatal))
                }
                _ => Verdict::Refused(problem_of(fatal)),
            };
            self.round.stop(target.owner, verdict);
        }
    }

    /// A contact whose address HubSpot refuses is recognised by the id of its lead, where the portal can hold that.
    fn other_key(&self, target: &Target) -> Option<(String, String)> {
        let (delivery, action) = target.owner;
        let name = &self.journal.connection.policy.contact_key;
        let holds = check::can_key(self.journal.schema.as_deref(), CONTACT, name);
        let rekeyed = self.round.progress[delivery].actions[action].key.is_some();
        let lead_id = self.round.claimed[delivery].plan.lead_id.as_ref()?;
        (holds && !rekeyed).then(|| (name.clone(), lead_id.clone()))
    }

    /// Whether the record makes no sense without the property.
    fn is_vital(&self, bad: &BadProperty) -> bool {
        bad.name == self.key_property
            || (self.object_type == DEAL && matches!(bad.code, Code::PipelineMissing | Code::StageMissing))
            || (self.object_type == DEAL && ["pipeline", "dealstage"].contains(&bad.name.as_str()))
    }

    /// One input is refused. Leads that were folded into it are tried one by one, so that a good one does not suffer,
    /// and each sees what the one before it wrote. A record that is gone is looked for again by its key, once.
    fn fail(&mut self, input: Input, meaning: Meaning) -> Vec<Next> {
        if input.targets.len() > 1 && is_about_one_input(&meaning) {
            return input.targets.into_iter().rev().map(Next::Fresh).collect(); // the last one is sent first
        }
        let meaning = match meaning {
            Meaning::Conflict { problem, .. } if self.object_type != CONTACT => {
                Meaning::Refused(Problem { code: Code::PropertyTaken, ..problem })
            }
            meaning => meaning,
        };
        if matches!(meaning, Meaning::Gone(_)) && self.round.make_again(input.targets[0].owner) {
            return vec![];
        }
        self.stop(&input, &meaning);
        vec![]
    }

    /// HubSpot does not take a contact's address, not even for a question.
    pub(super) fn address_refused(&mut self, target: &Target, bad: &[BadProperty]) {
        let input = Input {
            trace: target.trace.clone(),
            key: target.key.clone(),
            found: None,
            properties: BTreeMap::new(),
            targets: vec![target.clone()],
        };
        self.mend(input, bad);
    }
}

/// A record that HubSpot named is not there.
fn gone(record: &str) -> Meaning {
    Meaning::Gone(Problem::new(Code::RecordGone, format!("HubSpot has no record {record} any more")))
}

fn names_any(input: &Input, bad: &[BadProperty]) -> bool {
    bad.iter().any(|bad| input.properties.contains_key(&bad.name))
}

/// Whether the refusal holds for every record of the portal.
pub(super) fn are_about_schema(bad: &[BadProperty]) -> bool {
    bad.iter().all(|bad| matches!(bad.code, Code::PropertyMissing | Code::PropertyReadOnly))
}

/// Whether a portal whose schema we know should not have refused that.
fn contradicts_schema(code: Code) -> bool {
    matches!(
        code,
        Code::PropertyMissing
            | Code::PropertyReadOnly
            | Code::OptionUnknown
            | Code::PipelineMissing
            | Code::StageMissing
            | Code::OwnerUnknown
    )
}

/// Whether the meaning is about somebody's data, so that the neighbours in the batch may be fine.
pub(in crate::deliver) fn is_about_one_input(meaning: &Meaning) -> bool {
    match meaning {
        Meaning::Properties(_)
        | Meaning::Refused(_)
        | Meaning::Conflict { .. }
        | Meaning::Duplicates { .. }
        | Meaning::Gone(_)
        | Meaning::Unclear(_) => true,
        Meaning::Blocked(problem) => {
            matches!(problem.code, Code::PropertyRequired | Code::PipelineMissing | Code::StageMissing)
        }
        Meaning::Temporary { problem, .. } => problem.code == Code::HubspotLocked,
        Meaning::Pause { .. } => false,
    }
}

fn problem_of(bad: &BadProperty) -> Problem {
    Problem::new(bad.code, format!("HubSpot refuses `{}`: {}", bad.name, bad.message)).about(&bad.name)
}

fn reason_of(bad: &BadProperty) -> String {
    if bad.message.is_empty() {
        return bad.code.title().to_owned();
    }
    format!("{}: {}", bad.code.title(), bad.message)
}

//! Write policies for up to 100 records at once, as a pure function: what is sent for each record, given what the
//! portal holds. Two actions on one record become one input, with the state that two calls would leave.

use std::collections::BTreeMap;

use crate::contract::actions::{Property, WritePolicy};

/// HubSpot's own stages in their order, for a portal whose own are not known. A lead that is a customer stays one.
const LIFECYCLE: [&str; 8] = [
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
];

/// One action's wish for one record.
#[derive(Clone, Debug)]
pub struct Target {
    /// Whose it is: delivery and action by position.
    pub owner: (usize, usize),
    /// `{delivery id}/{action index}`, unique in the request.
    pub trace: String,
    /// The value of the key property, as HubSpot stores it.
    pub key: String,
    pub properties: Vec<Property>,
}

impl Target {
    /// Whether it has a wish about a property.
    pub fn wants(&self, name: &str) -> bool {
        self.properties.iter().any(|property| property.name == name)
    }
}

/// A record as the portal holds it. A property that is there without a value is absent here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub id: String,
    pub properties: BTreeMap<String, String>,
}

/// What is sent for one record.
#[derive(Clone, Debug)]
pub struct Input {
    pub trace: String,
    pub key: String,
    /// The record, where it exists.
    pub found: Option<Found>,
    /// Nothing: it holds everything already.
    pub properties: BTreeMap<String, String>,
    /// The wishes that it fulfils, in the order of the events.
    pub targets: Vec<Target>,
}

/// One input for each record. `found` gives the record of a key, `key_property` is the property that keys it, and
/// `stages` are the portal's lifecycle stages in their order; empty where nobody knows them.
pub fn fold<'a>(
    targets: Vec<Target>,
    key_property: &str,
    stages: &[String],
    found: impl Fn(&str) -> Option<&'a Found>,
) -> Vec<Input> {
    let mut inputs: Vec<Input> = Vec::with_capacity(targets.len());
    for target in targets {
        let record = found(&target.key);
        let same = |input: &&mut Input| match (&input.found, record) {
            (Some(known), Some(record)) => known.id == record.id, // a primary and a secondary address are one person
            _ => input.key == target.key,
        };
        match inputs.iter_mut().find(same) {
            Some(input) => {
                apply(input, &target, key_property, stages);
                input.targets.push(target);
            }
            None => {
                let mut input = Input {
                    trace: target.trace.clone(),
                    key: target.key.clone(),
                    found: record.cloned(),
                    properties: BTreeMap::new(),
                    targets: Vec::new(),
                };
                if input.found.is_none() {
                    // A new record has to hold its key; sent to a known one, an address could rename its primary one.
                    input.properties.insert(key_property.to_owned(), target.key.clone());
                }
                apply(&mut input, &target, key_property, stages);
                input.targets.push(target);
                inputs.push(input);
            }
        }
    }
    inputs
}

/// Adds what `target` may write to what is sent already. A second action sees the state that the first one leaves.
fn apply(input: &mut Input, target: &Target, key_property: &str, stages: &[String]) {
    // For a second action on a new record, the record exists by then.
    let exists = input.found.is_some() || !input.targets.is_empty();
    for property in &target.properties {
        if property.name == key_property {
            continue;
        }
        let held = input.found.as_ref().and_then(|found| found.properties.get(&property.name));
        let current = input.properties.get(&property.name).or(held).filter(|value| !value.is_empty());
        let send = match (property.policy, exists, current) {
            (WritePolicy::OnCreate, true, _) | (WritePolicy::IfEmpty, _, Some(_)) => false,
            (_, _, Some(current)) => *current != property.value && !moves_back(property, current, stages),
            (_, _, None) => true,
        };
        if send {
            if held == Some(&property.value) {
                // Back to what the portal holds: nothing to send after all.
                input.properties.remove(&property.name);
            } else {
                input.properties.insert(property.name.clone(), property.value.clone());
            }
        }
    }
}

/// HubSpot moves a lifecycle stage forward only; asking it to move back is asking for a surprise.
fn moves_back(property: &Property, current: &str, stages: &[String]) -> bool {
    let place = |stage: &str| match stages {
        [] => LIFECYCLE.iter().position(|known| *known == stage),
        stages => stages.iter().position(|known| known == stage),
    };
    property.name == "lifecyclestage"
        && matches!((place(current), place(&property.value)), (Some(at), Some(to)) if at > to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use WritePolicy::{Always, IfEmpty, OnCreate};

    fn target(number: usize, key: &str, properties: &[(&str, &str, WritePolicy)]) -> Target {
        let property = |(name, value, policy): &(&str, &str, WritePolicy)| Property {
            name: (*name).into(),
            value: (*value).into(),
            policy: *policy,
        };
        Target {
            owner: (number, 0),
            trace: format!("dlv_{number}/0"),
            key: key.into(),
            properties: properties.iter().map(property).collect(),
        }
    }

    fn found(id: &str, properties: &[(&str, &str)]) -> Found {
        Found { id: id.into(), properties: properties.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect() }
    }

    fn sent(input: &Input) -> Vec<(&str, &str)> {
        input.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn policies_decide_what_is_sent() {
        let full = found("1", &[("p", "old")]);
        let empty = found("1", &[("p", "")]);
        let same = found("1", &[("p", "new")]);
        let rows = [
            (Always, None, true),
            (Always, Some(&empty), true),
            (Always, Some(&full), true),
            (Always, Some(&same), false),
            (OnCreate, None, true),
            (OnCreate, Some(&empty), false),
            (OnCreate, Some(&full), false),
            (IfEmpty, None, true),
            (IfEmpty, Some(&empty), true),
            (IfEmpty, Some(&full), false),
        ];
        for (policy, record, sends) in rows {
            let inputs = fold(vec![target(0, "a@x.org", &[("p", "new", policy)])], "email", &[], |_| record);
            assert_eq!(inputs[0].properties.contains_key("p"), sends, "{policy:?} {record:?}");
            assert_eq!(inputs[0].properties.contains_key("email"), record.is_none(), "{policy:?} {record:?}");
        }
    }

    #[test]
    fn two_leads_of_one_person_become_one_input_with_the_state_of_two_calls() {
        let first =
            target(0, "a@x.org", &[("phone", "1", Always), ("status", "NEW", OnCreate), ("name", "Ana", IfEmpty)]);
        let second =
            target(1, "a@x.org", &[("phone", "2", Always), ("status", "OPEN", OnCreate), ("name", "Anna", IfEmpty)]);
        let inputs = fold(vec![first, second], "email", &[], |_| None);
        assert_eq!(inputs.len(), 1);
        assert_eq!(sent(&inputs[0]), [("email", "a@x.org"), ("name", "Ana"), ("phone", "2"), ("status", "NEW")]);
        assert_eq!(inputs[0].targets.iter().map(|t| t.owner.0).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_secondary_address_is_the_same_person_and_is_not_sent() {
        let person = found("7", &[("email", "main@x.org")]);
        let targets = vec![
            target(0, "main@x.org", &[("a", "1", Always)]),
            target(1, "other@x.org", &[("b", "2", Always), ("email", "other@x.org", OnCreate)]),
        ];
        let inputs = fold(targets, "email", &[], |_| Some(&person));
        assert_eq!(inputs.len(), 1);
        assert_eq!(sent(&inputs[0]), [("a", "1"), ("b", "2")]);
    }

    #[test]
    fn what_returns_to_the_held_value_is_not_sent() {
        let person = found("7", &[("phone", "1")]);
        let targets =
            vec![target(0, "a@x.org", &[("phone", "2", Always)]), target(1, "a@x.org", &[("phone", "1", Always)])];
        assert_eq!(sent(&fold(targets, "email", &[], |_| Some(&person))[0]), []);
    }

    #[test]
    fn a_lifecycle_stage_only_moves_forward() {
        for (current, sends) in [("customer", false), ("lead", false), ("subscriber", true), ("own_stage", true)] {
            let person = found("7", &[("lifecyclestage", current)]);
            let inputs = fold(vec![target(0, "a@x.org", &[("lifecyclestage", "lead", Always)])], "email", &[], |_| {
                Some(&person)
            });
            assert_eq!(!inputs[0].properties.is_empty(), sends, "{current}");
        }
        // A portal's own stages, in its own order.
        let stages: Vec<String> = ["lead", "own_stage", "customer"].map(str::to_owned).to_vec();
        for (current, sends) in [("own_stage", false), ("customer", false), ("subscriber", true)] {
            let person = found("7", &[("lifecyclestage", current)]);
            let wanted = vec![target(0, "a@x.org", &[("lifecyclestage", "lead", Always)])];
            let inputs = fold(wanted, "email", &stages, |_| Some(&person));
            assert_eq!(!inputs[0].properties.is_empty(), sends, "{current}");
        }
    }
}

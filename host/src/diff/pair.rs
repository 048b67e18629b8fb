//! Which action of one answer is which of the other.

use crate::contract::actions::Action;

/// An action of either answer, or of both, by position.
pub(super) struct Pair {
    pub(super) before: Option<usize>,
    pub(super) after: Option<usize>,
    /// What people call it; no two pairs are called the same.
    pub(super) label: String,
}

/// Every action of both answers once: those of `before` in their order, then those that only `after` has.
pub(super) fn pairs(before: &[Action], after: &[Action]) -> Vec<Pair> {
    let mut partner: Vec<Option<usize>> = vec![None; before.len()];
    let mut taken = vec![false; after.len()];
    for alike in [same_record, same_kind] {
        for (old, partner) in before.iter().zip(&mut partner).filter(|(_, partner)| partner.is_none()) {
            *partner = (0..after.len()).find(|new| !taken[*new] && alike(old, &after[*new]));
            if let Some(new) = *partner {
                taken[new] = true;
            }
        }
    }
    let paired = partner.into_iter().enumerate().map(|(old, new)| (Some(old), new));
    let added = (0..after.len()).filter(|new| !taken[*new]).map(|new| (None, Some(new)));
    let all: Vec<_> = paired.chain(added).collect();
    let kind_of = |&(old, new): &(Option<usize>, Option<usize>)| {
        old.map(|index| &before[index]).or(new.map(|index| &after[index])).map_or_else(String::new, kind)
    };
    let kinds: Vec<String> = all.iter().map(kind_of).collect();
    let label = |index: usize| {
        let kind = &kinds[index];
        let of_kind = |kinds: &[String]| kinds.iter().filter(|other| *other == kind).count();
        if of_kind(&kinds) == 1 { kind.clone() } else { format!("{kind} {}", of_kind(&kinds[..=index])) }
    };
    let pair = |(index, &(before, after))| Pair { before, after, label: label(index) };
    all.iter().enumerate().map(pair).collect()
}

fn kind(action: &Action) -> String {
    match action {
        Action::UpsertObject(object) => format!("object {}", object.object_type),
        _ => action.label().to_owned(),
    }
}

fn same_kind(one: &Action, other: &Action) -> bool {
    kind(one) == kind(other)
}

/// The same record of the CRM: by its key, and a note by its text.
fn same_record(one: &Action, other: &Action) -> bool {
    same_kind(one, other)
        && match (one, other) {
            (Action::AddNote(one), Action::AddNote(other)) => one.body == other.body,
            _ => one.key() == other.key(),
        }
}

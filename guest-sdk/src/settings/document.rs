//! A JSON object as one flat list, so that a deep document needs neither a deep stack nor a tree.

use std::ops::Range;

/// What a reader found in a JSON text.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// All names and texts without quotes and escapes, one behind the other.
    pub(super) texts: String,
    /// Each value, and behind it what is in it.
    pub(super) nodes: Vec<Node>,
}

/// A value at its place.
#[derive(Debug)]
pub(super) struct Node {
    /// How many lists and objects it is in.
    pub(super) depth: usize,
    /// Empty unless it is a member of an object.
    pub(super) name: Range<usize>,
    pub(super) value: Value,
}

/// A value, as far as settings have use for it.
#[derive(Debug)]
pub(super) enum Value {
    Text(Range<usize>),
    Number(u64),
    List,
    Object,
    Null,
    /// What no setting is: a truth value, a fraction, a number below 0.
    Other,
}

impl Document {
    /// Whether it is an object, and not some other value.
    pub(super) fn is_object(&self) -> bool {
        self.nodes.first().is_some_and(|node| matches!(node.value, Value::Object))
    }

    /// A member of the object and what is in it, as they stand in the list. One that is `null` counts
    /// as missing.
    pub(super) fn member(&self, name: &str) -> Option<(&Value, &[Node])> {
        let at = self
            .nodes
            .iter()
            .position(|node| node.depth == 1 && node.name.len() == name.len() && self.text(&node.name) == name)?;
        let (node, behind) = self.nodes.get(at..)?.split_first()?;
        if matches!(node.value, Value::Null) {
            return None;
        }
        let end = behind.iter().position(|node| node.depth <= 1).unwrap_or(behind.len());
        Some((&node.value, behind.get(..end)?))
    }

    pub(super) fn text(&self, at: &Range<usize>) -> &str {
        self.texts.get(at.clone()).unwrap_or_default()
    }
}

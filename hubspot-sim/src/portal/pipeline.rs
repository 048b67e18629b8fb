//! Pipelines with their stages, and the owners to whom records can be given.

use serde::{Deserialize, Serialize};

use serde_json::{Value, json};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pipeline {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) archived: bool,
    pub(crate) stages: Vec<Stage>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stage {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) probability: String,
    pub(crate) archived: bool,
    pub(crate) writable: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) id: u64,
    /// Records do not take this one, although people mistake it for the owner's id.
    pub(crate) user_id: u64,
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) archived: bool,
}

impl Pipeline {
    /// Stages as id, label and probability.
    pub(crate) fn new(id: &str, label: &str, stages: &[(&str, &str, &str)]) -> Self {
        let stages = stages.iter().map(|&(id, label, probability)| Stage::new(id, label, probability));
        Self { id: id.to_owned(), label: label.to_owned(), archived: false, stages: stages.collect() }
    }

    /// A stage that records may be put into.
    pub(crate) fn open_stage(&self, id: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.id == id && !stage.archived && stage.writable)
    }

    pub(crate) fn to_json(&self, order: usize) -> Value {
        let stages = self.stages.iter().enumerate().map(|(order, stage)| stage.to_json(order));
        json!({
            "id": self.id, "label": self.label, "displayOrder": order, "archived": self.archived,
            "stages": stages.collect::<Vec<_>>(),
        })
    }
}

impl Stage {
    pub(crate) fn new(id: &str, label: &str, probability: &str) -> Self {
        Self {
            id: id.to_owned(),
            label: label.to_owned(),
            probability: probability.to_owned(),
            archived: false,
            writable: true,
        }
    }

    fn to_json(&self, order: usize) -> Value {
        let is_closed = matches!(self.probability.as_str(), "0.0" | "1.0");
        json!({
            "id": self.id, "label": self.label, "displayOrder": order, "archived": self.archived,
            "metadata": {"isClosed": is_closed.to_string(), "probability": self.probability},
            "writePermissions": if self.writable { "CRM_PERMISSIONS_ENFORCEMENT" } else { "READ_ONLY" },
        })
    }
}

impl Owner {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": self.id.to_string(), "email": self.email, "type": "PERSON", "firstName": self.first_name,
            "lastName": self.last_name, "userId": self.user_id, "archived": self.archived,
        })
    }
}

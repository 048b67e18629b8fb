//! Every change of a record: first the check of the whole record, then the writing of it.
//!
//! The two are apart, so that a batch can be refused with nothing written.

mod check;
mod commit;
mod deal;
mod doubled;
mod email;
mod merge;
mod value;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::answer::Refusal;

pub(crate) use check::{Claims, check};
pub(crate) use commit::{archive, commit, erase};
pub(crate) use deal::DEFAULT_PIPELINE;
pub(crate) use doubled::look as look_for_doubles;
pub(crate) use email::is_valid as is_valid_email;
pub(crate) use merge::{keep_address, merge};

/// A record as it will be written: checked, with its values in the form that is stored.
#[derive(Debug)]
pub(crate) struct Draft {
    /// `None` makes a new record.
    pub(crate) target: Option<u64>,
    pub(crate) values: Vec<(Arc<str>, String)>,
    /// Values that were put right.
    pub(crate) warnings: Vec<Warning>,
    /// Values that the write takes away without having been asked to.
    pub(crate) blanks: Vec<Arc<str>>,
    pub(crate) links: Vec<Link>,
}

/// A link to a record that exists, seen from the new one.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) to_type: String,
    pub(crate) to: u64,
    pub(crate) type_id: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Warning {
    pub(crate) property: Arc<str>,
    pub(crate) raw: String,
    pub(crate) stored: String,
}

impl Warning {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "category": "PROPERTY_VALUE_NORMALIZED",
            "message": format!("the value of {} was put into its proper form", self.property),
            "context": {"propertyName": &*self.property, "rawValue": self.raw, "normalizedValue": self.stored},
        })
    }
}

/// Another record has this address or unique value already, or is about to get it.
fn taken(word: &str, by: Option<u64>) -> Refusal {
    let word = if word == "CONTACT" { "Contact" } else { "Object" };
    match by {
        Some(id) => Refusal::conflict(format!("{word} already exists. Existing ID: {id}"))
            .with_context("existingId", vec![id.to_string()]),
        None => Refusal::conflict(format!("{word} already exists.")),
    }
}

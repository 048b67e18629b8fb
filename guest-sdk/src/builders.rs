//! Builders for the actions of the contract. They are the generated records themselves, so whatever
//! a builder does not cover is set on the public fields.

pub use crate::bindings::leadline::transform::actions::{Contact, Deal, Note, Object};
use crate::bindings::leadline::transform::actions::{MatchKey, Property, PropertyValue};
use crate::{Action, ActionIndex, Timestamp, WritePolicy};

/// The actions of one run, in order. Each method answers the index by which later actions name it.
#[derive(Debug, Default)]
pub struct Actions(Vec<Action>);

impl Actions {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a contact to create or update.
    pub fn contact(&mut self, contact: Contact) -> ActionIndex {
        self.push(Action::UpsertContact(contact))
    }

    /// Adds a deal to create or update.
    pub fn deal(&mut self, deal: Deal) -> ActionIndex {
        self.push(Action::UpsertDeal(deal))
    }

    /// Adds a note.
    pub fn note(&mut self, note: Note) -> ActionIndex {
        self.push(Action::AddNote(note))
    }

    /// Adds any other CRM object to create or update.
    pub fn object(&mut self, object: Object) -> ActionIndex {
        self.push(Action::UpsertObject(object))
    }

    fn push(&mut self, action: Action) -> ActionIndex {
        self.0.push(action);
        // The host allows 50 actions, so an index always fits.
        (self.0.len() - 1) as ActionIndex
    }
}

impl From<Actions> for Vec<Action> {
    fn from(actions: Actions) -> Self {
        actions.0
    }
}

/// Setting properties, the same way on contacts, deals and other objects.
pub trait Properties {
    /// The list that the methods below write to.
    fn properties(&mut self) -> &mut Vec<Property>;

    /// Sets a property; a second value takes the place of the first. An empty value is left out,
    /// because the CRM would clear what it holds.
    fn set(&mut self, name: &str, value: impl Into<String>, policy: WritePolicy) {
        set(self.properties(), name, value.into(), policy);
    }

    /// Sets a property whatever the CRM holds.
    fn always(&mut self, name: &str, value: impl Into<String>) {
        self.set(name, value, WritePolicy::Always);
    }

    /// Sets a property of a record that does not exist yet.
    fn on_create(&mut self, name: &str, value: impl Into<String>) {
        self.set(name, value, WritePolicy::OnCreate);
    }

    /// Sets a property that holds no value yet.
    fn if_empty(&mut self, name: &str, value: impl Into<String>) {
        self.set(name, value, WritePolicy::IfEmpty);
    }
}

impl Properties for Contact {
    fn properties(&mut self) -> &mut Vec<Property> {
        &mut self.properties
    }
}

impl Properties for Deal {
    fn properties(&mut self) -> &mut Vec<Property> {
        &mut self.properties
    }
}

impl Properties for Object {
    fn properties(&mut self) -> &mut Vec<Property> {
        &mut self.properties
    }
}

impl Contact {
    /// A contact that its e-mail address recognises. The address is also written to a new record.
    pub fn by_email(address: impl Into<String>) -> Self {
        let address = address.into();
        let mut contact = Self { key: MatchKey::Email(address.clone()), properties: Vec::with_capacity(16) };
        // On an existing contact it would replace the primary address by a secondary one.
        contact.on_create("email", address);
        contact
    }

    /// A contact that a unique property recognises. The property is also written to a new record.
    pub fn by_unique(property: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        let mut contact = Self { key: unique(property, value.clone()), properties: Vec::with_capacity(16) };
        contact.on_create(property, value);
        contact
    }
}

impl Deal {
    /// A deal that a unique property recognises, in a stage of a pipeline (internal ids, not
    /// labels). The host writes name, pipeline and stage on create only.
    pub fn by_unique(property: &str, value: impl Into<String>) -> Self {
        Self {
            key: PropertyValue { name: property.into(), value: value.into() },
            name: String::new(),
            pipeline: String::new(),
            stage: String::new(),
            properties: Vec::new(),
            contacts: Vec::new(),
        }
    }

    /// What the deal is called.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Where the deal starts: internal ids, not labels.
    pub fn in_stage(mut self, pipeline: impl Into<String>, stage: impl Into<String>) -> Self {
        self.pipeline = pipeline.into();
        self.stage = stage.into();
        self
    }

    /// A contact of the deal, by the index that [`Actions::contact`] gave.
    pub fn with_contact(mut self, contact: ActionIndex) -> Self {
        self.contacts.push(contact);
        self
    }
}

impl Note {
    /// A note of plain text; the host escapes it.
    pub fn new(body: impl Into<String>, at: Timestamp) -> Self {
        Self { body: body.into(), at, about: Vec::new() }
    }

    /// A record on whose timeline the note stands, by the index of its action.
    pub fn about(mut self, record: ActionIndex) -> Self {
        self.about.push(record);
        self
    }
}

impl Object {
    /// Any other CRM object, by its object type id and a unique property.
    pub fn by_unique(object_type: &str, property: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        let mut object = Self {
            object_type: object_type.into(),
            key: unique(property, value.clone()),
            properties: Vec::new(),
            associated_with: Vec::new(),
        };
        object.on_create(property, value);
        object
    }

    /// A record that the object belongs to, by the index of its action.
    pub fn associated_with(mut self, record: ActionIndex) -> Self {
        self.associated_with.push(record);
        self
    }
}

/// The one copy of [`Properties::set`] in a component.
fn set(properties: &mut Vec<Property>, name: &str, value: String, policy: WritePolicy) {
    if value.is_empty() {
        return;
    }
    match properties.iter_mut().find(|known| known.name == name) {
        Some(known) => (known.value, known.policy) = (value, policy),
        None => properties.push(Property { name: name.into(), value, policy }),
    }
}

fn unique(property: &str, value: String) -> MatchKey {
    MatchKey::Unique(PropertyValue { name: property.into(), value })
}

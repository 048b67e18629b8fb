//! For authors of transformations: write a type that implements [`Transformation`], hand it to
//! [`export!`], and build for `wasm32-unknown-unknown`.
//!
//! ```
//! use guest_sdk::{Action, Actions, Contact, Event, Manifest, Payload, Properties, Refusal, Transformation};
//!
//! struct NamesOnly;
//!
//! impl Transformation for NamesOnly {
//!     fn describe() -> Manifest {
//!         guest_sdk::manifest::for_leads("names-only", "Writes the name and nothing else.", "{}")
//!     }
//!
//!     fn transform(event: Event, _settings: &str) -> Result<Vec<Action>, Refusal> {
//!         let Payload::LeadCaptured(lead) = event.payload else {
//!             return Err(Refusal::Skip("only leads make a contact".into()));
//!         };
//!         let mut contact = Contact::by_unique("leadline_lead_id", lead.id);
//!         if let Some(name) = lead.name {
//!             contact.always("firstname", name);
//!         }
//!         let mut actions = Actions::new();
//!         actions.contact(contact);
//!         Ok(actions.into())
//!     }
//! }
//!
//! guest_sdk::export!(NamesOnly);
//! ```
//!
//! Let `crate-type` be `["cdylib"]` alone, or build with `cargo rustc --crate-type cdylib`: next to an
//! `rlib` cargo leaves out link-time optimisation, and the component is half as large again.
//!
//! Natively, `cargo test` calls the same function; [`testing`] shows what was logged and dropped.

mod transformation;

mod builders;
pub mod log;
pub mod manifest;
pub mod mapping;
pub mod settings;
pub mod testing;

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#[doc(hidden)]
pub mod memory;

pub mod bindings;

pub use bindings::Refusal;
pub use bindings::leadline::transform::actions::{Action, ActionIndex, WritePolicy};
pub use bindings::leadline::transform::events::{
    Budget, CarouselClick, Consent, ConversationNote, Dealership, Event, Lead, Payload, Session, Timestamp, Vehicle,
};
pub use bindings::leadline::transform::manifest::{Manifest, PropertyDefinition, PropertyKind};
pub use builders::{Actions, Contact, Deal, Note, Object, Properties};
pub use transformation::Transformation;

#[doc(hidden)]
pub use transformation::report_panics;

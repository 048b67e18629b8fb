//! How a lead becomes CRM values. Our own transformations share it, and other authors may pick from
//! it. [`Facts`] reads the lead once; [`contact()`] and [`note()`] write what the facts say.
//!
//! One file a concern, pure functions, tables of examples beside them. Only [`Facts::of`] logs.

mod contact;
mod facts;
mod note;
mod properties;
mod settings;

pub mod budget;
pub mod choice;
pub mod email;
pub mod moment;
pub mod name;
pub mod number;
pub mod phone;
pub mod text;
pub mod vehicle;

pub use contact::contact;
pub use facts::{Facts, lead};
pub use name::Name;
pub use note::note;
pub use properties::contact_properties;
pub use settings::{CONTACT_FIELDS, ContactSettings, check_target};

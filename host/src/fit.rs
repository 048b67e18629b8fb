//! Whether what we want fits a portal: a value, a definition, a setting, and whatever waits for the portal to change.
//! Pure: everything is asked of a [`crate::model::portal::PortalSchema`] that was read before.

mod definition;
mod gone;
mod setting;
mod value;

pub use definition::{PropertyState, compare, hubspot_kind, suggestion, words_of_kind};
pub use gone::{Gone, drop_subject, is_gone, may_fit_later, option_subject};
pub use setting::{Misfit, Needs, check_settings, check_stage, needs, offered};
pub use value::Judged;

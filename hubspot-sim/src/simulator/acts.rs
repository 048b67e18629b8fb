//! Acts of people by the handle, with short words for the usual ones.

use std::collections::BTreeMap;

use super::Simulator;
use crate::act::{self, Act};
use crate::answer::Refusal;
use crate::portal::schema::NewProperty;
use crate::world::locked;

impl Simulator {
    /// Carries out what a person does in a portal, and answers with the id of the record it was about.
    ///
    /// # Panics
    /// If the portal refuses it, as all the acts below: a scene that is set wrongly must not go on.
    pub fn act(&self, portal: i64, act: Act) -> Option<String> {
        let shown = format!("{act:?}");
        let done = act::perform(&self.world, &mut locked(&self.state(portal)), act);
        self.world.progress.send_modify(|_| ());
        done.unwrap_or_else(|refusal| refused(&shown, &refusal))
    }

    pub fn create_record(&self, portal: i64, object_type: &str, properties: &[(&str, &str)]) -> String {
        let act = Act::CreateRecord { object_type: object_type.to_owned(), properties: owned(properties) };
        self.act(portal, act).unwrap_or_default()
    }

    pub fn edit_record(&self, portal: i64, object_type: &str, id: &str, properties: &[(&str, &str)]) {
        let (object_type, id) = (object_type.to_owned(), id.to_owned());
        self.act(portal, Act::EditRecord { object_type, id, properties: owned(properties) });
    }

    pub fn archive_record(&self, portal: i64, object_type: &str, id: &str) {
        self.act(portal, Act::ArchiveRecord { object_type: object_type.to_owned(), id: id.to_owned() });
    }

    pub fn add_property(&self, portal: i64, object_type: &str, property: NewProperty) {
        self.act(portal, Act::AddProperty { object_type: object_type.to_owned(), property });
    }

    pub fn archive_property(&self, portal: i64, object_type: &str, name: &str) {
        self.act(portal, Act::ArchiveProperty { object_type: object_type.to_owned(), name: name.to_owned() });
    }

    pub fn revoke_token(&self, portal: i64) {
        self.act(portal, Act::RevokeToken);
    }

    pub fn restore_token(&self, portal: i64) {
        self.act(portal, Act::RestoreToken);
    }
}

fn owned(properties: &[(&str, &str)]) -> BTreeMap<String, String> {
    properties.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn refused(act: &str, refusal: &Refusal) -> ! {
    panic!("the portal refuses this: {act}: {}", refusal.message)
}

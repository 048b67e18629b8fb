//! The acts of people, as forms.

use std::collections::BTreeMap;

use serde_json::json;

use super::forms::Kind::{Flag, Number, Pairs, Text};
use super::forms::{self, Field, field};
use crate::act::{self, Act};
use crate::answer::Refusal;
use crate::html::escape;
use crate::portal::PortalState;
use crate::request::Request;
use crate::world::World;

/// One act: its name, what the button says, and its fields.
type Form = (&'static str, &'static str, &'static [Field]);

const TYPE: Field = field("object_type", "Type", Text);
const ID: Field = field("id", "Record", Text);
const NAME: Field = field("name", "Property", Text);
const PROPERTY: Field = field("property", "Property", Text);
const PIPELINE: Field = field("pipeline", "Pipeline", Text);
const STAGE: Field = field("stage", "Stage", Text);
const CLIENT: Field = field("client_id", "Client id", Text);
const SCOPE: Field = field("scope", "Scope", Text);
const VALUES: Field = field("properties", "Values", Pairs);
const VALUE: Field = field("value", "Value", Text);
const LABEL: Field = field("label", "Label", Text);
const RULE: Field = field("rule", "Rule", Text);
const ARGUMENT: Field = field("argument", "Argument", Text);
const CONTACT: Field = field("contact", "Contact", Text);
const OWNER: Field = field("id", "Owner", Number);

const RECORDS: &[Form] = &[
    ("create_record", "Create a record", &[TYPE, VALUES]),
    ("edit_record", "Edit a record", &[TYPE, ID, VALUES]),
    ("archive_record", "Archive a record", &[TYPE, ID]),
    ("restore_record", "Restore a record", &[TYPE, ID]),
    ("merge_records", "Merge records", &[TYPE, field("winner", "Stays", Text), field("loser", "Goes", Text)]),
    ("add_address", "Add an address", &[CONTACT, field("address", "Address", Text)]),
    ("erase_contact", "Erase a contact", &[CONTACT]),
];

const PROPERTIES: &[Form] = &[
    (
        "add_property",
        "Add a property",
        &[
            TYPE,
            field("property.name", "Name", Text),
            field("property.label", "Label", Text),
            field("property.groupName", "Group", Text),
            field("property.type", "Kind", Text),
            field("property.fieldType", "Field", Text),
            field("property.hasUniqueValue", "Unique", Flag),
        ],
    ),
    ("archive_property", "Archive a property", &[TYPE, NAME]),
    ("restore_property", "Restore a property", &[TYPE, NAME]),
    ("set_read_only", "Set read-only", &[TYPE, PROPERTY, field("read_only", "Read-only", Flag)]),
    ("set_sensitive", "Set sensitive", &[TYPE, PROPERTY, field("sensitive", "Sensitive", Flag)]),
    (
        "change_type",
        "Change the type",
        &[TYPE, PROPERTY, field("kind", "Kind", Text), field("field_type", "Field", Text)],
    ),
    ("add_option", "Add an option", &[TYPE, PROPERTY, VALUE, LABEL]),
    ("rename_option", "Rename an option", &[TYPE, PROPERTY, VALUE, LABEL]),
    ("remove_option", "Remove an option", &[TYPE, PROPERTY, VALUE]),
    ("require_property", "Require a property", &[TYPE, PROPERTY]),
    ("release_property", "Require it no longer", &[TYPE, PROPERTY]),
    ("add_rule", "Add a rule", &[TYPE, PROPERTY, RULE, ARGUMENT]),
    ("change_rule", "Change a rule", &[TYPE, PROPERTY, RULE, ARGUMENT]),
    ("remove_rules", "Remove the rules", &[TYPE, PROPERTY]),
    ("add_object_type", "Add an object type", &[TYPE, LABEL]),
];

const PIPELINES: &[Form] = &[
    ("add_pipeline", "Add a pipeline", &[PIPELINE, LABEL]),
    ("add_stage", "Add a stage", &[PIPELINE, STAGE, LABEL]),
    ("archive_stage", "Archive a stage", &[PIPELINE, STAGE]),
    ("lock_stage", "Lock a stage", &[PIPELINE, STAGE, field("locked", "Locked", Flag)]),
    ("archive_pipeline", "Archive a pipeline", &[PIPELINE]),
    ("restore_pipeline", "Restore a pipeline", &[PIPELINE]),
    (
        "add_owner",
        "Add an owner",
        &[OWNER, field("user_id", "User", Number), field("email", "Email", Text), field("name", "Name", Text)],
    ),
    ("archive_owner", "Archive an owner", &[OWNER]),
];

const ACCESS: &[Form] = &[
    ("revoke_token", "Revoke the portal's token", &[]),
    ("restore_token", "Restore the portal's token", &[]),
    ("uninstall_app", "Uninstall an app", &[CLIENT]),
    ("revoke_install", "Revoke an app's refresh token", &[CLIENT]),
    ("take_scope", "Take a scope away", &[SCOPE]),
    ("grant_scope", "Give a scope back", &[SCOPE]),
    ("delete_portal", "Close the account", &[]),
];

const GROUPS: [(&str, &[Form]); 4] =
    [("Records", RECORDS), ("Properties", PROPERTIES), ("Pipelines and owners", PIPELINES), ("Access", ACCESS)];

/// All acts; what stands in the page's address is filled in.
pub(super) fn acts(request: &Request) -> String {
    let given: BTreeMap<String, String> = request.query.iter().cloned().collect();
    let done = given.get("done").map(|done| format!("<p class=\"good\">Done: {}.</p>", escape(done)));
    let groups = GROUPS.iter().map(|(title, group)| {
        let forms = group.iter().map(|(act, button, fields)| forms::draw(&[("act", act)], fields, &given, button));
        format!("<section><h2>{title}</h2>{}</section>", forms.collect::<String>())
    });
    format!("{}{}", done.unwrap_or_default(), groups.collect::<String>())
}

/// Carries out what a form asks for, and says what it was.
pub(super) fn carry_out(world: &World, portal: &mut PortalState, request: &Request) -> Result<String, Refusal> {
    let sent = forms::sent(request);
    let name = sent.get("act").map(String::as_str).unwrap_or_default();
    let mut groups = GROUPS.iter().flat_map(|(_, group)| group.iter());
    let form = groups.find(|(act, ..)| *act == name);
    let (act, button, fields) = form.ok_or_else(|| Refusal::bare(400, format!("there is no act {name}")))?;
    let mut body = forms::to_json(fields, &sent)?;
    body["act"] = json!(act);
    let act: Act = serde_json::from_value(body).map_err(|error| Refusal::bare(400, error.to_string()))?;
    let id = act::perform(world, portal, act)?;
    Ok(id.map_or_else(|| (*button).to_owned(), |id| format!("{button}, {id}")))
}

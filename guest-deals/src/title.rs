//! What a deal is called.

use guest_sdk::Refusal;
use guest_sdk::mapping::{Facts, Name, text};

/// The name of a deal where the account sets none.
pub(crate) const TEMPLATE: &str = "{vehicle} – {name}";

/// Fills a template. The text between two parts is written only if a part stands on either side, and
/// the text after the last part only if that part stands in its place; so a missing name leaves
/// "2024 Toyota RAV4" without a dash. If no part is known, the lead's id has to do.
pub(crate) fn title(template: &str, facts: &Facts) -> Result<String, Refusal> {
    // A lead without a name is known by its address or number.
    let full_name = facts.name.as_ref().map(Name::full);
    let name = full_name.as_deref().or(facts.email.as_deref()).or(facts.phone.as_deref());
    let mut pieces = text::split(template, b'{');
    let mut title = String::from(pieces.next().unwrap_or_default());
    let mut between = "";
    let mut filled = false;
    let mut in_place = true;
    for (index, piece) in pieces.enumerate() {
        let (part, after) = text::split_once(piece, b'}').ok_or_else(|| unknown(piece))?;
        let value = value(part, name, facts)?;
        in_place = value.is_some() && (filled || index == 0);
        if let Some(value) = value {
            if filled {
                title.push_str(between);
            }
            title.push_str(value);
            filled = true;
        }
        between = after;
    }
    if !filled && template.contains('{') {
        return Ok(text::joined(&["Lead ", &facts.lead_id]));
    }
    if in_place {
        title.push_str(between);
    }
    Ok(title.trim_ascii().into())
}

/// What a part stands for.
fn value<'a>(part: &str, name: Option<&'a str>, facts: &'a Facts) -> Result<Option<&'a str>, Refusal> {
    match part {
        "vehicle" => Ok(facts.vehicle.as_deref()),
        "name" => Ok(name),
        "email" => Ok(facts.email.as_deref()),
        "phone" => Ok(facts.phone.as_deref()),
        "budget" => Ok(facts.budget.as_deref()),
        "dealership" => Ok(facts.dealership_name.as_deref()),
        "origin" => Ok(facts.origin.as_deref()),
        _ => Err(unknown(part)),
    }
}

fn unknown(part: &str) -> Refusal {
    let known = "vehicle, name, email, phone, budget, dealership or origin";
    Refusal::Invalid(text::joined(&["setting `name_template`: no part is called `", part, "`; use ", known]))
}

#[cfg(test)]
mod tests {
    use guest_sdk::mapping::name;

    use super::*;

    fn facts(vehicle: &str, name: &str) -> Facts {
        Facts {
            lead_id: "lead_1".into(),
            vehicle: (!vehicle.is_empty()).then(|| vehicle.into()),
            name: name::split(name),
            phone: Some("+13055550187".into()).filter(|_| name == "no name"),
            ..Facts::default()
        }
    }

    #[test]
    fn a_template_is_filled_from_what_is_known() {
        for (template, vehicle, name, expected) in [
            (TEMPLATE, "Honda CR-V", "Maya Lind", "Honda CR-V – Maya Lind"),
            (TEMPLATE, "Honda CR-V", "Lind, Maya", "Honda CR-V – Maya Lind"),
            (TEMPLATE, "Honda CR-V", "", "Honda CR-V"),
            (TEMPLATE, "", "Maya Lind", "Maya Lind"),
            (TEMPLATE, "", "", "Lead lead_1"),
            ("Chat: {vehicle} – {name}", "", "Maya", "Chat: Maya"),
            ("{vehicle} ({name})", "Honda CR-V", "Maya", "Honda CR-V (Maya)"),
            ("{vehicle} ({name})", "Honda CR-V", "", "Honda CR-V"),
            ("{vehicle} ({name})", "", "Maya", "Maya"),
            ("{vehicle} / {budget} / {name}", "Honda CR-V", "Maya", "Honda CR-V / Maya"),
            ("New lead", "Honda CR-V", "Maya", "New lead"),
        ] {
            assert_eq!(title(template, &facts(vehicle, name)), Ok(expected.into()), "{template:?}");
        }
    }

    #[test]
    fn a_person_without_a_name_is_known_by_address_or_number() {
        let nameless = Facts { name: None, ..facts("Honda CR-V", "no name") };
        assert_eq!(title(TEMPLATE, &nameless), Ok("Honda CR-V – +13055550187".into()));
    }

    #[test]
    fn an_unknown_part_is_refused_by_name() {
        for (template, part) in [("{colour}", "`colour`"), ("{name", "`name`")] {
            let refusal = format!("{:?}", title(template, &facts("Honda CR-V", "Maya")));
            assert!(refusal.contains("setting `name_template`") && refusal.contains(part), "{refusal}");
        }
    }
}

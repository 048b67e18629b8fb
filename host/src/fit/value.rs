//! One value against the property that is to take it. Asked for every property of every lead, so what fits costs no
//! memory. Only what is sure is refused here; the rest is left to HubSpot.

use crate::cause::Code;
use crate::model::portal::{CONTACT, DEAL, PortalSchema, PropertyInfo, PropertyOption};

/// HubSpot's limit for any text, in UTF-16 units.
const TEXT_UNITS_MAX: usize = 65_536;
/// Options that a sentence names; people look the others up in HubSpot.
const OPTIONS_NAMED_MAX: usize = 8;

/// What becomes of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is sent as it is.
    Fine,
    /// This is what was meant, in the way that HubSpot takes it.
    Mended(String),
    /// HubSpot would refuse it, and the whole record with it: why, in plain words.
    Bad(Code, String),
}

impl PortalSchema {
    /// Judges a value that is to be written. A property of an object type that was not read is fine: nobody knows better.
    pub fn judge(&self, object_type: &str, name: &str, value: &str) -> Judged {
        let Some(properties) = self.objects.get(object_type) else {
            return Judged::Fine;
        };
        let Some(property) = properties.get(name) else {
            return Judged::Bad(Code::PropertyMissing, format!("HubSpot has no property `{name}`"));
        };
        if property.archived {
            return Judged::Bad(Code::PropertyArchived, format!("`{name}` is archived in HubSpot"));
        }
        if property.read_only {
            return Judged::Bad(Code::PropertyReadOnly, format!("HubSpot fills `{name}` itself"));
        }
        // These are lists of their own; the options of the properties say nothing.
        match name {
            "hubspot_owner_id" => return self.judge_owner(value),
            "pipeline" if object_type == DEAL => return self.judge_pipeline(value),
            "dealstage" if object_type == DEAL => return self.judge_stage(value),
            _ => {}
        }
        let judged = property.judge_kind(name, value);
        let broken = match &judged {
            Judged::Fine => property.broken_rule(name, value),
            Judged::Mended(mended) => property.broken_rule(name, mended),
            Judged::Bad(..) => None,
        };
        broken.map_or(judged, |words| Judged::Bad(Code::PropertyRule, words))
    }

    /// The lifecycle stages of the portal, in the order in which HubSpot moves a contact forward. Empty where contacts
    /// were not read.
    pub fn lifecycle_order(&self) -> Vec<&str> {
        let stages = self.objects.get(CONTACT).and_then(|contact| contact.get("lifecyclestage"));
        stages.map_or_else(Vec::new, |stages| stages.options.iter().map(|option| option.value.as_str()).collect())
    }

    fn judge_owner(&self, value: &str) -> Judged {
        match &self.owners {
            Some(owners) if !owners.iter().any(|owner| owner.id == value) => {
                Judged::Bad(Code::OwnerUnknown, format!("no user of HubSpot who can own records has the id `{value}`"))
            }
            _ => Judged::Fine,
        }
    }

    fn judge_pipeline(&self, value: &str) -> Judged {
        match self.pipeline(value) {
            Err(words) => Judged::Bad(Code::PipelineMissing, words),
            Ok(_) => Judged::Fine,
        }
    }

    fn judge_stage(&self, value: &str) -> Judged {
        let Some(pipelines) = &self.pipelines else {
            return Judged::Fine;
        };
        let mut stages = pipelines.iter().filter(|pipeline| !pipeline.archived).flat_map(|pipeline| &pipeline.stages);
        if stages.any(|stage| stage.id == value && !stage.archived && stage.writable) {
            return Judged::Fine;
        }
        Judged::Bad(
            Code::StageMissing,
            format!("no pipeline of HubSpot has a stage `{value}` that deals can be put into"),
        )
    }
}

impl PropertyInfo {
    /// Whether the property takes several options at once, as `a;b`.
    pub fn takes_several(&self) -> bool {
        self.field_type == "checkbox"
    }

    /// What people call it, else its name.
    pub fn called<'a>(&'a self, name: &'a str) -> &'a str {
        if self.label.is_empty() { name } else { &self.label }
    }

    /// The value against the type of the property.
    fn judge_kind(&self, name: &str, value: &str) -> Judged {
        let fits = match self.kind.as_str() {
            "enumeration" => return self.judge_options(name, value),
            "bool" => return self.judge_bool(name, value),
            "string" => {
                if value.len() > TEXT_UNITS_MAX && value.encode_utf16().count() > TEXT_UNITS_MAX {
                    let words = format!("`{name}` takes {TEXT_UNITS_MAX} characters at most");
                    return Judged::Bad(Code::PropertyRule, words);
                }
                return Judged::Fine;
            }
            "number" => is_number as fn(&str) -> bool,
            "date" => is_date,
            "datetime" => is_datetime,
            _ => return Judged::Fine,
        };
        let trimmed = value.trim();
        if fits(trimmed) {
            return if trimmed.len() == value.len() { Judged::Fine } else { Judged::Mended(trimmed.to_owned()) };
        }
        // A moment where a day is asked for means its day; one with another offset is written in UTC.
        if let Ok(moment) = trimmed.parse::<jiff::Timestamp>() {
            match self.kind.as_str() {
                "date" => return Judged::Mended(moment.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()),
                "datetime" => return Judged::Mended(moment.to_string()),
                _ => {}
            }
        }
        let wanted = match self.kind.as_str() {
            "number" => "a number with a dot and without other marks",
            "date" => "a day such as 2026-12-23",
            _ => "a time such as 2026-12-23T08:00:00Z",
        };
        Judged::Bad(Code::PropertyWrongType, format!("{} takes {wanted}, not `{value}`", self.called(name)))
    }

    fn judge_bool(&self, name: &str, value: &str) -> Judged {
        if matches!(value, "true" | "false") {
            return Judged::Fine;
        }
        let meant = ["true", "false"].into_iter().find(|known| same(known, value));
        let meant = meant.or_else(|| Some(self.option_like(value)?.value.as_str()));
        meant.map_or_else(
            || {
                Judged::Bad(
                    Code::PropertyWrongType,
                    format!("{} takes true or false, not `{value}`", self.called(name)),
                )
            },
            |meant| Judged::Mended(meant.to_owned()),
        )
    }

    fn judge_options(&self, name: &str, value: &str) -> Judged {
        // HubSpot keeps the options of some properties elsewhere.
        if self.options.is_empty() || self.has_option(value) {
            return Judged::Fine;
        }
        if !self.takes_several() {
            return match self.option_like(value) {
                Some(option) => Judged::Mended(option.value.clone()),
                None => self.unknown_option(name, value),
            };
        }
        let parts = || value.split(';').filter(|part| !part.trim().is_empty());
        // A semicolon in front would add to what is there, instead of replacing it.
        if !value.starts_with(';') && parts().all(|part| self.has_option(part)) {
            return Judged::Fine;
        }
        let mut meant = Vec::new();
        for part in parts() {
            match self.option_like(part) {
                Some(option) => meant.push(option.value.as_str()),
                None => return self.unknown_option(name, part.trim()),
            }
        }
        if meant.is_empty() {
            return self.unknown_option(name, value); // nothing chosen would clear what is there
        }
        Judged::Mended(meant.join(";"))
    }

    fn unknown_option(&self, name: &str, value: &str) -> Judged {
        let named: Vec<_> =
            self.options.iter().take(OPTIONS_NAMED_MAX).map(|option| format!("`{}`", option.value)).collect();
        let more = self.options.len().saturating_sub(OPTIONS_NAMED_MAX);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let words =
            format!("`{value}` is not an option of {}; there are {}{more}", self.called(name), named.join(", "));
        Judged::Bad(Code::OptionUnknown, words)
    }

    /// Whether this is the internal value of an option.
    pub fn has_option(&self, value: &str) -> bool {
        self.options.iter().any(|option| option.value == value)
    }

    /// The option that is meant: by its value, else by its label, whatever the case.
    fn option_like(&self, text: &str) -> Option<&PropertyOption> {
        let by_value = self.options.iter().find(|option| same(&option.value, text));
        by_value.or_else(|| self.options.iter().find(|option| same(&option.label, text)))
    }

    /// The first rule of the portal's admin that the value surely breaks, in plain words.
    fn broken_rule(&self, name: &str, value: &str) -> Option<String> {
        self.rules.iter().find_map(|(rule, arguments)| {
            let argument = arguments.first()?;
            let limit: f64 = argument.parse().ok()?;
            let number = || value.trim().parse::<f64>().ok();
            // How HubSpot counts a character outside of the basic plane is not known: the count in our disfavour decides.
            let broken = match rule.as_str() {
                "MAX_LENGTH" => value.chars().count() as f64 > limit,
                "MIN_LENGTH" => (value.encode_utf16().count() as f64) < limit,
                "MAX_NUMBER" => number()? > limit,
                "MIN_NUMBER" => number()? < limit,
                _ => false,
            };
            let bound = match rule.as_str() {
                "MAX_LENGTH" => "at most {} characters",
                "MIN_LENGTH" => "at least {} characters",
                "MAX_NUMBER" => "at most {}",
                _ => "at least {}",
            };
            let bound = bound.replace("{}", argument);
            broken.then(|| format!("a rule in HubSpot wants {bound} for {}, not `{}`", self.called(name), shown(value)))
        })
    }
}

/// A value as a sentence quotes it.
fn shown(value: &str) -> String {
    crate::text::cut(value, 60)
}

/// Equal but for case and blanks around.
fn same(one: &str, other: &str) -> bool {
    let lower = |text: &str| text.trim().chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
    one.trim().len().abs_diff(other.trim().len()) <= 4 && lower(one) == lower(other)
}

/// One dot, no marks between thousands, no exponent.
fn is_number(value: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    match unsigned.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(unsigned),
    }
}

const DAY_MILLIS: i64 = 86_400_000;

/// A day, or the milliseconds of its midnight in UTC.
fn is_date(value: &str) -> bool {
    is_day(value) || value.parse::<i64>().is_ok_and(|millis| is_moment(millis) && millis % DAY_MILLIS == 0)
}

/// A time in UTC, a day, or milliseconds.
fn is_datetime(value: &str) -> bool {
    is_day(value)
        || value.parse::<i64>().is_ok_and(is_moment)
        || (value.ends_with('Z') && value.parse::<jiff::Timestamp>().is_ok())
}

fn is_day(value: &str) -> bool {
    value.len() == 10 && value.parse::<jiff::civil::Date>().is_ok()
}

fn is_moment(millis: i64) -> bool {
    jiff::Timestamp::from_millisecond(millis).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::portal::{Owner, Pipeline, Stage};
    use std::collections::BTreeMap;

    fn property(kind: &str, field_type: &str) -> PropertyInfo {
        let option = |(value, label): (&str, &str)| PropertyOption { value: value.into(), label: label.into() };
        let options = match kind {
            "enumeration" => vec![("high", "High"), ("medium", "Medium priority"), ("low", "Low")],
            "bool" => vec![("true", "Yes"), ("false", "No")],
            _ => vec![],
        };
        PropertyInfo {
            label: "Prop".into(),
            kind: kind.into(),
            field_type: field_type.into(),
            options: options.into_iter().map(option).collect(),
            ..PropertyInfo::default()
        }
    }

    fn schema(object_type: &str, properties: &[(&str, PropertyInfo)]) -> PortalSchema {
        let properties: BTreeMap<_, _> =
            properties.iter().map(|(name, property)| ((*name).to_owned(), property.clone())).collect();
        PortalSchema { objects: BTreeMap::from([(object_type.to_owned(), properties)]), ..PortalSchema::default() }
    }

    fn mended(text: &'static str) -> Result<Option<&'static str>, Code> {
        Ok(Some(text))
    }

    #[test]
    fn values_are_fine_mended_or_bad() {
        let fine = Ok(None);
        let wrong = Err(Code::PropertyWrongType);
        let unknown = Err(Code::OptionUnknown);
        let midnight = 1_797_984_000_000_i64;
        type Expected = Result<Option<&'static str>, Code>;
        let rows: Vec<(&str, &str, String, Expected)> = vec![
            ("string", "text", "anything; at all".into(), fine),
            ("string", "text", "x".repeat(65_536), fine),
            ("string", "text", "x".repeat(65_537), Err(Code::PropertyRule)),
            ("string", "text", "😀".repeat(32_769), Err(Code::PropertyRule)),
            ("string", "text", "é".repeat(40_000), fine),
            ("enumeration", "select", "high".into(), fine),
            ("enumeration", "select", "HIGH".into(), mended("high")),
            ("enumeration", "select", " high ".into(), mended("high")),
            ("enumeration", "select", "Medium Priority".into(), mended("medium")),
            ("enumeration", "select", "hot".into(), unknown),
            ("enumeration", "select", "high;low".into(), unknown),
            ("enumeration", "select", String::new(), unknown),
            ("enumeration", "checkbox", "high;low".into(), fine),
            ("enumeration", "checkbox", "low".into(), fine),
            ("enumeration", "checkbox", "High; low".into(), mended("high;low")),
            ("enumeration", "checkbox", ";low".into(), mended("low")),
            ("enumeration", "checkbox", "high;hot".into(), unknown),
            ("bool", "booleancheckbox", "true".into(), fine),
            ("bool", "booleancheckbox", "False".into(), mended("false")),
            ("bool", "booleancheckbox", "yes".into(), mended("true")),
            ("bool", "booleancheckbox", "maybe".into(), wrong),
            ("number", "number", "28500.5".into(), fine),
            ("number", "number", "-3".into(), fine),
            ("number", "number", " 3".into(), mended("3")),
            ("number", "number", "28,500".into(), wrong),
            ("number", "number", "1e3".into(), wrong),
            ("number", "number", "1.2.3".into(), wrong),
            ("date", "date", "2026-12-23".into(), fine),
            ("date", "date", midnight.to_string(), fine),
            ("date", "date", (midnight + 1).to_string(), wrong),
            ("date", "date", "2026-12-23T23:00:00-02:00".into(), mended("2026-12-24")),
            ("date", "date", "12/23/2026".into(), wrong),
            ("date", "date", "2026-13-01".into(), wrong),
            ("datetime", "date", "2026-12-23T08:00:00Z".into(), fine),
            ("datetime", "date", midnight.to_string(), fine),
            ("datetime", "date", "2026-12-23".into(), fine),
            ("datetime", "date", "2026-12-23T08:00:00+01:00".into(), mended("2026-12-23T07:00:00Z")),
            ("datetime", "date", "soon".into(), wrong),
            ("object_coordinates", "text", "what is not known is left to HubSpot".into(), fine),
        ];
        for (kind, field_type, value, expected) in rows {
            let schema = schema(CONTACT, &[("p", property(kind, field_type))]);
            let judged = schema.judge(CONTACT, "p", &value);
            let seen = match &judged {
                Judged::Fine => Ok(None),
                Judged::Mended(mended) => Ok(Some(mended.as_str())),
                Judged::Bad(code, _) => Err(*code),
            };
            assert_eq!(seen, expected, "{kind} {field_type} {:?}", shown(&value));
        }
    }

    #[test]
    fn a_refusal_says_why_in_plain_words() {
        let archived = PropertyInfo { archived: true, ..property("string", "text") };
        let read_only = PropertyInfo { read_only: true, ..property("datetime", "date") };
        let ruled = PropertyInfo { rules: vec![("MAX_LENGTH".into(), vec!["3".into()])], ..property("string", "text") };
        let schema = schema(
            CONTACT,
            &[
                ("archived", archived),
                ("notes_last_contacted", read_only),
                ("phone", ruled),
                ("prio", property("enumeration", "select")),
            ],
        );
        let rows = [
            ("nowhere", "x", "property.missing: HubSpot has no property `nowhere`"),
            ("archived", "x", "property.archived: `archived` is archived in HubSpot"),
            ("notes_last_contacted", "x", "property.read_only: HubSpot fills `notes_last_contacted` itself"),
            ("phone", "1234", "property.rule: a rule in HubSpot wants at most 3 characters for Prop, not `1234`"),
            ("prio", "hot", "option.unknown: `hot` is not an option of Prop; there are `high`, `medium`, `low`"),
        ];
        for (name, value, expected) in rows {
            let Judged::Bad(code, words) = schema.judge(CONTACT, name, value) else { panic!("{name}") };
            assert_eq!(format!("{code}: {words}"), expected);
        }
        assert_eq!(schema.judge("0-3", "amount", "x"), Judged::Fine, "a type that was not read");
    }

    #[test]
    fn rules_of_admins_hold_where_they_can_be_checked() {
        let rows = [
            ("MAX_LENGTH", "3", "abc", true),
            ("MAX_LENGTH", "3", "abcd", false),
            ("MIN_LENGTH", "3", "ab", false),
            ("MIN_LENGTH", "2", "😀", true),
            ("MAX_NUMBER", "10", "11", false),
            ("MIN_NUMBER", "10", "10", true),
            ("MIN_NUMBER", "10", "9.5", false),
            ("MIN_NUMBER", "ten", "9.5", true),
            ("REGEX", "^[0-9]{5}$", "no digits", true),
        ];
        for (rule, argument, value, fine) in rows {
            let ruled =
                PropertyInfo { rules: vec![(rule.into(), vec![argument.into()])], ..property("string", "text") };
            let judged = schema(CONTACT, &[("p", ruled)]).judge(CONTACT, "p", value);
            assert_eq!(judged == Judged::Fine, fine, "{rule} {argument} {value}");
        }
    }

    #[test]
    fn stages_and_owners_are_looked_up_in_their_own_lists() {
        let stage = |id: &str, archived, writable| Stage { id: id.into(), archived, writable, ..Stage::default() };
        let names = ["pipeline", "dealstage", "hubspot_owner_id"];
        let properties: Vec<_> = names.iter().map(|name| (*name, property("enumeration", "select"))).collect();
        let mut schema = schema(DEAL, &properties);
        assert_eq!(schema.judge(DEAL, "dealstage", "anything"), Judged::Fine, "nobody read them");
        let stages = vec![stage("new", false, true), stage("old", true, true), stage("locked", false, false)];
        schema.pipelines = Some(vec![Pipeline { id: "cars".into(), stages, ..Pipeline::default() }]);
        schema.owners = Some(vec![Owner { id: "910042".into(), ..Owner::default() }]);
        let rows = [
            ("pipeline", "cars", None),
            ("pipeline", "boats", Some(Code::PipelineMissing)),
            ("dealstage", "new", None),
            ("dealstage", "old", Some(Code::StageMissing)),
            ("dealstage", "locked", Some(Code::StageMissing)),
            ("hubspot_owner_id", "910042", None),
            ("hubspot_owner_id", "77", Some(Code::OwnerUnknown)),
        ];
        for (name, value, expected) in rows {
            let seen = match schema.judge(DEAL, name, value) {
                Judged::Bad(code, _) => Some(code),
                Judged::Fine | Judged::Mended(_) => None,
            };
            assert_eq!(seen, expected, "{name} {value}");
        }
    }

    #[test]
    fn the_order_of_the_lifecycle_is_the_portals() {
        assert_eq!(
            schema(CONTACT, &[("lifecyclestage", property("enumeration", "select"))]).lifecycle_order(),
            ["high", "medium", "low"]
        );
        assert_eq!(PortalSchema::default().lifecycle_order(), [""; 0]);
    }
}

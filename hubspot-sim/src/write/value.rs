//! Whether a text fits a property, and what is stored for it.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::answer::Detail;
use crate::portal::schema::{Property, Rule};
use crate::time::{DAY_MS, day, iso};

/// Characters of any text, counted as UTF-16 does.
const TEXT_MAX: usize = 65_536;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    Stored(String),
    /// Not in the form that the property has, but its meaning is clear.
    Normalised(String),
}

/// `before` is the value that the record has now.
pub(crate) fn fit(property: &Property, value: &str, before: Option<&str>) -> Result<Fit, Detail> {
    let name = &*property.name;
    let no = |code: &str, message: String| Err(Detail::new(code, name, message));
    match property.definition.kind.as_str() {
        "number" if !is_number(value) => no("INVALID_INTEGER", format!("{value} was not a valid number.")),
        "bool" if !matches!(value, "true" | "false") => {
            no("INVALID_OPTION", format!("{value} was not one of the allowed options: [true, false]"))
        }
        "enumeration" => fit_options(property, value, before),
        "date" => fit_date(value).ok_or_else(|| {
            Detail::new("INVALID_DATE", name, format!("{value} is not at midnight UTC, or not a valid date."))
        }),
        "datetime" => fit_datetime(value)
            .ok_or_else(|| Detail::new("INVALID_LONG", name, format!("{value} was not a valid long."))),
        _ if is_too_long(value) => no("INVALID_LENGTH", format!("the value is longer than {TEXT_MAX} characters")),
        _ => Ok(Fit::Stored(value.to_owned())),
    }
}

/// The first of the admins' rules that the value breaks.
pub(crate) fn broken_rule(name: &str, rules: &[Rule], value: &str) -> Option<Detail> {
    let rule = rules.iter().find(|rule| !rule.allows(value))?;
    let message = format!("the value does not meet the rule {} {} of this property", rule.kind, rule.argument);
    Some(Detail::new("INVALID_FORMAT", name, message))
}

fn is_too_long(value: &str) -> bool {
    value.len() > TEXT_MAX && value.encode_utf16().count() > TEXT_MAX
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

/// `a;b` replaces the options of a property that takes several, `;b` adds to them.
fn fit_options(property: &Property, value: &str, before: Option<&str>) -> Result<Fit, Detail> {
    let refuse = |option: &str| {
        let known = property.definition.options.iter().map(|option| option.value.as_str());
        let known = known.collect::<Vec<_>>().join(", ");
        Detail::new("INVALID_OPTION", &property.name, format!("{option} was not one of the allowed options: [{known}]"))
    };
    if !property.takes_several() {
        return property.option_at(value).map(|_| Fit::Stored(value.to_owned())).ok_or_else(|| refuse(value));
    }
    let (adds, list) = value.strip_prefix(';').map_or((false, value), |list| (true, list));
    let mut chosen: Vec<&str> = if adds { before.unwrap_or("").split(';').collect() } else { Vec::new() };
    for option in list.split(';') {
        property.option_at(option).ok_or_else(|| refuse(option))?;
        chosen.push(option);
    }
    let mut stored: Vec<&str> = Vec::new();
    for option in chosen {
        if !option.is_empty() && !stored.contains(&option) {
            stored.push(option);
        }
    }
    Ok(Fit::Stored(stored.join(";")))
}

/// A day, or the milliseconds of its midnight in UTC. Other forms of a day are odd.
fn fit_date(value: &str) -> Option<Fit> {
    if value.len() == 10 && value.parse::<Date>().is_ok() {
        return Some(Fit::Stored(value.to_owned()));
    }
    if let Ok(ms) = value.parse::<i64>() {
        Timestamp::from_millisecond(ms).ok()?;
        return Some(if ms % DAY_MS == 0 { Fit::Stored(day(ms)) } else { Fit::Normalised(day(ms)) });
    }
    if let Ok(time) = value.parse::<Timestamp>() {
        return Some(Fit::Normalised(day(time.as_millisecond())));
    }
    let forms = ["%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y"];
    let date = forms.iter().find_map(|form| Date::strptime(form, value).ok())?;
    Some(Fit::Normalised(date.to_string()))
}

/// ISO 8601 in UTC, a day, or milliseconds. A time with another offset is odd.
fn fit_datetime(value: &str) -> Option<Fit> {
    if let Ok(ms) = value.parse::<i64>() {
        Timestamp::from_millisecond(ms).ok()?;
        return Some(Fit::Stored(iso(ms)));
    }
    if let Ok(time) = value.parse::<Timestamp>() {
        let stored = iso(time.as_millisecond());
        return Some(if value.ends_with('Z') { Fit::Stored(stored) } else { Fit::Normalised(stored) });
    }
    let date: Date = value.parse().ok()?;
    Some(Fit::Stored(format!("{date}T00:00:00Z")))
}

#[cfg(test)]
mod tests {
    use super::{Fit, fit};
    use crate::portal::schema::{NewProperty, Property};

    fn property(kind: &str, field_type: &str) -> Property {
        let definition = NewProperty {
            kind: kind.to_owned(),
            field_type: field_type.to_owned(),
            ..NewProperty::choice("p", "P", &["a", "b", "c"])
        };
        Property::new(definition, 0)
    }

    #[test]
    fn values_fit_or_do_not() {
        let stored = |text: &str| Ok(Fit::Stored(text.to_owned()));
        let odd = |text: &str| Ok(Fit::Normalised(text.to_owned()));
        let day = 1_797_984_000_000_i64;
        for (kind, field_type, value, expected) in [
            ("string", "text", "anything", stored("anything")),
            ("number", "number", "28500.5", stored("28500.5")),
            ("number", "number", "-3", stored("-3")),
            ("number", "number", "28,500", Err("INVALID_INTEGER")),
            ("number", "number", "1.2.3", Err("INVALID_INTEGER")),
            ("number", "number", "1e3", Err("INVALID_INTEGER")),
            ("bool", "booleancheckbox", "true", stored("true")),
            ("bool", "booleancheckbox", "True", Err("INVALID_OPTION")),
            ("enumeration", "select", "a", stored("a")),
            ("enumeration", "select", "A", Err("INVALID_OPTION")),
            ("enumeration", "select", "a;b", Err("INVALID_OPTION")),
            ("enumeration", "checkbox", "a;b", stored("a;b")),
            ("enumeration", "checkbox", ";b", stored("c;b")),
            ("enumeration", "checkbox", "a;x", Err("INVALID_OPTION")),
            ("date", "date", "2026-12-23", stored("2026-12-23")),
            ("date", "date", &day.to_string(), stored("2026-12-23")),
            ("date", "date", &(day + 1).to_string(), odd("2026-12-23")),
            ("date", "date", "2026-12-23T08:00:00Z", odd("2026-12-23")),
            ("date", "date", "12/23/2026", odd("2026-12-23")),
            ("date", "date", "soon", Err("INVALID_DATE")),
            ("date", "date", "2026-13-01", Err("INVALID_DATE")),
            ("datetime", "date", "2026-12-23T08:00:00Z", stored("2026-12-23T08:00:00Z")),
            ("datetime", "date", &day.to_string(), stored("2026-12-23T00:00:00Z")),
            ("datetime", "date", "2026-12-23T08:00:00+01:00", odd("2026-12-23T07:00:00Z")),
            ("datetime", "date", "2026-12-23", stored("2026-12-23T00:00:00Z")),
            ("datetime", "date", "soon", Err("INVALID_LONG")),
        ] {
            let result = fit(&property(kind, field_type), value, Some("c"));
            assert_eq!(result.map_err(|detail| detail.code), expected.map_err(str::to_owned), "{kind} {value}");
        }
    }

    #[test]
    fn text_ends_at_its_limit() {
        let text = property("string", "text");
        assert!(fit(&text, &"x".repeat(65_536), None).is_ok());
        assert!(fit(&text, &"x".repeat(65_537), None).is_err());
        assert!(fit(&text, &"😀".repeat(32_769), None).is_err());
    }
}

//! JSON as a tree, out of the events of a streaming parser that does not recurse.

use std::mem;

use miniserde::de::{Deserialize, Map, Seq, Visitor};
use miniserde::{Result, make_place};

/// A JSON value, as far as settings have use for it. Members stand in a list, because settings hold a
/// handful: a tree map would make a guest 8 KB larger and no lookup faster.
#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    Number(u64),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
    Null,
    /// What no setting is: a truth value, a fraction, a number below 0.
    Other,
}

impl Value {
    /// A member of an object; one that is `null` counts as missing.
    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        let Self::Object(members) = self else {
            return None;
        };
        let (_, value) = members.iter().find(|(known, _)| known == name)?;
        (!matches!(value, Self::Null)).then_some(value)
    }

    /// The texts of a list, if it is one of texts only.
    pub(super) fn list(&self) -> Option<Vec<&str>> {
        let Self::List(items) = self else { return None };
        items.iter().map(Self::text).collect()
    }

    /// The names and texts of an object, if it is one of texts only.
    pub(super) fn texts(&self) -> Option<Vec<(&str, &str)>> {
        let Self::Object(members) = self else {
            return None;
        };
        members.iter().map(|(name, value)| Some((name.as_str(), value.text()?))).collect()
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::List(_) | Self::Object(_) | Self::Null | Self::Other => None,
        }
    }
}

make_place!(Place);

impl Deserialize for Value {
    fn begin(out: &mut Option<Self>) -> &mut dyn Visitor {
        Place::new(out)
    }
}

impl Place<Value> {
    fn put(&mut self, value: Value) -> Result<()> {
        self.out = Some(value);
        Ok(())
    }
}

impl Visitor for Place<Value> {
    fn null(&mut self) -> Result<()> {
        self.put(Value::Null)
    }

    fn boolean(&mut self, _: bool) -> Result<()> {
        self.put(Value::Other)
    }

    fn negative(&mut self, _: i64) -> Result<()> {
        self.put(Value::Other)
    }

    fn float(&mut self, _: f64) -> Result<()> {
        self.put(Value::Other)
    }

    fn nonnegative(&mut self, number: u64) -> Result<()> {
        self.put(Value::Number(number))
    }

    fn string(&mut self, text: &str) -> Result<()> {
        self.put(Value::Text(text.into()))
    }

    fn seq(&mut self) -> Result<Box<dyn Seq + '_>> {
        Ok(Box::new(List { out: &mut self.out, items: Vec::new(), item: None }))
    }

    fn map(&mut self) -> Result<Box<dyn Map + '_>> {
        Ok(Box::new(Object { out: &mut self.out, members: Vec::new(), name: String::new(), value: None }))
    }
}

struct List<'a> {
    out: &'a mut Option<Value>,
    items: Vec<Value>,
    /// The item that is being read.
    item: Option<Value>,
}

impl Seq for List<'_> {
    fn element(&mut self) -> Result<&mut dyn Visitor> {
        self.items.extend(self.item.take());
        Ok(Deserialize::begin(&mut self.item))
    }

    fn finish(&mut self) -> Result<()> {
        self.items.extend(self.item.take());
        *self.out = Some(Value::List(mem::take(&mut self.items)));
        Ok(())
    }
}

struct Object<'a> {
    out: &'a mut Option<Value>,
    members: Vec<(String, Value)>,
    /// The member that is being read.
    name: String,
    value: Option<Value>,
}

impl Object<'_> {
    fn keep(&mut self) {
        if let Some(value) = self.value.take() {
            self.members.push((mem::take(&mut self.name), value));
        }
    }
}

impl Map for Object<'_> {
    fn key(&mut self, name: &str) -> Result<&mut dyn Visitor> {
        self.keep();
        self.name = name.into();
        Ok(Deserialize::begin(&mut self.value))
    }

    fn finish(&mut self) -> Result<()> {
        self.keep();
        *self.out = Some(Value::Object(mem::take(&mut self.members)));
        Ok(())
    }
}

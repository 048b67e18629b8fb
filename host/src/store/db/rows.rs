//! The rows of a batch statement: one value that both databases read as a table.
//!
//! Postgres gets them as JSON. SQLite reads them where they are, through a virtual table: as JSON it would parse each
//! row once a statement, and the JSON texts in it twice.

use std::fmt::Display;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde::ser::{self, Impossible};

/// Flat rows of one kind: an array of structs, or of single values under the name `value`. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Rows(Arc<Table>);

#[derive(Debug, Default)]
struct Table {
    columns: Vec<String>,
    /// Row by row, as many in each as there are columns.
    cells: Vec<Cell>,
    /// Every text, one behind the other.
    texts: String,
    json: OnceLock<String>,
}

#[derive(Clone, Copy, Debug)]
enum Cell {
    Null,
    Int(i64),
    /// Where it is among the texts.
    Text(usize, usize),
}

/// A value in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(in crate::store) enum Value<'a> {
    Null,
    Int(i64),
    Text(&'a str),
}

impl Rows {
    /// The rows of a slice.
    pub(in crate::store) fn of<T: Serialize>(rows: &[T]) -> Self {
        let mut table = Table::default();
        for row in rows {
            row.serialize(&mut table).expect("our own rows are flat, and all of one kind");
        }
        Self(table.into())
    }

    pub(super) fn len(&self) -> usize {
        self.0.cells.len().checked_div(self.0.columns.len()).unwrap_or(0)
    }

    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.0.columns.iter().position(|column| column == name)
    }

    pub(super) fn value(&self, row: usize, column: usize) -> Value<'_> {
        match self.0.cells[row * self.0.columns.len() + column] {
            Cell::Null => Value::Null,
            Cell::Int(value) => Value::Int(value),
            Cell::Text(start, end) => Value::Text(&self.0.texts[start..end]),
        }
    }

    /// As a JSON array: of objects, or of the single values.
    pub(super) fn json(&self) -> &str {
        self.0.json.get_or_init(|| serde_json::to_string(self).expect("texts and numbers are JSON"))
    }
}

impl Serialize for Rows {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = |row| Row { rows: self, row };
        match &self.0.columns[..] {
            [only] if only == "value" => serializer.collect_seq((0..self.len()).map(|row| self.value(row, 0))),
            _ => serializer.collect_seq((0..self.len()).map(row)),
        }
    }
}

struct Row<'a> {
    rows: &'a Rows,
    row: usize,
}

impl Serialize for Row<'_> {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.rows.0.columns.iter().enumerate();
        serializer.collect_map(columns.map(|(column, name)| (name, self.rows.value(self.row, column))))
    }
}

/// A row that is no flat struct or value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotFlat(String);

impl ser::Error for NotFlat {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Table {
    fn push(&mut self, cell: Cell) -> Result<(), NotFlat> {
        self.cells.push(cell);
        Ok(())
    }

    /// A row that is a value of its own.
    fn single(&mut self) {
        if self.columns.is_empty() {
            self.columns.push("value".to_owned());
        }
    }
}

/// Serializer methods for what no row holds.
macro_rules! none_of {
    ($($method:ident($($type:ty),*) -> $ok:ty;)*) => {
        $(fn $method(self, $(_: $type),*) -> Result<$ok, NotFlat> {
            Err(ser::Error::custom(concat!(stringify!($method), " in a row")))
        })*
    };
}

/// Serializer methods for numbers.
macro_rules! ints {
    ($($method:ident($type:ty);)*) => {
        $(fn $method(self, value: $type) -> Result<(), NotFlat> {
            self.serialize_i64(i64::try_from(value).map_err(ser::Error::custom)?)
        })*
    };
}

impl<'t> ser::Serializer for &'t mut Table {
    type Ok = ();
    type Error = NotFlat;
    type SerializeSeq = Impossible<(), NotFlat>;
    type SerializeTuple = Impossible<(), NotFlat>;
    type SerializeTupleStruct = Impossible<(), NotFlat>;
    type SerializeTupleVariant = Impossible<(), NotFlat>;
    type SerializeMap = Fields<'t>;
    type SerializeStruct = Fields<'t>;
    type SerializeStructVariant = Impossible<(), NotFlat>;

    ints! {
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
    }

    none_of! {
        serialize_bool(bool) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    fn serialize_i64(self, value: i64) -> Result<(), NotFlat> {
        self.single();
        self.push(Cell::Int(value))
    }

    fn serialize_str(self, value: &str) -> Result<(), NotFlat> {
        self.single();
        let start = self.texts.len();
        self.texts.push_str(value);
        self.push(Cell::Text(start, self.texts.len()))
    }

    fn serialize_char(self, value: char) -> Result<(), NotFlat> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_none(self) -> Result<(), NotFlat> {
        self.single();
        self.push(Cell::Null)
    }

    fn serialize_unit(self) -> Result<(), NotFlat> {
        self.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotFlat> {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), NotFlat> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), NotFlat> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), NotFlat> {
        Err(ser::Error::custom("an enum with a value in a row"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'t>, NotFlat> {
        let is_first = self.cells.is_empty();
        Ok(Fields { table: self, is_first, field: 0 })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields<'t>, NotFlat> {
        self.serialize_struct("", 0)
    }
}

/// The fields of a row, in the order of the columns.
pub(super) struct Fields<'t> {
    table: &'t mut Table,
    is_first: bool,
    field: usize,
}

impl Fields<'_> {
    fn name(&mut self, name: &str) -> Result<(), NotFlat> {
        if self.is_first {
            self.table.columns.push(name.to_owned());
        } else if self.table.columns.get(self.field).is_none_or(|column| column != name) {
            return Err(ser::Error::custom(format!("rows differ at `{name}`")));
        }
        self.field += 1;
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotFlat> {
        let cells = self.table.cells.len();
        value.serialize(&mut *self.table)?;
        if self.table.cells.len() == cells + 1 { Ok(()) } else { Err(ser::Error::custom("a row in a row")) }
    }
}

impl ser::SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = NotFlat;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), NotFlat> {
        self.name(name)?;
        self.value(value)
    }

    fn end(self) -> Result<(), NotFlat> {
        Ok(())
    }
}

impl ser::SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = NotFlat;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotFlat> {
        let mut name = Table::default();
        key.serialize(&mut name)?;
        self.name(&name.texts)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotFlat> {
        self.value(value)
    }

    fn end(self) -> Result<(), NotFlat> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Lead<'a> {
        name: &'a str,
        at: i64,
        note: Option<String>,
    }

    #[test]
    fn structs_become_rows_and_values_rows_of_one() {
        let leads =
            [Lead { name: "Zoë \"Z\"", at: 7, note: None }, Lead { name: "", at: -1, note: Some("\0🚗".to_owned()) }];
        let rows = Rows::of(&leads);
        assert_eq!((rows.len(), rows.column("note"), rows.column("value")), (2, Some(2), None));
        assert_eq!([rows.value(0, 0), rows.value(0, 2)], [Value::Text("Zoë \"Z\""), Value::Null]);
        assert_eq!([rows.value(1, 1), rows.value(1, 2)], [Value::Int(-1), Value::Text("\0🚗")]);
        assert_eq!(rows.json(), r#"[{"name":"Zoë \"Z\"","at":7,"note":null},{"name":"","at":-1,"note":"\u0000🚗"}]"#);
        assert_eq!(Rows::of(&[serde_json::json!({ "b": "x", "a": 1 })]).json(), r#"[{"a":1,"b":"x"}]"#);
        assert_eq!(Rows::of(&["a", "b"]).json(), r#"["a","b"]"#);
        assert_eq!((Rows::of::<&str>(&[]).json(), Rows::of::<&str>(&[]).len()), ("[]", 0));
    }
}

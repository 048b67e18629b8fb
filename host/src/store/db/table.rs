//! The virtual table through which SQLite reads [`Rows`]: `rows($1, 'account,at')` has the columns `c0` and `c1`.
#![expect(unsafe_code, reason = "a virtual table is called by C; rusqlite wants its layout vouched for")]

use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::rc::Rc;

use rusqlite::types::{Null, ToSqlOutput, ValueRef};
use rusqlite::vtab::{
    Context, Filters, IndexConstraintOp, IndexInfo, VTab, VTabConnection, VTabCursor, eponymous_only_module,
};
use rusqlite::{Connection, Error, Result, ffi};

use super::rows::{Rows, Value};

/// What marks a bound pointer as rows.
const KIND: &CStr = c"leadline_rows";
/// As many columns as the widest batch has, and some.
const SCHEMA: &str = "CREATE TABLE x(c0,c1,c2,c3,c4,c5,c6,c7,c8,c9,c10,c11,c12,c13,c14,c15,source HIDDEN,names HIDDEN)";
/// Where the hidden columns are.
const SOURCE: c_int = 16;
const NAMES: c_int = 17;
/// What the planner is told: few rows that cost nothing, so that it begins with them and looks up the rest by key.
const ROWS_EXPECTED: i64 = 25;

/// Makes the table known to a connection.
pub(super) fn install(connection: &Connection) -> Result<()> {
    connection.create_module(c"rows", eponymous_only_module::<RowsTable>(), None::<()>)
}

/// Rows as the value of a parameter.
pub(super) fn bound(rows: &Rows) -> ToSqlOutput<'static> {
    ToSqlOutput::from_rc(Rc::new(rows.clone()), KIND)
}

#[repr(C)]
struct RowsTable {
    /// Has to be the first.
    base: ffi::sqlite3_vtab,
}

// SAFETY: `repr(C)`, and the base comes first.
unsafe impl<'vtab> VTab<'vtab> for RowsTable {
    type Aux = ();
    type Cursor = RowsCursor<'vtab>;

    fn connect(_: &mut VTabConnection, _: Option<&()>, _: &[&[u8]]) -> Result<(String, Self)> {
        Ok((SCHEMA.to_owned(), Self { base: ffi::sqlite3_vtab::default() }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<()> {
        let mut given = [false; 2];
        for (constraint, mut usage) in info.constraints_and_usages() {
            let argument = match constraint.column() {
                SOURCE => 0,
                NAMES => 1,
                _ => continue,
            };
            if constraint.is_usable() && constraint.operator() == IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ {
                given[argument] = true;
                usage.set_argv_index(argument as c_int + 1);
                usage.set_omit(true);
            }
        }
        if given != [true, true] {
            return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CONSTRAINT), None));
        }
        info.set_estimated_cost(1.0);
        info.set_estimated_rows(ROWS_EXPECTED);
        Ok(())
    }

    fn open(&mut self) -> Result<RowsCursor<'_>> {
        let base = ffi::sqlite3_vtab_cursor::default();
        Ok(RowsCursor { base, rows: Rows::default(), columns: Vec::new(), row: 0, table: PhantomData })
    }
}

#[repr(C)]
struct RowsCursor<'vtab> {
    /// Has to be the first.
    base: ffi::sqlite3_vtab_cursor,
    rows: Rows,
    /// Which column of the rows each of ours is.
    columns: Vec<usize>,
    row: usize,
    table: PhantomData<&'vtab RowsTable>,
}

// SAFETY: `repr(C)`, and the base comes first.
unsafe impl VTabCursor for RowsCursor<'_> {
    fn filter(&mut self, _: c_int, _: Option<&str>, given: &Filters<'_>) -> Result<()> {
        // SAFETY: only `bound` binds a pointer under this name, and what it binds is `Rows`.
        let rows = unsafe { given.get_pointer::<Rows>(0, KIND) };
        let misused = |why: &str| Error::ModuleError(format!("rows(): {why}"));
        self.rows = rows.ok_or_else(|| misused("the parameter is no rows"))?.clone();
        let names: String = given.get(1)?;
        self.columns.clear();
        // Rows that are not there have no columns either.
        if self.rows.len() > 0 {
            for name in names.split(',') {
                let column = self.rows.column(name).ok_or_else(|| misused(&format!("no column `{name}`")))?;
                self.columns.push(column);
            }
        }
        self.row = 0;
        Ok(())
    }

    fn next(&mut self) -> Result<()> {
        self.row += 1;
        Ok(())
    }

    fn eof(&self) -> bool {
        self.row >= self.rows.len()
    }

    fn column(&self, context: &mut Context, column: c_int) -> Result<()> {
        let column = usize::try_from(column).ok().and_then(|column| self.columns.get(column));
        match column.map(|column| self.rows.value(self.row, *column)) {
            Some(Value::Int(value)) => context.set_result(&value),
            Some(Value::Text(text)) => context.set_result(&ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))),
            Some(Value::Null) | None => context.set_result(&Null),
        }
    }

    fn rowid(&self) -> Result<i64> {
        Ok(self.row as i64)
    }
}

//! The text of a statement: written once, for two databases.

use std::borrow::Cow;

/// A statement in the words of both databases.
#[derive(Clone, Debug)]
pub(in crate::store) struct Sql {
    pub(in crate::store) sqlite: Cow<'static, str>,
    pub(in crate::store) postgres: Cow<'static, str>,
}

impl Sql {
    /// A text that both understand, made at run time.
    pub(in crate::store) fn same(text: String) -> Self {
        Self { sqlite: Cow::Owned(text.clone()), postgres: Cow::Owned(text) }
    }

    /// The statement with something behind it that both understand.
    pub(in crate::store) fn and(&self, text: &str) -> Self {
        Self { sqlite: format!("{}{text}", self.sqlite).into(), postgres: format!("{}{text}", self.postgres).into() }
    }
}

/// A `Sql`, of parts:
///
/// * a literal, or a macro that makes one: the same for both
/// * `rows("$1"; account text, at bigint)`: the `Rows` in a parameter, as a table of these columns
/// * `list("$1")`: the `Rows` of single texts in a parameter, as a table of one column
/// * `least`, `greatest`: the functions of that name
/// * `on(sqlite: "…", postgres: "…")`: what only one of them understands
macro_rules! sql {
    ($($part:tt)+) => {
        $crate::store::db::Sql {
            sqlite: std::borrow::Cow::Borrowed($crate::store::db::sql_text!(sqlite [] $($part)+)),
            postgres: std::borrow::Cow::Borrowed($crate::store::db::sql_text!(postgres [] $($part)+)),
        }
    };
}

/// The text of a [`sql!`] for one database.
macro_rules! sql_text {
    ($db:ident [$($done:expr),*]) => { concat!($($done),*) };
    ($db:ident [$($done:expr),*] $text:literal $($rest:tt)*) => {
        $crate::store::db::sql_text!($db [$($done,)* $text] $($rest)*)
    };
    (sqlite [$($done:expr),*] rows($param:literal; $($name:ident $type:ident),*) $($rest:tt)*) => {
        $crate::store::db::sql_text!(sqlite [$($done,)* $crate::store::db::table_text!($param [] [
            "c0" "c1" "c2" "c3" "c4" "c5" "c6" "c7" "c8" "c9" "c10" "c11" "c12" "c13" "c14" "c15"
        ] $($name)*)] $($rest)*)
    };
    (postgres [$($done:expr),*] rows($param:literal; $first:ident $first_type:ident $(, $name:ident $type:ident)*) $($rest:tt)*) => {
        $crate::store::db::sql_text!(postgres [$($done,)* concat!(
            "(SELECT * FROM jsonb_to_recordset(", $param, "::jsonb) AS r(", stringify!($first), " ", stringify!($first_type),
            $(", ", stringify!($name), " ", stringify!($type),)* "))"
        )] $($rest)*)
    };
    (sqlite [$($done:expr),*] list($param:literal) $($rest:tt)*) => {
        $crate::store::db::sql_text!(sqlite [$($done,)* concat!("(SELECT c0 AS value FROM rows(", $param, ", 'value'))")] $($rest)*)
    };
    (postgres [$($done:expr),*] list($param:literal) $($rest:tt)*) => {
        $crate::store::db::sql_text!(postgres [$($done,)* concat!("(SELECT value FROM jsonb_array_elements_text(", $param, "::jsonb) AS l(value))")] $($rest)*)
    };
    (sqlite [$($done:expr),*] on(sqlite: $sqlite:expr, postgres: $postgres:expr) $($rest:tt)*) => {
        $crate::store::db::sql_text!(sqlite [$($done,)* $sqlite] $($rest)*)
    };
    (postgres [$($done:expr),*] on(sqlite: $sqlite:expr, postgres: $postgres:expr) $($rest:tt)*) => {
        $crate::store::db::sql_text!(postgres [$($done,)* $postgres] $($rest)*)
    };
    (sqlite [$($done:expr),*] least $($rest:tt)*) => { $crate::store::db::sql_text!(sqlite [$($done,)* "min"] $($rest)*) };
    (postgres [$($done:expr),*] least $($rest:tt)*) => { $crate::store::db::sql_text!(postgres [$($done,)* "least"] $($rest)*) };
    (sqlite [$($done:expr),*] greatest $($rest:tt)*) => { $crate::store::db::sql_text!(sqlite [$($done,)* "max"] $($rest)*) };
    (postgres [$($done:expr),*] greatest $($rest:tt)*) => { $crate::store::db::sql_text!(postgres [$($done,)* "greatest"] $($rest)*) };
    ($db:ident [$($done:expr),*] $name:ident!($($argument:tt)*) $($rest:tt)*) => {
        $crate::store::db::sql_text!($db [$($done,)* $name!($($argument)*)] $($rest)*)
    };
}
/// How SQLite names the columns of the rows in a parameter: `(SELECT c0 AS account, … FROM rows($1, 'account,…'))`.
macro_rules! table_text {
    ($param:literal [$($done:ident $column:literal)*] [$next:literal $($left:literal)*] $name:ident $($names:ident)*) => {
        $crate::store::db::table_text!($param [$($done $column)* $name $next] [$($left)*] $($names)*)
    };
    ($param:literal [$first:ident $first_column:literal $($name:ident $column:literal)*] [$($left:literal)*]) => {
        concat!(
            "(SELECT ", $first_column, " AS ", stringify!($first), $(", ", $column, " AS ", stringify!($name),)*
            " FROM rows(", $param, ", '", stringify!($first), $(",", stringify!($name),)* "'))"
        )
    };
}
pub(in crate::store) use {sql, sql_text, table_text};

#[cfg(test)]
mod tests {
    #[test]
    fn a_statement_is_written_once_and_reads_right_for_both() {
        macro_rules! part {
            () => {
                "x.id"
            };
        }
        let both = sql!("SELECT " part!() " FROM " rows("$1"; account text, at bigint) " AS j WHERE id IN " list("$2") on(sqlite: "", postgres: " FOR UPDATE"));
        assert_eq!(
            both.sqlite,
            "SELECT x.id FROM (SELECT c0 AS account, c1 AS at FROM rows($1, 'account,at')) AS j WHERE id IN (SELECT c0 AS value FROM rows($2, 'value'))"
        );
        assert_eq!(
            both.postgres,
            "SELECT x.id FROM (SELECT * FROM jsonb_to_recordset($1::jsonb) AS r(account text, at bigint)) AS j WHERE id IN (SELECT value FROM jsonb_array_elements_text($2::jsonb) AS l(value)) FOR UPDATE"
        );
    }
}

//! A copy of the whole database, of one moment, while others write.

use std::path::Path;

use super::{Result, Sql, Store, query};

impl Store {
    /// Writes the copy into an empty file. For SQLite only; a server has means of its own.
    ///
    /// # Errors
    /// The database's, and the disk's.
    pub async fn copy_into(&self, file: &Path) -> Result<()> {
        let copy = query(Sql::same("VACUUM INTO $1".to_owned())).bind(file.to_string_lossy().into_owned());
        // On a connection that reads: the writer goes on meanwhile.
        self.db.read(|conn| Box::pin(async move { copy.execute(conn).await.map(drop) })).await
    }
}

//! Names of files that survive a power loss: the folder that holds a name has to be synced too.

use std::fs::File;
use std::io;
use std::path::Path;

/// Syncs the folder in which a file or a folder has its name.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

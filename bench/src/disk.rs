//! A slower disk: a library before the C library lets each sync below a folder take longer.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use tempfile::TempDir;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/disk/disk.c");

/// What the disk of a run is like.
pub(crate) struct Disk {
    sync_delay_micros: u64,
    library: Option<(PathBuf, TempDir)>,
}

impl Disk {
    /// The machine's own disk, with this much added to each sync.
    pub(crate) fn with_delay(sync_delay_micros: u64) -> anyhow::Result<Self> {
        if sync_delay_micros == 0 {
            return Ok(Self { sync_delay_micros, library: None });
        }
        let folder = tempfile::tempdir()?;
        // Another user, that of a database server, loads it as well.
        open_to_all(folder.path())?;
        let library = folder.path().join("disk.so");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(SOURCE).arg("-ldl");
        let built = compiler.status().context("a slower disk needs a C compiler, `cc`")?;
        anyhow::ensure!(built.success(), "{SOURCE} does not compile");
        Ok(Self { sync_delay_micros, library: Some((library, folder)) })
    }

    /// Lets a command find it so, for everything below `folder`.
    pub(crate) fn put_under(&self, command: &mut Command, folder: &Path) {
        if let Some((library, _)) = &self.library {
            command
                .env("LD_PRELOAD", library)
                .env("LEADLINE_DISK_FOLDER", folder)
                .env("LEADLINE_DISK_SYNC_MICROS", self.sync_delay_micros.to_string());
        }
    }
}

/// Lets everybody look into a folder.
pub(crate) fn open_to_all(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
}

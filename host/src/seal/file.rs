//! The file of a key ring: for its owner only, and replaced as a whole, so that nobody ever reads half of it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context as _;
use base64::Engine as _;
use secrecy::{ExposeSecret, SecretString};

use super::{BASE64, KEY_BYTES};
use crate::files::sync_folder_of;

/// Tells whether a file is still the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    length: u64,
    changed: Option<SystemTime>,
}

const HEADER: &str = "# Opens every secret in the database beside it. Keep a copy apart from the backups.\n";

pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    Some(Stamp { inode: metadata.ino(), length: metadata.len(), changed: metadata.modified().ok() })
}

/// The text, with the stamp that it had before it was read: a change in between shows at the next look.
pub(super) fn read(path: &Path) -> anyhow::Result<(SecretString, Stamp)> {
    let context = || format!("cannot read the key ring {}", path.display());
    let stamp = stamp(path).with_context(context)?;
    Ok((std::fs::read_to_string(path).with_context(context)?.into(), stamp))
}

/// Makes the file with one new key.
pub(super) fn create(path: &Path) -> anyhow::Result<()> {
    let (_, line) = new_key();
    let context = || format!("cannot create the key ring {}", path.display());
    write_private(path, &format!("{HEADER}{line}")).and_then(|()| sync_folder_of(path)).with_context(context)
}

/// Puts a new key before the others, and returns its id.
pub(super) fn add_key(path: &Path) -> anyhow::Result<String> {
    let (text, _) = read(path)?;
    let text = text.expose_secret();
    let is_note = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let notes: usize = text.split_inclusive('\n').take_while(is_note).map(str::len).sum();
    let (id, line) = new_key();
    replace(path, &format!("{}{line}{}", &text[..notes], &text[notes..]))?;
    Ok(id)
}

/// Leaves the lines of these keys out.
pub(super) fn remove_keys(path: &Path, ids: &[String]) -> anyhow::Result<()> {
    let (text, _) = read(path)?;
    let stays = |line: &&str| {
        !ids.iter().any(|id| line.trim_start().strip_prefix(id.as_str()).is_some_and(|rest| rest.starts_with(':')))
    };
    replace(path, &text.expose_secret().split_inclusive('\n').filter(stays).collect::<String>())
}

/// Writes beside the file, and puts that in its place.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    let context = || format!("cannot replace the key ring {}", path.display());
    match std::fs::remove_file(beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).with_context(context),
        _ => {}
    }
    write_private(beside, text).with_context(context)?;
    std::fs::rename(beside, path).with_context(context)?;
    sync_folder_of(path).with_context(context)
}

/// An id and the line of its key. Named by chance, so that a foreign key ring is told from a damaged value.
fn new_key() -> (String, String) {
    let (mut key, mut key_id) = ([0_u8; KEY_BYTES], [0_u8; 3]);
    for random in [&mut key[..], &mut key_id[..]] {
        getrandom::fill(random).expect("the operating system gives random bytes");
    }
    let id = key_id.iter().fold("k".to_owned(), |mut id, byte| {
        write!(id, "{byte:02x}").expect("a String takes everything");
        id
    });
    let line = format!("{id}:{}\n", BASE64.encode(key));
    (id, line)
}

/// Writes a new file that only its owner may read.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

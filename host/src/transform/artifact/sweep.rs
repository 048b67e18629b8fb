//! Taking away what was compiled and nobody needs any more. Only files in our own folders, with names as only we give
//! them: whatever else lies there is somebody's.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::{Artifacts, ENGINE_DIGITS, UNFINISHED, UNFINISHED_DIGITS};
use crate::model::time::Timestamp;

/// Files that one pass looks at.
const PAGE: usize = 500;
/// Digits of SHA-256 in hex.
const HASH_DIGITS: usize = 64;

/// What was compiled some time ago.
#[derive(Debug, PartialEq, Eq)]
pub struct Old {
    /// Hashes of components.
    pub hashes: Vec<String>,
    /// Where the next pass goes on; none at the end.
    pub next: Option<String>,
}

impl Artifacts {
    /// What was compiled before `before`, of a page behind the hash `after`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn old(&self, after: Option<&str>, before: Timestamp) -> Result<Old> {
        // The names are few bytes each; what costs is a look at each file.
        let behind = |name: &String| is_hash(name) && after.is_none_or(|after| name.as_str() > after);
        let names: BTreeSet<_> = names(&self.folder)?.into_iter().filter(behind).collect();
        let next = names.iter().nth(PAGE - 1).filter(|last| names.last() != Some(last)).cloned();
        let old = |name: &String| is_old(&self.path(name), before);
        Ok(Old { hashes: names.into_iter().take(PAGE).filter(old).collect(), next })
    }

    /// Takes away what was compiled of these components, unless it was written anew meanwhile. Says how much it was.
    pub fn remove(&self, hashes: &[String], before: Timestamp) -> usize {
        hashes.iter().filter(|hash| is_hash(hash) && remove_old(&self.path(hash), before)).count()
    }

    /// Takes away a page of what nobody finished before `before`, and of what other engines compiled before
    /// `others_before`. Says how much it was.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn remove_leftovers(&self, before: Timestamp, others_before: Timestamp) -> Result<usize> {
        let own = names(&self.folder)?.into_iter().filter(|name| is_unfinished(name));
        let own: Vec<_> = own.map(|name| self.folder.join(name)).collect();
        let mut removed = own.iter().take(PAGE).filter(|path| remove_old(path, before)).count();
        for folder in self.folders_of_others()? {
            let files = names(&folder)?.into_iter().filter(|name| is_hash(name) || is_unfinished(name));
            let files = files.map(|name| folder.join(name)).take(PAGE.saturating_sub(removed));
            removed += files.filter(|path| remove_old(path, others_before)).count();
            // Only an empty one goes, and one that was made a moment ago is not filled yet.
            if is_old(&folder, others_before) {
                drop(std::fs::remove_dir(&folder));
            }
        }
        Ok(removed)
    }

    /// The folders of other engines beside ours.
    fn folders_of_others(&self) -> Result<Vec<PathBuf>> {
        let Some(parent) = self.folder.parent() else { return Ok(Vec::new()) };
        let is_engine = |name: &str| name.len() == ENGINE_DIGITS && is_hex(name);
        let folders = names(parent)?.into_iter().filter(|name| is_engine(name)).map(|name| parent.join(name));
        Ok(folders.filter(|folder| *folder != self.folder && is_real_folder(folder)).collect())
    }
}

/// The names in a folder; none where there is no such folder any more.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

fn is_hex(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_hash(name: &str) -> bool {
    name.len() == HASH_DIGITS && is_hex(name)
}

fn is_unfinished(name: &str) -> bool {
    let digits = name.strip_prefix(UNFINISHED).unwrap_or_default();
    digits.len() == UNFINISHED_DIGITS && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A link leads elsewhere, where nothing is ours.
fn is_real_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|about| about.is_dir())
}

/// Whether it was written before `before`. What cannot be looked at is left alone.
fn is_old(path: &Path, before: Timestamp) -> bool {
    let written = path.symlink_metadata().and_then(|about| about.modified()).ok();
    let since = written.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).is_some_and(|at| at < before.0)
}

/// Takes a file away that was written before `before`, and says whether it did.
fn remove_old(path: &Path, before: Timestamp) -> bool {
    path.is_file() && is_old(path, before) && std::fs::remove_file(path).is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::seal::KeyRing;

    const NOON: Timestamp = Timestamp(1_795_435_200_000);

    fn ours(folder: &Path) -> Artifacts {
        let keys = KeyRing::parse(&"k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned().into()).unwrap();
        Artifacts::open(folder, &"a".repeat(64), Arc::new(keys)).unwrap()
    }

    fn hash(number: usize) -> String {
        format!("{number:064x}")
    }

    /// A file, or the folder that is there, as if it was written so many seconds before noon.
    fn write(path: &Path, seconds_ago: u64) {
        if !path.exists() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "code").unwrap();
        }
        let at = UNIX_EPOCH + Duration::from_millis(NOON.0.unsigned_abs()) - Duration::from_secs(seconds_ago);
        File::open(path).unwrap().set_modified(at).unwrap();
    }

    fn left(folder: &Path) -> BTreeSet<String> {
        names(folder).unwrap().into_iter().collect()
    }

    #[test]
    fn only_what_is_ours_and_old_is_found_a_page_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let ours = ours(folder.path());
        for number in 0..PAGE + 2 {
            write(&ours.path(&hash(number)), 100);
        }
        write(&ours.path(&hash(1)), 10);
        write(&ours.path("notes.txt"), 100);
        let before = NOON - Duration::from_secs(60);
        let first = ours.old(None, before).unwrap();
        assert_eq!((first.hashes.len(), first.next.as_deref()), (PAGE - 1, Some(hash(PAGE - 1).as_str())));
        assert!(!first.hashes.contains(&hash(1)), "it was just written");
        let second = ours.old(first.next.as_deref(), before).unwrap();
        assert_eq!(second, Old { hashes: vec![hash(PAGE), hash(PAGE + 1)], next: None });

        // Somebody uploads it again between the look and the hand.
        write(&ours.path(&hash(2)), 10);
        let gone = [hash(0), hash(2), hash(9999), "notes.txt".to_owned(), "../notes".to_owned()];
        assert_eq!(ours.remove(&gone, before), 1);
        assert_eq!(left(&ours.folder).len(), PAGE + 2);
    }

    #[test]
    fn leftovers_go_after_their_time_and_what_is_somebodys_stays() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let ours = ours(root);
        for (name, ago) in [(".tmpAb3dE9", 100), (".tmpAb3dE8", 10), (".tmp-of-an-editor", 100)] {
            write(&ours.path(name), ago);
        }
        write(&ours.path(&hash(1)), 100_000);
        let (other, used, shared) = ("b".repeat(16), "c".repeat(16), "d".repeat(16));
        write(&root.join(&other).join(hash(1)), 2000);
        write(&root.join(&other).join(".tmpAb3dE9"), 2000);
        write(&root.join(&used).join(hash(1)), 10);
        write(&root.join(&shared).join(hash(1)), 2000);
        write(&root.join(&shared).join("notes.txt"), 2000);
        write(&root.join("somebodys").join(hash(1)), 2000);
        for engine in [&other, &used, &shared] {
            write(&root.join(engine), 2000);
        }
        let [before, others_before] = [60, 1000].map(|seconds| NOON - Duration::from_secs(seconds));
        assert_eq!(ours.remove_leftovers(before, others_before).unwrap(), 4);
        assert_eq!(left(&ours.folder), [".tmpAb3dE8", ".tmp-of-an-editor", &hash(1)].map(str::to_owned).into());
        assert_eq!(left(&root.join(&shared)), ["notes.txt".to_owned()].into());
        // Taking a file out of a folder writes the folder: an empty one goes at the next look.
        write(&root.join(&other), 2000);
        assert_eq!(ours.remove_leftovers(before, others_before).unwrap(), 0);
        assert_eq!(left(root), [&"a".repeat(16), &used, &shared, "somebodys"].map(|name| name.to_owned()).into());
    }

    #[test]
    fn a_pass_takes_a_page_and_the_next_one_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let ours = ours(folder.path());
        let other = folder.path().join("b".repeat(16));
        for number in 0..PAGE + 1 {
            write(&other.join(hash(number)), 100);
        }
        let pass = || ours.remove_leftovers(NOON, NOON).unwrap();
        assert_eq!([pass(), pass(), pass()], [PAGE, 1, 0]);
    }
}

//! What was compiled before: a file for each component, with a tag of our key ring. It is only ever a cache. The truth
//! is the component; what is missing, of another engine or not ours is compiled again.

mod sweep;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use crate::seal::{KeyRing, OpenError};

/// The folder of what one engine compiled.
pub struct Artifacts {
    folder: PathBuf,
    /// Of the engine that compiles: another release of wasmtime, or another processor, has another one.
    compatibility: String,
    keys: Arc<KeyRing>,
}

impl Artifacts {
    /// The artifacts in a folder, which is made where there is none. Those of other engines in it stay until they are swept.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(folder: &Path, compatibility: &str, keys: Arc<KeyRing>) -> anyhow::Result<Self> {
        let own = folder.join(&compatibility[..ENGINE_DIGITS]);
        let context = || format!("cannot use the folder of compiled transformations {}", folder.display());
        std::fs::create_dir_all(&own).with_context(context)?;
        Ok(Self { folder: own, compatibility: compatibility.to_owned(), keys })
    }

    /// What we compiled of the component with this hash, unchanged.
    pub(super) fn find(&self, hash: &str) -> Option<Vec<u8>> {
        let path = self.path(hash);
        let file = match std::fs::read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!("{} cannot be read, and is compiled again: {error}", path.display());
                return None;
            }
        };
        match self.untagged(hash, file) {
            Ok(artifact) => Some(artifact),
            Err(error) => {
                // Nobody but us writes there. An operator should know.
                metrics::counter!("leadline_artifacts_refused_total").increment(1);
                tracing::error!("{} is not what we compiled, and is compiled again: {error}", path.display());
                None
            }
        }
    }

    /// Keeps what was compiled. That it cannot be written costs the next start some time, and nothing else.
    pub fn keep(&self, hash: &str, artifact: &[u8]) {
        if let Err(error) = self.write(hash, artifact) {
            tracing::warn!("what was compiled cannot be kept, and will be compiled again: {error:#}");
        }
    }

    fn write(&self, hash: &str, artifact: &[u8]) -> anyhow::Result<()> {
        let path = self.path(hash);
        let context = || format!("cannot write {}", path.display());
        // Another release that was started beside us may have taken it away.
        std::fs::create_dir_all(&self.folder).with_context(context)?;
        // Put in its place as a whole: nobody reads half of it. Not synced, because a torn file has no tag.
        let mut unfinished = tempfile::Builder::new();
        unfinished.prefix(UNFINISHED).rand_bytes(UNFINISHED_DIGITS);
        let mut file = unfinished.tempfile_in(&self.folder).with_context(context)?;
        writeln!(file, "{}", self.keys.tag(&self.place(hash), artifact)).with_context(context)?;
        file.write_all(artifact).with_context(context)?;
        file.persist(&path).with_context(context)?;
        Ok(())
    }

    /// The artifact in a file, if its tag is ours.
    fn untagged(&self, hash: &str, mut file: Vec<u8>) -> Result<Vec<u8>, OpenError> {
        let end = file.iter().take(TAG_BYTES_MAX).position(|byte| *byte == b'\n').ok_or(OpenError::Damaged)?;
        let artifact = file.split_off(end + 1);
        let tag = std::str::from_utf8(&file[..end]).map_err(|_| OpenError::Damaged)?;
        self.keys.check_tag(&self.place(hash), tag, &artifact)?;
        Ok(artifact)
    }

    fn path(&self, hash: &str) -> PathBuf {
        self.folder.join(hash)
    }

    /// What a tag is bound to, so that a file cannot be put in the place of another.
    fn place(&self, hash: &str) -> String {
        format!("compiled/{}/{hash}", self.compatibility)
    }
}

/// Of an engine's hash, what names its folder.
const ENGINE_DIGITS: usize = 16;

/// What the name of a file begins with that is not finished, and how many letters and digits follow.
const UNFINISHED: &str = ".tmp";
const UNFINISHED_DIGITS: usize = 6;

/// An id of a key, and 32 bytes in base64.
const TAG_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0c5b36a1f4cb4b9e8a3c7c6a5f0d1e2f";

    fn keys(line: &str) -> Arc<KeyRing> {
        Arc::new(KeyRing::parse(&line.to_owned().into()).unwrap())
    }

    fn first() -> Arc<KeyRing> {
        keys("k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
    }

    fn artifacts(folder: &Path, compatibility: char, keys: Arc<KeyRing>) -> Artifacts {
        Artifacts::open(folder, &String::from(compatibility).repeat(64), keys).unwrap()
    }

    #[test]
    fn only_what_we_compiled_for_this_component_and_engine_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let ours = artifacts(folder.path(), 'a', first());
        assert_eq!(ours.find(HASH), None, "nothing yet");
        ours.keep(HASH, b"code\nof ours");
        assert_eq!(ours.find(HASH).as_deref(), Some(&b"code\nof ours"[..]));

        std::fs::copy(ours.path(HASH), ours.path("another")).unwrap();
        assert_eq!(ours.find("another"), None, "of another component");

        let stranger = keys("k1:HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
        assert_eq!(artifacts(folder.path(), 'a', stranger).find(HASH), None, "of another key");

        let good = std::fs::read(ours.path(HASH)).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(ours.path(HASH), &bad).unwrap();
            assert_eq!(ours.find(HASH), None, "bit flipped at {at}");
            std::fs::write(ours.path(HASH), &good[..at]).unwrap();
            assert_eq!(ours.find(HASH), None, "cut at {at}");
        }
    }

    #[test]
    fn a_rotated_key_ring_still_knows_what_was_compiled() {
        let folder = tempfile::tempdir().unwrap();
        artifacts(folder.path(), 'a', first()).keep(HASH, b"code");
        let rotated =
            keys("k2:HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\nk1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
        assert_eq!(artifacts(folder.path(), 'a', rotated).find(HASH).as_deref(), Some(&b"code"[..]));
    }
}

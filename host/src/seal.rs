//! Secrets at rest: XChaCha20-Poly1305 under a key ring. The first key seals, every key opens, and a sealed value is
//! bound to its table, row and column, so that it cannot be moved to another.

mod file;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

type Keys = Vec<(String, Uses)>;

/// What a key is used for.
struct Uses {
    cipher: XChaCha20Poly1305,
    /// For what is no secret, and must be ours all the same.
    tags: Hmac<Sha256>,
}

/// The keys that seal and open secrets. Does not print. One that was read from a file is read again when the file
/// changes: a service goes on while its keys are rotated.
pub struct KeyRing {
    keys: RwLock<Keys>,
    file: Option<PathBuf>,
    /// So many of the keys, the first ones, are in the file. The others were, and open what they sealed until the process ends.
    listed: AtomicUsize,
    /// Of the file, when it was read last.
    stamp: Mutex<Option<file::Stamp>>,
}

/// Why a sealed value cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("its key `{0}` is not in the key ring; put the key back")]
    UnknownKey(String),
    #[error("it is damaged, or was moved from another row")]
    Damaged,
}

impl KeyRing {
    /// Reads `id:base64` of 32 bytes a line; the first one seals.
    ///
    /// # Errors
    /// Names the line that is wrong, never its key.
    pub fn parse(text: &SecretString) -> anyhow::Result<Self> {
        let keys = parse(text)?;
        Ok(Self { listed: keys.len().into(), keys: RwLock::new(keys), file: None, stamp: Mutex::new(None) })
    }

    /// The key ring of a file, which is made with one new key where there is none.
    ///
    /// # Errors
    /// When the file cannot be read, written, or understood.
    pub fn open_file(path: &Path) -> anyhow::Result<Self> {
        if !path.exists() {
            file::create(path)?;
        }
        let (text, stamp) = file::read(path)?;
        let keys = parse(&text).with_context(|| format!("the key ring {} cannot be used", path.display()))?;
        let (listed, stamp) = (keys.len().into(), Mutex::new(Some(stamp)));
        Ok(Self { keys: RwLock::new(keys), file: Some(path.to_owned()), listed, stamp })
    }

    /// The ids of the keys, the one that seals first.
    pub fn ids(&self) -> Vec<String> {
        self.look_again();
        self.keys().iter().take(self.listed.load(Ordering::Relaxed)).map(|(id, _)| id.clone()).collect()
    }

    /// Puts a new key first, and keeps the others. From then on it seals, here and in every process on this file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add_key(&self) -> anyhow::Result<String> {
        let id = file::add_key(self.file()?)?;
        self.look_again();
        Ok(id)
    }

    /// Takes keys out of the file. This process goes on knowing them until it ends.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remove_keys(&self, ids: &[String]) -> anyhow::Result<()> {
        file::remove_keys(self.file()?, ids)
    }

    fn file(&self) -> anyhow::Result<&Path> {
        self.file.as_deref().context("this key ring is not in a file")
    }

    fn keys(&self) -> std::sync::RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the file again if it changed. What was known stays known, in case a value is still on its way.
    fn look_again(&self) {
        let Some(path) = &self.file else { return };
        let mut stamp = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        if *stamp == file::stamp(path) {
            return;
        }
        match file::read(path).and_then(|(text, read)| Ok((parse(&text)?, read))) {
            Ok((mut keys, read)) => {
                let mut known = self.keys.write().unwrap_or_else(PoisonError::into_inner);
                let old = std::mem::take(&mut *known);
                let gone = old.into_iter().filter(|(id, _)| !keys.iter().any(|(new, _)| new == id)).collect::<Keys>();
                self.listed.store(keys.len(), Ordering::Relaxed);
                keys.extend(gone);
                *known = keys;
                *stamp = Some(read);
            }
            // The old keys still open what they sealed; the file may be half way through somebody's editor.
            Err(error) => tracing::error!("the key ring changed and cannot be read again: {error:#}"),
        }
    }

    /// Seals `secret` for one place, such as `connections/con_1/token`.
    pub fn seal(&self, place: &str, secret: &str) -> String {
        self.look_again();
        let keys = self.keys();
        let (id, Uses { cipher, .. }) = &keys[0];
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).expect("the operating system gives random bytes");
        let payload = Payload { msg: secret.as_bytes(), aad: place.as_bytes() };
        let sealed =
            cipher.encrypt(&XNonce::from(nonce), payload).expect("a secret is far shorter than the cipher's limit");
        format!("{id}.{}", BASE64.encode([&nonce[..], &sealed].concat()))
    }

    /// Opens what [`Self::seal`] made for the same place.
    ///
    /// # Errors
    /// When its key is not in the ring, or the value is not the one that was sealed here.
    pub fn open(&self, place: &str, sealed: &str) -> Result<SecretString, OpenError> {
        let (id, bytes) = split(sealed)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(OpenError::Damaged)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| OpenError::Damaged)?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        let opened = self.with_key(id, |key| key.cipher.decrypt(&nonce, payload))?.map_err(|_| OpenError::Damaged)?;
        String::from_utf8(opened).map(SecretString::from).map_err(|_| OpenError::Damaged)
    }

    /// A tag that says of bytes which are no secret that they are ours and belong to this place.
    pub fn tag(&self, place: &str, bytes: &[u8]) -> String {
        self.look_again();
        let keys = self.keys();
        let (id, Uses { tags, .. }) = &keys[0];
        format!("{id}.{}", BASE64.encode(tagging(tags, place, bytes).finalize().into_bytes()))
    }

    /// Whether a tag is the one that [`Self::tag`] made of these bytes for the same place.
    ///
    /// # Errors
    /// When its key is not in the ring, or bytes, tag or place are other ones.
    pub fn check_tag(&self, place: &str, tag: &str, bytes: &[u8]) -> Result<(), OpenError> {
        let (id, tag) = split(tag)?;
        self.with_key(id, |key| tagging(&key.tags, place, bytes).verify_slice(&tag))?.map_err(|_| OpenError::Damaged)
    }

    /// Uses the key of this name, which may have come into the file just now.
    fn with_key<T>(&self, id: &str, use_it: impl FnOnce(&Uses) -> T) -> Result<T, OpenError> {
        let mut keys = self.keys();
        if !keys.iter().any(|(known, _)| known == id) {
            drop(keys);
            self.look_again();
            keys = self.keys();
        }
        let key = keys.iter().find(|(known, _)| known == id);
        key.map(|(_, key)| use_it(key)).ok_or_else(|| OpenError::UnknownKey(id.to_owned()))
    }
}

/// The name of a key, and the bytes behind it.
fn split(text: &str) -> Result<(&str, Vec<u8>), OpenError> {
    let (id, encoded) = text.split_once('.').ok_or(OpenError::Damaged)?;
    Ok((id, BASE64.decode(encoded).map_err(|_| OpenError::Damaged)?))
}

/// The length of the place goes first, so that no byte can move between place and bytes.
fn tagging(tags: &Hmac<Sha256>, place: &str, bytes: &[u8]) -> Hmac<Sha256> {
    let length = u64::try_from(place.len()).expect("a length fits in 64 bits").to_le_bytes();
    tags.clone().chain_update(length).chain_update(place).chain_update(bytes)
}

/// Reads `id:base64` of 32 bytes a line.
fn parse(text: &SecretString) -> anyhow::Result<Keys> {
    let mut keys = Keys::new();
    let lines = text.expose_secret().lines().map(str::trim).enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let number = index + 1;
        let (id, encoded) =
            line.split_once(':').with_context(|| format!("line {number} of the key ring is not `id:key`"))?;
        let bytes = BASE64.decode(encoded.trim_end_matches('=')).ok();
        let key = bytes.and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes).ok());
        let key =
            key.with_context(|| format!("key `{id}` (line {number} of the key ring) is not base64 of 32 bytes"))?;
        if id.is_empty() || id.contains('.') || keys.iter().any(|(known, _)| known == id) {
            bail!("the id of line {number} of the key ring is empty, has a dot, or is there twice");
        }
        let tags = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).expect("a key of any length will do");
        keys.push((id.to_owned(), Uses { cipher: XChaCha20Poly1305::new(&Key::from(key)), tags }));
    }
    if keys.is_empty() {
        bail!("the key ring holds no key");
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(lines: &str) -> KeyRing {
        KeyRing::parse(&lines.to_owned().into()).unwrap()
    }

    const K1: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    const K2: &str = "k2:HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    #[test]
    fn every_key_opens_and_the_first_one_seals() {
        let old = ring(K1).seal("connections/con_1/token", "secret");
        let both = ring(&format!("{K2}\n{K1}\n"));
        assert_eq!(both.open("connections/con_1/token", &old).unwrap().expose_secret(), "secret");
        assert!(both.seal("p", "secret").starts_with("k2."));
        assert!(!old.contains("secret"));
    }

    #[test]
    fn a_sealed_value_opens_only_in_its_place_and_with_its_key() {
        let sealed = ring(K1).seal("connections/con_1/token", "secret");
        assert!(matches!(ring(K1).open("connections/con_2/token", &sealed), Err(OpenError::Damaged)));
        assert!(
            matches!(ring(K2).open("connections/con_1/token", &sealed), Err(OpenError::UnknownKey(id)) if id == "k1")
        );
        for damaged in ["", "k1", "k1.", "k1.AAAA", &format!("{sealed}A"), &sealed.replace("k1.", "k1.A")] {
            assert!(matches!(ring(K1).open("connections/con_1/token", damaged), Err(OpenError::Damaged)), "{damaged}");
        }
    }

    #[test]
    fn a_key_ring_that_cannot_be_used_says_where() {
        for (text, words) in [("", "no key"), ("k1", "line 1"), ("k1:AAAA", "`k1`"), (&format!("{K1}\n{K1}"), "line 2")]
        {
            let error = KeyRing::parse(&text.to_owned().into()).err().expect("refused").to_string();
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("AAECAw"), "the key is in the error");
        }
    }

    #[test]
    fn a_rotated_ring_is_noticed_and_old_values_open_until_their_key_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        let (service, command) = (KeyRing::open_file(&file).unwrap(), KeyRing::open_file(&file).unwrap());
        let old = service.seal("p", "secret");
        let id = command.add_key().unwrap();
        let new = command.seal("p", "secret");
        assert!(new.starts_with(&format!("{id}.")));
        assert_eq!(service.open("p", &new).unwrap().expose_secret(), "secret");
        assert_eq!(service.ids(), command.ids());
        assert!(service.seal("p", "secret").starts_with(&format!("{id}.")), "the service seals with the new key");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);

        let first = service.ids()[1].clone();
        command.remove_keys(std::slice::from_ref(&first)).unwrap();
        let fresh = KeyRing::open_file(&file).unwrap();
        assert_eq!(fresh.ids(), [id]);
        assert!(matches!(fresh.open("p", &old), Err(OpenError::UnknownKey(gone)) if gone == first));
        assert_eq!(service.ids(), fresh.ids(), "what the file lists");
        assert!(service.open("p", &old).is_ok(), "what a process knew it goes on knowing");
    }
}

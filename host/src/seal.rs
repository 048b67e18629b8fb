//! Secrets at rest: XChaCha20-Poly1305 under a key ring. The first key seals, every key opens, and a sealed value is
//! bound to its table, row and column, so that it cannot be moved to another.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// The keys that seal and open secrets. Does not print.
pub struct KeyRing {
    keys: Vec<(String, XChaCha20Poly1305)>,
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
        let mut keys = Vec::new();
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
            keys.push((id.to_owned(), XChaCha20Poly1305::new(&Key::from(key))));
        }
        if keys.is_empty() {
            bail!("the key ring holds no key");
        }
        Ok(Self { keys })
    }

    /// The key ring of a file, which is made with one new key where there is none.
    ///
    /// # Errors
    /// When the file cannot be read, written, or understood.
    pub fn open_file(path: &Path) -> anyhow::Result<Self> {
        if !path.exists() {
            create_private(path, &new_key_line())?;
        }
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read the key ring {}", path.display()))?;
        Self::parse(&text.into()).with_context(|| format!("the key ring {} cannot be used", path.display()))
    }

    /// Seals `secret` for one place, such as `connections/con_1/token`.
    pub fn seal(&self, place: &str, secret: &str) -> String {
        let (id, cipher) = &self.keys[0];
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
        let (id, encoded) = sealed.split_once('.').ok_or(OpenError::Damaged)?;
        let (_, cipher) =
            self.keys.iter().find(|(known, _)| known == id).ok_or_else(|| OpenError::UnknownKey(id.to_owned()))?;
        let bytes = BASE64.decode(encoded).map_err(|_| OpenError::Damaged)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(OpenError::Damaged)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| OpenError::Damaged)?;
        let opened =
            cipher.decrypt(&nonce, Payload { msg: sealed, aad: place.as_bytes() }).map_err(|_| OpenError::Damaged)?;
        String::from_utf8(opened).map(SecretString::from).map_err(|_| OpenError::Damaged)
    }
}

fn new_key_line() -> String {
    let (mut key, mut key_id) = ([0_u8; KEY_BYTES], [0_u8; 3]);
    for random in [&mut key[..], &mut key_id[..]] {
        getrandom::fill(random).expect("the operating system gives random bytes");
    }
    let mut line =
        String::from("# Opens every secret in the database beside it. Keep a copy apart from the backups.\n");
    // Named by chance, so that a foreign key ring is told from a damaged value.
    let id: String = key_id.iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(line, "k{id}:{}", BASE64.encode(key)).expect("a String takes everything");
    line
}

/// Writes a file that only its owner may read.
fn create_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot create the key ring {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(())
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
}

//! Uploads: from the bytes of a transformation to a version that may be enabled, or a sentence that says why not. A
//! version changes nothing by itself: it is a draft until somebody enables it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::contract::manifest::Manifest;
use crate::digest::sha256_hex;
use crate::ingest::BODY_BYTES_MAX;
use crate::model::account::{QuotaClass, Version};
use crate::model::time::Timestamp;
use crate::payload::Envelope;
use crate::samples::{self, Sample};
use crate::schema::Settings;
use crate::store::{self, NewVersion, Store};
use crate::text::cut;
use crate::transform::{
    CompileError, Example, Prepared, ProbeError, Probed, Transformer, UPLOAD_BYTES_MAX, UploadError, Whose, probe,
};

/// Uploads of one account in an hour: somebody at work has fewer, and a loop that runs wild soon rests.
pub const UPLOADS_AN_HOUR: u32 = 10;
const HOUR: Duration = Duration::from_secs(60 * 60);

/// How long a refusal is remembered: trouble with the compiler may be over by then.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// Another release may accept what this one refuses.
const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// What somebody uploads.
pub struct Upload<'a> {
    /// Who owns it: an account's id, or [`store::HOUSE`] for every account.
    pub account: &'a str,
    /// Of the transformation that it is a version of.
    pub name: &'a str,
    pub note: &'a str,
    pub by: &'a str,
    pub bytes: Vec<u8>,
    /// What its author tries it on. Without any it is tried on those of Leadline.
    pub samples: Vec<Sample>,
}

/// A transformation's name: it stands before the `@` of a label.
pub const NAME_CHARS_MAX: usize = 64;
/// A note's, and a person's.
const TEXT_CHARS_MAX: usize = 500;

/// What an upload is called and who signs it, where people can use that.
///
/// # Errors
/// Says which of them cannot be used, and why.
pub fn check_words(name: &str, note: &str, by: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let starts = |name: &str| name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts(name) || !name.chars().all(plain) || name.len() > NAME_CHARS_MAX {
        return Err(format!(
            "`{}` is no name of a transformation: lower-case letters, digits and `-`, a letter first, at most {NAME_CHARS_MAX}",
            cut(name, NAME_CHARS_MAX)
        ));
    }
    for (what, text) in [("the note", note), ("the name of who uploads", by)] {
        if text.chars().count() > TEXT_CHARS_MAX || text.chars().any(char::is_control) {
            return Err(format!("{what} is longer than {TEXT_CHARS_MAX} characters, or has control characters"));
        }
    }
    Ok(())
}

/// What became of it.
#[derive(Debug)]
pub enum Uploaded {
    New(Version),
    /// The same bytes are there already, under the same name: the version stays as it is, with its samples.
    Known(Version),
    Refused(UploadError),
}

/// Checks, compiles and tries an upload, and keeps it as a version.
///
/// # Errors
/// When the store or the compiler fails through no fault of the upload.
pub async fn upload(
    store: &Store,
    transformer: &Transformer,
    upload: Upload<'_>,
    now: Timestamp,
) -> anyhow::Result<Uploaded> {
    if upload.bytes.len() > UPLOAD_BYTES_MAX {
        return Ok(Uploaded::Refused(UploadError::TooLarge { bytes: Some(upload.bytes.len()) }));
    }
    let hash = sha256_hex(&upload.bytes);
    if let Some(version) = store.version_of(upload.account, upload.name, &hash).await? {
        return Ok(Uploaded::Known(version));
    }
    if let Err(refusal) = check_samples(&upload.samples) {
        return Ok(Uploaded::Refused(refusal));
    }
    let class = store.quota(upload.account).await?;
    let judge_name = judge_name(class);
    if let Some(refusal) = store.refused_upload(upload.account, &hash, &judge_name, now - REMEMBERED).await? {
        return Ok(Uploaded::Refused(serde_json::from_value(refusal).context("a stored refusal cannot be read")?));
    }
    if let Some(next) = too_many(store, upload.account, now).await? {
        return Ok(Uploaded::Refused(next));
    }
    let Some(_place) = transformer.upload_place() else {
        return Ok(Uploaded::Refused(UploadError::Busy));
    };
    let prepared = transformer.prepare_in_turn(upload.bytes.clone());
    judge(store, transformer, &upload, (&hash, class), prepared, now).await
}

/// Who refuses: another release may accept what this one refuses, and a larger class of quota what the standard refuses.
fn judge_name(class: QuotaClass) -> String {
    match class {
        QuotaClass::Standard => RELEASE.to_owned(),
        QuotaClass::Javascript => format!("{RELEASE}/{class}"),
    }
}

/// Whether a service would take the events of the samples at its door.
fn check_samples(samples: &[Sample]) -> Result<(), UploadError> {
    match samples.iter().find(|sample| sample.body.len() > BODY_BYTES_MAX) {
        None => Ok(()),
        Some(Sample { name, body, .. }) => Err(UploadError::Sample {
            problem: format!(
                "the sample `{name}` has an event.json of {} bytes; a service takes at most {BODY_BYTES_MAX}",
                body.len()
            ),
        }),
    }
}

/// The same for what we build ourselves: without a limit on how often, and without looking whether it is known.
///
/// # Errors
/// As [`upload`].
pub async fn take(
    store: &Store,
    transformer: &Transformer,
    upload: &Upload<'_>,
    now: Timestamp,
) -> anyhow::Result<Uploaded> {
    let class = store.quota(upload.account).await?;
    let prepared = transformer.prepare_own(upload.bytes.clone());
    judge(store, transformer, upload, (&sha256_hex(&upload.bytes), class), prepared, now).await
}

async fn judge(
    store: &Store,
    transformer: &Transformer,
    upload: &Upload<'_>,
    (hash, class): (&str, QuotaClass),
    prepared: impl Future<Output = Result<Prepared, CompileError>>,
    now: Timestamp,
) -> anyhow::Result<Uploaded> {
    let began = Instant::now();
    let tried = match prepared.await {
        Ok(prepared) => match try_out(prepared, class, upload.samples.clone()).await? {
            Ok(tried) => Ok(tried),
            Err(ProbeError::Refused(refusal)) => Err(refusal),
            // Nothing was found out about the upload, so nothing is remembered of it.
            Err(ProbeError::Ours(reason)) => {
                tracing::error!("upload {hash} could not be tried, and may be sent again: {reason}");
                return Ok(Uploaded::Refused(UploadError::Busy));
            }
        },
        Err(CompileError::Refused(refusal)) => Err(refusal),
        Err(CompileError::Ours(reason)) => anyhow::bail!("the upload could not be compiled: {reason}"),
    };
    if let Err(fault @ UploadError::Nondeterministic { .. }) = &tried {
        // The guest has nothing around it that changes, so somebody of ours has to look.
        tracing::error!("upload {hash}: {fault}");
    }
    let refusal = tried.as_ref().err().map(serde_json::to_value).transpose()?;
    let record = store::Upload {
        account_id: upload.account,
        hash,
        name: upload.name,
        by: upload.by,
        refusal: refusal.as_ref(),
        release: &judge_name(class),
    };
    store.record_upload(record, now).await?;
    match tried {
        Ok((prepared, mut probed)) => {
            probed.tried.took_millis = u64::try_from(began.elapsed().as_millis()).ok();
            let tried = (prepared, probed);
            install(store, transformer, upload, tried, now).await.map(Uploaded::New)
        }
        Err(refusal) => Ok(Uploaded::Refused(refusal)),
    }
}

/// Why an account has to wait with its next upload.
async fn too_many(store: &Store, account: &str, now: Timestamp) -> anyhow::Result<Option<UploadError>> {
    let recent = store.uploads_since(account, now - HOUR, UPLOADS_AN_HOUR).await?;
    let oldest = recent.first().filter(|_| recent.len() >= UPLOADS_AN_HOUR as usize);
    Ok(oldest.map(|oldest| UploadError::Quota { next: *oldest + HOUR }))
}

/// An upload that may become a version.
type Tried = (Prepared, Probed);

/// Asks it what it is, and runs it on the samples that came with it, else on those of the events that it handles.
async fn try_out(
    prepared: Prepared,
    class: QuotaClass,
    samples: Vec<Sample>,
) -> anyhow::Result<Result<Tried, ProbeError>> {
    let tried = tokio::task::spawn_blocking(move || {
        let probed = match samples.is_empty() {
            true => probe(&prepared.loaded, class, Whose::Stock, stock_examples)?,
            false => probe(&prepared.loaded, class, Whose::Own, |_, _| own_examples(samples))?,
        };
        Ok((prepared, probed))
    });
    tried.await.context("trying out an upload panicked")
}

/// The samples of the types that a version handles, with the settings that they come with, or its defaults where it does
/// not take those. What they come to is for whoever looks at the version; none is expected.
fn stock_examples(manifest: &Manifest, schema: &Settings) -> Vec<Example> {
    let takes = |settings: &Value| schema.complete(settings.clone()).is_ok();
    let example = |sample: Sample| {
        let handled = |read: &Envelope| manifest.event_types.contains(&read.event_type);
        let envelope = Envelope::read(&sample.body).ok().filter(handled)?;
        let event = envelope.into_event(&sample.name);
        let settings = if takes(&sample.settings) { sample.settings } else { json!({}) };
        Some(Example { name: sample.name, event, settings, expected: None, whose: Whose::Stock })
    };
    samples::events().into_iter().filter_map(example).collect()
}

/// The samples of an author, as they are: one that the version does not take is a mistake.
fn own_examples(samples: Vec<Sample>) -> Vec<Example> {
    let example = |Sample { name, body, settings, expected }: Sample| {
        let event = Envelope::read(&body).ok()?.into_event(&name);
        Some(Example { name, event, settings, expected, whose: Whose::Own })
    };
    samples.into_iter().filter_map(example).collect()
}

async fn install(
    store: &Store,
    transformer: &Transformer,
    upload: &Upload<'_>,
    tried: Tried,
    now: Timestamp,
) -> anyhow::Result<Version> {
    let (Prepared { checked, loaded }, Probed { manifest, tried }) = tried;
    let new = NewVersion {
        account_id: upload.account,
        name: upload.name,
        hash: &checked.hash,
        bytes: &upload.bytes,
        contract: &checked.contract,
        manifest: &serde_json::to_value(manifest)?,
        about: &serde_json::to_value(&checked)?,
        figures: &serde_json::to_value(tried)?,
        note: upload.note,
        created_by: upload.by,
        samples: &upload.samples,
    };
    let version = store.install_version(new, now).await?;
    // Its first event need not wait for it.
    transformer.keep(&version.id, loaded);
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_a_label_can_be_made_of() {
        for name in ["deals", "acme-deals", "a", &"a".repeat(NAME_CHARS_MAX)] {
            assert_eq!(check_words(name, "", "ana"), Ok(()), "{name}");
        }
        for name in ["", "a@b", "Deals", "tfv_1", "-a", "1a", "a b", "a\0", &"a".repeat(NAME_CHARS_MAX + 1)] {
            assert!(check_words(name, "", "ana").is_err(), "{name:?}");
        }
        assert!(check_words("deals", "a\nb", "ana").is_err() && check_words("deals", "", &"a".repeat(501)).is_err());
    }
}

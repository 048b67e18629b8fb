//! Versions on demand: from memory, from what was compiled before, or compiled anew beside everything else, so that one
//! account's new version, or a new engine, makes nobody else wait.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::model::id::VersionId;
use crate::store::Store;
use crate::transform::{CompileError, Failed, Loaded, Transformer, Turn, UploadError};

/// How long a lane rests whose version is being compiled: a fraction of what that takes.
const WHILE_COMPILED: Duration = Duration::from_millis(100);
/// How long it rests when the machine could not compile it.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// What there is of a version.
pub enum Load {
    Ready(Arc<Loaded>),
    /// It is not there yet; look again after this time.
    Later(Duration),
    /// It cannot run here: why.
    Broken(String),
}

impl Load {
    /// How long to wait before looking again.
    pub fn later(&self) -> Option<Duration> {
        match self {
            Self::Later(wait) => Some(*wait),
            Self::Ready(_) | Self::Broken(_) => None,
        }
    }
}

/// Loads a version, or begins to compile it.
///
/// # Errors
/// When the store fails.
pub async fn load(store: &Store, transformer: &Transformer, version: &VersionId) -> anyhow::Result<Load> {
    if let Some(loaded) = at_hand(store, transformer, version).await? {
        return Ok(Load::Ready(loaded));
    }
    Ok(match transformer.turn(version) {
        Turn::Mine => {
            tokio::spawn(compile(store.clone(), transformer.clone(), version.clone()));
            Load::Later(WHILE_COMPILED)
        }
        Turn::Over(loaded) => Load::Ready(loaded),
        Turn::Anothers => Load::Later(WHILE_COMPILED),
        Turn::Failed(Failed::ForGood(reason)) => Load::Broken(reason),
        Turn::Failed(Failed::ForNow) => Load::Later(AFTER_TROUBLE),
    })
}

/// Loads a version, and waits for the compiler if it has to.
///
/// # Errors
/// When the store fails, or the version cannot run here.
pub async fn ready(store: &Store, transformer: &Transformer, version: &VersionId) -> anyhow::Result<Arc<Loaded>> {
    if let Some(loaded) = at_hand(store, transformer, version).await? {
        return Ok(loaded);
    }
    let loaded = compiled(store, transformer, version).await;
    let loaded = loaded.with_context(|| format!("version {version} cannot be loaded"))?;
    Ok(transformer.keep(version, loaded))
}

/// A version in memory, or one that was compiled before.
async fn at_hand(store: &Store, transformer: &Transformer, version: &VersionId) -> anyhow::Result<Option<Arc<Loaded>>> {
    if let Some(loaded) = transformer.loaded(version) {
        return Ok(Some(loaded));
    }
    let Some(hash) = store.component_hash(version).await? else { return Ok(None) };
    let (transformer, version) = (transformer.clone(), version.clone());
    tokio::task::spawn_blocking(move || transformer.load(&version, &hash)).await.context("loading panicked")
}

async fn compile(store: Store, transformer: Transformer, version: VersionId) {
    let came = match compiled(&store, &transformer, &version).await {
        Ok(loaded) => Ok(loaded),
        Err(error) => {
            tracing::error!("version {version} cannot run: {error:#}");
            Err(match error.downcast_ref::<CompileError>() {
                // It was compiled when it was uploaded: what ends the compiler now is trouble of the machine.
                Some(CompileError::Refused(
                    UploadError::CompileTime | UploadError::CompileMemory | UploadError::CompileCrashed,
                ))
                | Some(CompileError::Ours(_))
                | None => Failed::ForNow,
                Some(CompileError::Refused(refusal)) => Failed::ForGood(refusal.to_string()),
            })
        }
    };
    transformer.compiled(&version, came);
}

async fn compiled(store: &Store, transformer: &Transformer, version: &VersionId) -> anyhow::Result<Loaded> {
    let bytes = store.component(version).await?.context("its component is not in the store")?;
    Ok(transformer.prepare_in_turn(bytes).await?.loaded)
}

//! The settings of a version as a form, with what the portal offers for them.

use serde::Serialize;
use serde_json::Value;

use super::RolloutError;
use super::choice::{Picked, pick, read_portal};
use crate::fit;
use crate::form::{self, Field};
use crate::hubspot::HubSpot;
use crate::model::account::{Account, Connection};
use crate::model::portal::PortalSchema;
use crate::model::time::Timestamp;
use crate::schema::{Settings, Violation};
use crate::store::{Store, StoreError};

/// The settings of a version as a form.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SettingsForm)]
pub struct Drawn {
    pub version: String,
    pub fields: Vec<Field>,
    /// Where they do not fit the version or the portal.
    pub violations: Vec<Violation>,
}

/// The form of a version's settings, with what the portal offers as it is now. Where it cannot be read, as it was read
/// last.
///
/// # Errors
/// [`RolloutError`], for the person who asked.
pub async fn settings_form(
    store: &Store,
    hubspot: &HubSpot,
    (account, connection): (&Account, &Connection),
    word: &str,
    settings: Option<Value>,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<Drawn, RolloutError> {
    let picked = pick(store, account, connection, word, settings).await?;
    let mut needs = fit::needs(&picked.manifest, &picked.settings);
    // The lists are shown whether or not something of them is chosen yet.
    let schema: Value = serde_json::from_str(&picked.manifest.settings_schema).map_err(StoreError::decode)?;
    needs.add(fit::offered(&schema));
    match read_portal(store, hubspot, connection, &needs, clock).await {
        Some(live) => draw(picked, Some(&live)),
        None => draw(picked, store.schema(connection).await?.as_ref().map(|cached| cached.schema.as_ref())),
    }
}

/// The same form with what the portal offered when it was read last: HubSpot is not asked.
///
/// # Errors
/// [`RolloutError`], for the person who asked.
pub async fn settings_form_as_read(
    store: &Store,
    (account, connection): (&Account, &Connection),
    word: &str,
    settings: Value,
) -> Result<Drawn, RolloutError> {
    let picked = pick(store, account, connection, word, Some(settings)).await?;
    draw(picked, store.schema(connection).await?.as_ref().map(|cached| cached.schema.as_ref()))
}

fn draw(Picked { version, manifest, settings }: Picked, portal: Option<&PortalSchema>) -> Result<Drawn, RolloutError> {
    let fields = form::form(&manifest.settings_schema, &settings, portal).map_err(StoreError::decode)?;
    let checked = Settings::compile(&manifest.settings_schema).map_err(StoreError::decode)?.complete(settings);
    let violations = match checked {
        Err(violations) => violations,
        Ok(settings) => {
            let misfits = portal.into_iter().flat_map(|portal| fit::check_settings(&manifest, &settings, portal));
            misfits.map(Violation::from).collect()
        }
    };
    Ok(Drawn { version: version.label(), fields, violations })
}

//! The choice of a version and its settings, and what is known of it for a connection.

use serde_json::{Value, json};

use super::RolloutError;
use crate::connection::{UseError, drift, portal, scopes, session};
use crate::contract::manifest::Manifest;
use crate::fit;
use crate::gates::{Evidence, Examples};
use crate::hubspot::HubSpot;
use crate::model::account::{Account, Connection, Version};
use crate::model::portal::PortalSchema;
use crate::model::time::Timestamp;
use crate::schema::Settings;
use crate::store::{self, Bound, Store, StoreError};
use crate::transform::{Quota, Tried, Whose};

/// A version that is to be used, with settings that were completed and checked against its schema.
#[derive(Clone, Debug)]
pub struct Choice {
    pub version: Version,
    pub manifest: Manifest,
    pub settings: Value,
    /// What the version needs of the portal, as it is now; none where what was read last has to do.
    pub portal: Option<PortalSchema>,
}

/// The version of a word, such as `deals@3` or an id, with settings for it. Without settings those that the connection
/// uses with the same transformation are kept.
///
/// # Errors
/// [`RolloutError`], for the person who chose.
pub async fn choose(
    store: &Store,
    account: &Account,
    connection: &Connection,
    word: &str,
    settings: Option<Value>,
) -> Result<Choice, RolloutError> {
    let Picked { version, manifest, settings } = pick(store, account, connection, word, settings).await?;
    let schema = Settings::compile(&manifest.settings_schema).map_err(StoreError::decode)?;
    let settings = schema.complete(settings);
    let settings = settings.map_err(|violations| UseError::Settings { label: version.label(), violations })?;
    Ok(Choice { version, manifest, settings, portal: None })
}

/// The same, with the portal as it is now. Where it cannot be read, what was read last counts.
///
/// # Errors
/// [`RolloutError`], for the person who chose.
pub async fn choose_live(
    store: &Store,
    hubspot: &HubSpot,
    (account, connection): (&Account, &Connection),
    word: &str,
    settings: Option<Value>,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<Choice, RolloutError> {
    let choice = choose(store, account, connection, word, settings).await?;
    let needs = fit::needs(&choice.manifest, &choice.settings);
    let portal = read_portal(store, hubspot, connection, &needs, clock).await;
    Ok(Choice { portal, ..choice })
}

/// What is needed of a portal, as it is now; none where HubSpot does not show it.
pub(super) async fn read_portal(
    store: &Store,
    hubspot: &HubSpot,
    connection: &Connection,
    needs: &fit::Needs,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Option<PortalSchema> {
    match session::open(store, hubspot, connection, clock).await {
        Ok(session) => portal::read_schema(&session, needs).await.ok().map(|read| read.schema),
        Err(_) => None,
    }
}

/// A version with settings that nobody has checked.
pub(super) struct Picked {
    pub(super) version: Version,
    pub(super) manifest: Manifest,
    pub(super) settings: Value,
}

pub(super) async fn pick(
    store: &Store,
    account: &Account,
    connection: &Connection,
    word: &str,
    settings: Option<Value>,
) -> Result<Picked, RolloutError> {
    let Some(version) = store.version(account.id.as_str(), word).await? else {
        return Err(no_version(store, account.id.as_str(), word).await?);
    };
    let settings = match settings {
        Some(settings) => settings,
        None => {
            let bound = store.bound(connection).await?.into_iter();
            let same = |label: &str| label.split('@').next() == Some(version.name.as_str());
            bound.filter(|bound| same(&bound.label)).map(|bound| bound.settings).next().unwrap_or_else(|| json!({}))
        }
    };
    let manifest: Manifest = serde_json::from_value(version.manifest.clone()).map_err(StoreError::decode)?;
    Ok(Picked { version, manifest, settings })
}

/// Nobody knows the version; those that there are.
pub(super) async fn no_version(store: &Store, account: &str, word: &str) -> store::Result<RolloutError> {
    let mut known = Vec::new();
    for name in store.transformation_names(account).await? {
        known.extend(store.newest_version(account, &name).await?.map(|newest| newest.label()));
    }
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Ok(RolloutError::NoVersion { word: word.to_owned(), known })
}

/// What is known of a version for a connection.
///
/// # Errors
/// The store's.
pub async fn evidence(store: &Store, connection: &Connection, choice: &Choice) -> store::Result<Evidence> {
    let Choice { version, manifest, settings, portal } = choice;
    let bound = Bound {
        label: version.label(),
        event_type: String::new(),
        manifest: manifest.clone(),
        settings: settings.clone(),
    };
    let cached = store.schema(connection).await?.map(|cached| cached.schema);
    let schema = portal.as_ref().or(cached.as_deref());
    let known = |check: &dyn Fn(&PortalSchema) -> Vec<String>| schema.map_or_else(Vec::new, check);
    let properties = known(&|portal| {
        let wanted = drift::wanted(std::slice::from_ref(&bound), &connection.policy);
        let trouble = wanted.iter().map(|wanted| (&wanted.definition, fit::compare(&wanted.definition, portal)));
        trouble.filter(|(_, state)| state.is_trouble()).map(|(definition, state)| state.sentence(definition)).collect()
    });
    let misfits = schema.map_or_else(Vec::new, |portal| fit::check_settings(manifest, settings, portal));
    let needs = scopes::needs(&[(manifest.clone(), settings.clone())]);
    let missing = scopes::missing(connection, &needs).into_iter();
    Ok(Evidence {
        version: version.label(),
        is_stock: store.is_stock(&version.id).await?,
        examples: examples(&version.figures)?,
        shadow: store.shadow_of(connection, &version.id, settings).await?.and_then(|run| run.report),
        fuel_max: Quota::of(store.quota(connection.account_id.as_str()).await?).fuel,
        settings: misfits.into_iter().map(Into::into).collect(),
        missing_scopes: missing.map(|missing| missing.sentence).collect(),
        properties,
    })
}

/// How the runs of an upload went, as they stand with the version.
fn examples(figures: &Value) -> store::Result<Examples> {
    let tried: Tried = serde_json::from_value(figures.clone()).map_err(StoreError::decode)?;
    let red: Vec<_> = tried.red().map(str::to_owned).collect();
    let own = tried.samples == Whose::Own;
    Ok(match tried.runs.len() as u64 {
        0 => Examples::None,
        count if red.is_empty() => Examples::Green { count, own },
        _ => Examples::Red { names: red, own },
    })
}

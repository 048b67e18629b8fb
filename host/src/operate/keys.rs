//! The keys that seal what is secret, how far a rotation has come, the HubSpot app, and the secrets of sources.

use serde::Serialize;

use crate::app::App;
use crate::hubspot::HubSpot;
use crate::model::time::Timestamp;
use crate::store::{self, SourceSecret, Store};

/// A key of the ring. What it is never leaves the ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RingKey {
    pub id: String,
    /// Values that it sealed.
    pub values: u64,
    /// The one that seals from now on; the others only open.
    pub seals: bool,
}

/// The app at HubSpot that dealerships connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct HubSpotApp {
    pub client_id: String,
    /// Where HubSpot sends people back to: the app has to list it.
    pub redirect_url: String,
}

/// Keys and app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Keys {
    /// The one that seals first.
    pub ring: Vec<RingKey>,
    /// Values that the first key sealed, in percent: less than a hundred while a rotation is to be finished.
    pub sealed_by_first_percent: u64,
    /// None where portals are connected by the tokens of private apps only.
    pub hubspot_app: Option<HubSpotApp>,
    /// Those that count now, the oldest first.
    pub source_secrets: Vec<SourceSecret>,
}

/// Gathers it in a process that serves.
///
/// # Errors
/// The store's.
pub async fn gather(app: &App, now: Timestamp) -> store::Result<Keys> {
    of_store(&app.store, &app.hubspot, now).await
}

/// Gathers it.
///
/// # Errors
/// The store's.
pub async fn of_store(store: &Store, hubspot: &HubSpot, now: Timestamp) -> store::Result<Keys> {
    let ring = ring(store).await?;
    let hubspot_app = hubspot
        .app()
        .map(|app| HubSpotApp { client_id: app.client_id().to_owned(), redirect_url: app.redirect_url().to_owned() });
    Ok(Keys {
        sealed_by_first_percent: sealed_by_first(&ring),
        ring,
        hubspot_app,
        source_secrets: store.source_secrets(now).await?,
    })
}

/// The keys, and how many values each seals.
///
/// # Errors
/// The store's.
pub async fn ring(store: &Store) -> store::Result<Vec<RingKey>> {
    let keys = store.keys_in_use().await?.into_iter().enumerate();
    Ok(keys.map(|(index, (id, values))| RingKey { id, values, seals: index == 0 }).collect())
}

fn sealed_by_first(ring: &[RingKey]) -> u64 {
    let all: u64 = ring.iter().map(|key| key.values).sum();
    let first = ring.first().map_or(0, |key| key.values);
    (first * 100).checked_div(all).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_is_done_when_the_first_key_sealed_everything() {
        let ring = |values: &[u64]| -> Vec<_> {
            let key = |values: &u64| RingKey { id: "k".to_owned(), values: *values, seals: false };
            values.iter().map(key).collect()
        };
        for (values, percent) in [(&[][..], 100), (&[0], 100), (&[7], 100), (&[0, 9], 0), (&[3, 1], 75)] {
            assert_eq!(sealed_by_first(&ring(values)), percent, "{values:?}");
        }
    }
}

//! The keys that seal what is secret, how far a rotation has come, the HubSpot app, and the secrets of sources. And a
//! rotation beside the work of the service, with its progress.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;

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
    /// It is not in the ring any more: nobody can open what it sealed until it is put back.
    pub is_lost: bool,
    /// When it was made, or, where `is_exact` is false, when this service saw it first: it may be older.
    pub known_since: Option<Timestamp>,
    pub is_exact: bool,
}

/// How the rotation goes that was begun in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RotationState {
    pub is_running: bool,
    /// Values that it could not open, and why. They stay as they are.
    pub unreadable: Vec<String>,
    /// Why it stopped before its end. What it did until then stays, and the next one goes on from there.
    pub stopped: Option<String>,
}

/// The rotation of this process: one at a time.
#[derive(Debug, Default)]
pub struct Rotation(watch::Sender<RotationState>);

impl Rotation {
    pub fn state(&self) -> RotationState {
        self.0.borrow().clone()
    }

    /// Ready when none is running.
    pub async fn ended(&self) {
        self.0.subscribe().wait_for(|state| !state.is_running).await.expect("the sender is in `self`");
    }

    /// False: one is running.
    fn begin(&self) -> bool {
        self.0.send_if_modified(|state| {
            let begins = !state.is_running;
            if begins {
                *state = RotationState { is_running: true, ..RotationState::default() };
            }
            begins
        })
    }

    fn end(&self, state: RotationState) {
        self.0.send_replace(state);
    }
}

/// How a rotation began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// With this new key.
    New(String),
    /// An earlier one was interrupted, and goes on.
    GoesOn,
    /// It is under way already.
    Running,
}

/// Puts a new key first and seals everything again with it, beside the work of the service; or goes on with what was
/// interrupted.
///
/// # Errors
/// The store's, and when the key ring cannot be written.
pub async fn rotate(app: &Arc<App>) -> anyhow::Result<Begun> {
    if !app.rotation.begin() {
        return Ok(Begun::Running);
    }
    let new_key = match app.store.begin_rotation((app.clock)()).await {
        Ok(new_key) => new_key,
        Err(error) => {
            app.rotation.end(RotationState::default());
            return Err(error);
        }
    };
    let sealing = app.clone();
    tokio::spawn(async move {
        let state = match sealing.store.reseal().await {
            Ok(resealed) => RotationState { unreadable: resealed.unreadable, ..RotationState::default() },
            Err(error) => {
                tracing::error!("a rotation of keys stopped, and can be continued: {error}");
                let stopped = "the database failed; the log says how".to_owned();
                RotationState { stopped: Some(stopped), ..RotationState::default() }
            }
        };
        sealing.rotation.end(state);
    });
    Ok(new_key.map_or(Begun::GoesOn, Begun::New))
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
    /// Values that older keys sealed.
    pub values_left: u64,
    pub rotation: RotationState,
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
    Ok(Keys { rotation: app.rotation.state(), ..of_store(&app.store, &app.hubspot, now).await? })
}

/// Gathers it.
///
/// # Errors
/// The store's.
pub async fn of_store(store: &Store, hubspot: &HubSpot, now: Timestamp) -> store::Result<Keys> {
    let ring = ring(store, now).await?;
    let hubspot_app = hubspot
        .app()
        .map(|app| HubSpotApp { client_id: app.client_id().to_owned(), redirect_url: app.redirect_url().to_owned() });
    Ok(Keys {
        sealed_by_first_percent: sealed_by_first(&ring),
        values_left: ring.iter().filter(|key| !key.seals).map(|key| key.values).sum(),
        rotation: RotationState::default(),
        ring,
        hubspot_app,
        source_secrets: store.source_secrets(None, now).await?,
    })
}

/// The keys, and how many values each seals.
///
/// # Errors
/// The store's.
pub async fn ring(store: &Store, now: Timestamp) -> store::Result<Vec<RingKey>> {
    let (keys, known) = (store.keys_in_use().await?, store.key_ids());
    let noted = store.known_keys(&known, now).await?;
    let key = |(index, (id, values)): (usize, (String, u64))| RingKey {
        values,
        seals: index == 0,
        is_lost: !known.contains(&id),
        known_since: noted.get(&id).map(|(at, _)| *at),
        is_exact: noted.get(&id).is_some_and(|(_, is_exact)| *is_exact),
        id,
    };
    Ok(keys.into_iter().enumerate().map(key).collect())
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
            let key = |values: &u64| RingKey {
                id: "k".to_owned(),
                values: *values,
                seals: false,
                is_lost: false,
                known_since: None,
                is_exact: false,
            };
            values.iter().map(key).collect()
        };
        for (values, percent) in [(&[][..], 100), (&[0], 100), (&[7], 100), (&[0, 9], 0), (&[3, 1], 75)] {
            assert_eq!(sealed_by_first(&ring(values)), percent, "{values:?}");
        }
    }
}

//! The whole state as one JSON document: to keep a scene, and to come back to it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::Call;
use crate::condition::TokenCalls;
use crate::fault::Faults;
use crate::finding::Findings;
use crate::knobs::Knobs;
use crate::oauth::OAuthApp;
use crate::portal::PortalState;
use crate::world::{Portals, World, locked};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    seed: u64,
    /// Where a standing clock stands; without it the clock is the real one.
    clock: Option<i64>,
    next_call: u64,
    total_calls: u64,
    calls: Vec<Call>,
    knobs: Knobs,
    apps: Vec<OAuthApp>,
    token_calls: TokenCalls,
    faults: Faults,
    findings: Findings,
    portals: Vec<PortalState>,
}

/// Everything, tokens too: whoever has it can go on where it was taken.
pub(crate) fn save(world: &World) -> Value {
    let portals = world.portals().iter().map(|portal| json!(*locked(portal))).collect::<Vec<_>>();
    let calls = locked(&world.calls);
    json!({
        "seed": world.seed(), "clock": world.clock.standing(),
        "next_call": world.call_numbers.load(Ordering::Relaxed),
        "total_calls": calls.total, "calls": calls.after(0),
        "knobs": *locked(&world.knobs), "apps": *locked(&world.apps), "token_calls": *locked(&world.token_calls),
        "faults": *locked(&world.faults), "findings": *locked(&world.findings), "portals": portals,
    })
}

/// Puts a saved state in the place of everything that is here.
pub(crate) fn load(world: &World, state: &[u8]) -> serde_json::Result<()> {
    let state: State = serde_json::from_slice(state)?;
    world.seed.store(state.seed, Ordering::Relaxed);
    world.call_numbers.store(state.next_call, Ordering::Relaxed);
    world.clock.put(state.clock);
    locked(&world.calls).replace(state.calls, state.total_calls);
    *locked(&world.knobs) = state.knobs;
    *locked(&world.apps) = state.apps;
    *locked(&world.token_calls) = state.token_calls;
    *locked(&world.faults) = state.faults;
    *locked(&world.findings) = state.findings;
    let mut portals = Portals::default();
    for mut portal in state.portals {
        // Record pages are where this simulator is, not where the saved one was.
        portal.ui_domain = world.ui_domain();
        portals.by_token.extend(portal.installs.tokens().map(|token| (token.to_owned(), portal.id)));
        portals.by_token.insert(portal.token.clone(), portal.id);
        portals.by_id.insert(portal.id, Arc::new(Mutex::new(portal)));
    }
    *world.portals.write().unwrap_or_else(PoisonError::into_inner) = portals;
    world.progress.send_modify(|_| ());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{State, save};
    use crate::options::Options;
    use crate::preset::Preset;
    use crate::world::World;

    #[test]
    fn every_preset_survives_saving() {
        let world = World::new(&Options::default(), "http://127.0.0.1:1".to_owned());
        for preset in [Preset::Ready, Preset::Bare, Preset::Strict, Preset::Deals] {
            world.add_portal(preset, "Sunset Motors");
        }
        let saved = save(&world);
        super::load(&world, saved.to_string().as_bytes()).unwrap();
        assert_eq!(save(&world), saved);
        assert!(serde_json::from_str::<State>("{\"mood\": 1}").is_err());
    }
}

//! Everything that one simulator holds: its portals, clock, faults and calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::watch;

use crate::call::CallLog;
use crate::condition::TokenCalls;
use crate::fault::Faults;
use crate::finding::{FindingKind, Findings};
use crate::knobs::Knobs;
use crate::oauth::OAuthApp;
use crate::options::Options;
use crate::portal::PortalState;
use crate::preset::{self, Preset};
use crate::random::Random;
use crate::time::Ticker;

/// The number of the first portal; the next ones count up.
const FIRST_PORTAL: i64 = 4_711_001;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: AtomicU64,
    pub(crate) base_url: String,
    pub(crate) clock: Ticker,
    /// What new portals begin with.
    pub(crate) knobs: Mutex<Knobs>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) calls: Mutex<CallLog>,
    /// Tells those who wait how many calls there were.
    pub(crate) progress: watch::Sender<u64>,
    /// About calls that belong to no portal.
    pub(crate) findings: Mutex<Findings>,
    pub(crate) token_calls: Mutex<TokenCalls>,
    pub(crate) apps: Mutex<Vec<OAuthApp>>,
    pub(crate) portals: RwLock<Portals>,
    pub(crate) call_numbers: AtomicU64,
}

#[derive(Debug, Default)]
pub(crate) struct Portals {
    pub(crate) by_id: BTreeMap<i64, Arc<Mutex<PortalState>>>,
    /// Static tokens, codes, access and refresh tokens alike.
    pub(crate) by_token: HashMap<String, i64>,
}

impl World {
    pub(crate) fn new(options: &Options, base_url: String) -> Self {
        let knobs = Knobs {
            rate_limit: options.rate_limit,
            latency_ms: u64::try_from(options.latency.as_millis()).unwrap_or(u64::MAX),
            ..Knobs::default()
        };
        Self {
            seed: AtomicU64::new(options.seed),
            base_url,
            clock: Ticker::new(options.clock),
            knobs: Mutex::new(knobs),
            faults: Mutex::default(),
            calls: Mutex::new(CallLog::new(options.calls_kept)),
            progress: watch::Sender::new(0),
            findings: Mutex::default(),
            token_calls: Mutex::default(),
            apps: Mutex::default(),
            portals: RwLock::default(),
            call_numbers: AtomicU64::new(0),
        }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed.load(Ordering::Relaxed)
    }

    /// The number of a new call, and the chance that belongs to it.
    pub(crate) fn next_call(&self) -> (u64, Random) {
        let number = self.call_numbers.fetch_add(1, Ordering::Relaxed) + 1;
        (number, Random::new(self.seed(), number))
    }

    pub(crate) fn add_portal(&self, preset: Preset, name: &str) -> Arc<Mutex<PortalState>> {
        let knobs = locked(&self.knobs).clone();
        let mut portals = self.portals.write().unwrap_or_else(PoisonError::into_inner);
        let id = portals.by_id.last_key_value().map_or(FIRST_PORTAL, |(last, _)| last + 1);
        let token = format!("sim-{id}-{}", Random::new(self.seed(), id.unsigned_abs()).id());
        let mut portal = PortalState::new(id, name, token.clone(), self.ui_domain(), knobs);
        preset::furnish(&mut portal, preset, self.clock.now());
        let portal = Arc::new(Mutex::new(portal));
        portals.by_id.insert(id, Arc::clone(&portal));
        portals.by_token.insert(token, id);
        portal
    }

    /// Where record pages are: at the simulator itself.
    pub(crate) fn ui_domain(&self) -> String {
        self.base_url.trim_start_matches("http://").to_owned()
    }

    pub(crate) fn portal(&self, id: i64) -> Option<Arc<Mutex<PortalState>>> {
        self.portals.read().unwrap_or_else(PoisonError::into_inner).by_id.get(&id).cloned()
    }

    /// Leads from a code or a token to its portal, for good: also what is dead is still known.
    pub(crate) fn remember(&self, token: &str, portal: i64) {
        let mut portals = self.portals.write().unwrap_or_else(PoisonError::into_inner);
        portals.by_token.insert(token.to_owned(), portal);
    }

    /// What the codes and tokens of a portal are drawn from.
    pub(crate) fn token_seed(&self, portal: i64) -> u64 {
        self.seed() ^ portal.unsigned_abs().rotate_left(32)
    }

    /// Registers an app, or changes one that is registered.
    pub(crate) fn add_app(&self, app: OAuthApp) {
        let mut apps = locked(&self.apps);
        match apps.iter_mut().find(|known| known.client_id == app.client_id) {
            Some(known) => *known = app,
            None => apps.push(app),
        }
    }

    pub(crate) fn app(&self, client_id: &str) -> Option<OAuthApp> {
        locked(&self.apps).iter().find(|app| app.client_id == client_id).cloned()
    }

    /// HubSpot's own number for an app.
    pub(crate) fn app_number(&self, client_id: &str) -> usize {
        locked(&self.apps).iter().take_while(|app| app.client_id != client_id).count() + 1
    }

    /// Notes a finding about a portal, or about none.
    pub(crate) fn find(&self, portal: Option<i64>, kind: FindingKind, call: u64, text: String) {
        match portal.and_then(|id| self.portal(id)) {
            Some(state) => locked(&state).findings.add(kind, portal.unwrap_or_default(), call, None, text),
            None => locked(&self.findings).add(kind, 0, call, None, text),
        }
    }

    /// The portal that a token belongs to, even if the token was revoked.
    pub(crate) fn portal_of(&self, token: &str) -> Option<(i64, Arc<Mutex<PortalState>>)> {
        let portals = self.portals.read().unwrap_or_else(PoisonError::into_inner);
        let id = *portals.by_token.get(token)?;
        Some((id, portals.by_id.get(&id)?.clone()))
    }

    pub(crate) fn portals(&self) -> Vec<Arc<Mutex<PortalState>>> {
        self.portals.read().unwrap_or_else(PoisonError::into_inner).by_id.values().cloned().collect()
    }
}

/// Locks, also after a thread that held the lock has panicked: a test that fails must not take
/// the inspection of what happened with it.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

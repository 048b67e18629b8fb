//! The handle: starts a simulator in this process, sets scenes in it, and looks at what it holds.

mod acts;
mod apps;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::call::Call;
use crate::fault::Fault;
use crate::finding::Finding;
use crate::inspect;
use crate::knobs::Knobs;
use crate::options::Options;
use crate::portal::PortalState;
use crate::portal::record::Record;
use crate::preset::Preset;
use crate::server;
use crate::state;
use crate::world::{World, locked};

/// A running simulator. Clones are handles to the same one; it stops with `stop`, or with the last
/// handle.
#[derive(Clone, Debug)]
pub struct Simulator {
    world: Arc<World>,
    stop: Arc<watch::Sender<bool>>,
    ended: Arc<tokio::sync::Mutex<Option<tokio::task::JoinHandle<()>>>>,
}

/// A portal to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portal {
    pub id: i64,
    pub name: String,
    /// It never expires, but it can be revoked.
    pub access_token: String,
}

impl Simulator {
    /// Starts on a loopback address, within the runtime that this is called in.
    pub async fn start(options: Options) -> io::Result<Self> {
        if !options.address.ip().is_loopback() {
            let text = format!("{} is not a loopback address", options.address);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let listener = TcpListener::bind(options.address).await?;
        let world = Arc::new(World::new(&options, format!("http://{}", listener.local_addr()?)));
        let (stop, stopped) = watch::channel(false);
        let served = tokio::spawn(server::serve(listener, Arc::clone(&world), stopped));
        Ok(Self { world, stop: Arc::new(stop), ended: Arc::new(tokio::sync::Mutex::new(Some(served))) })
    }

    /// Such as `http://127.0.0.1:41234`: API, record pages and inspection alike.
    pub fn base_url(&self) -> String {
        self.world.base_url.clone()
    }

    pub fn add_portal(&self, preset: Preset, name: &str) -> Portal {
        let portal = self.world.add_portal(preset, name);
        let portal = locked(&portal);
        Portal { id: portal.id, name: portal.name.clone(), access_token: portal.token.clone() }
    }

    /// The portals, in the order of their ids.
    pub fn portals(&self) -> Vec<Portal> {
        let portals = self.world.portals();
        let shown = portals.iter().map(|portal| {
            let portal = locked(portal);
            Portal { id: portal.id, name: portal.name.clone(), access_token: portal.token.clone() }
        });
        shown.collect()
    }

    /// All records of a type, archived ones too, in the order of their ids.
    pub fn records(&self, portal: i64, object_type: &str) -> Vec<Record> {
        let portal = self.state(portal);
        let portal = locked(&portal);
        let Ok(table) = portal.table(object_type) else { return Vec::new() };
        table.all().iter().map(|stored| table.view(stored)).collect()
    }

    /// Records that are not archived. It counts nothing, so it may be asked often.
    pub fn record_count(&self, portal: i64, object_type: &str) -> usize {
        locked(&self.state(portal)).table(object_type).map_or(0, |table| table.live_count())
    }

    /// The ids of the records of `to_type` that hang on this one.
    pub fn associations(&self, portal: i64, from_type: &str, id: &str, to_type: &str) -> Vec<String> {
        inspect::associations(&locked(&self.state(portal)), from_type, id, to_type)
    }

    pub fn add_fault(&self, fault: Fault) {
        locked(&self.world.faults).add(fault);
    }

    pub fn clear_faults(&self) {
        locked(&self.world.faults).clear();
    }

    /// Turns the knobs of all portals, and of those to come.
    pub fn set_knobs(&self, set: impl Fn(&mut Knobs)) {
        set(&mut locked(&self.world.knobs));
        self.world.portals().iter().for_each(|portal| set(&mut locked(portal).knobs));
    }

    /// Turns the knobs of one portal.
    pub fn set_portal_knobs(&self, portal: i64, set: impl FnOnce(&mut Knobs)) {
        set(&mut locked(&self.state(portal)).knobs);
    }

    /// Of all portals, each portal's in the order in which they came up.
    pub fn findings(&self) -> Vec<Finding> {
        inspect::findings(&self.world)
    }

    pub fn clear_findings(&self) {
        inspect::clear_findings(&self.world);
    }

    /// The calls that are kept, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.world.calls).after(0)
    }

    /// The same, without those up to this number: for whoever looks again and again.
    pub fn calls_after(&self, number: u64) -> Vec<Call> {
        locked(&self.world.calls).after(number)
    }

    /// How many calls there were, kept or not.
    pub fn call_count(&self) -> u64 {
        locked(&self.world.calls).total
    }

    /// Waits until there were more calls than this; false when the deadline comes first.
    pub async fn wait_for_calls(&self, more_than: u64, deadline: Duration) -> bool {
        inspect::until(&self.world, deadline, || (self.call_count() > more_than).then_some(())).await.is_some()
    }

    /// Waits for a record with this value; `None` when the deadline comes first.
    pub async fn wait_for_record(
        &self,
        portal: i64,
        object_type: &str,
        (property, value): (&str, &str),
        deadline: Duration,
    ) -> Option<Record> {
        let state = self.state(portal);
        let look = || inspect::record_with(&locked(&state), object_type, property, value);
        inspect::until(&self.world, deadline, look).await
    }

    /// Writes everything into a file: portals, apps, tokens, clock, knobs, faults, calls and findings.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, state::save(&self.world).to_string())
    }

    /// Puts what a file holds in the place of everything that is here.
    pub fn load(&self, path: &Path) -> io::Result<()> {
        Ok(state::load(&self.world, &std::fs::read(path)?)?)
    }

    pub fn now(&self) -> i64 {
        self.world.clock.now()
    }

    /// Moves the clock, and keeps it standing there.
    pub fn set_clock(&self, ms: i64) {
        self.world.clock.set(ms);
    }

    /// Lets the real clock go on, so many milliseconds ahead of the system's.
    pub fn set_clock_ahead(&self, ms: i64) {
        self.world.clock.set_ahead(ms);
    }

    /// Ends the listener and all connections.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Some(served) = self.ended.lock().await.take() {
            // Only a panic of the listener could be an error here, and it was printed already.
            served.await.ok();
        }
    }

    fn state(&self, portal: i64) -> Arc<Mutex<PortalState>> {
        self.world.portal(portal).unwrap_or_else(|| panic!("there is no portal {portal}"))
    }
}

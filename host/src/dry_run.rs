//! The calls that a lead would make, without one of them reaching HubSpot: the lead goes through the real steps, in a folder
//! of its own, to a stand-in that has the properties and pipelines of the account's portal. Records that the portal holds
//! are not there, so every record is a new one; the calls are the same but for what is found.

use std::sync::Arc;

use anyhow::Context as _;
use hubspot_sim::{Act, Choice as Option_, Clock, NewProperty, Options, Preset, Simulator};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};

use crate::connection::{portal, session};
use crate::contract::Action;
use crate::digest::sha256_hex;
use crate::fit;
use crate::hubspot::HubSpot;
use crate::load;
use crate::model::account::{Auth, Connection, QuotaClass, SchemaModes};
use crate::model::event::NewEvent;
use crate::model::id::{EventId, VersionId};
use crate::model::lane::Step;
use crate::model::portal::PortalSchema;
use crate::model::share::Share;
use crate::model::time::Timestamp;
use crate::payload::Envelope;
use crate::rollout::Choice;
use crate::seal::KeyRing;
use crate::store::{
    Bind, Connect, CreateAccount, Database, HOUSE, NewBinding, NewConnection, NewSource, NewVersion, ShownEvent, Store,
};
use crate::transform::Transformer;
use crate::{deliver, process, trial};

/// Who does the work in the folder.
const OWNER: &str = "dry-run";
/// Rounds of delivering, at most: a lead is written in three or four.
const ROUNDS_MAX: usize = 50;

/// What a lead would come to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DryRun {
    /// Such as `deals@3`.
    pub version: String,
    /// Where the event would stand, and why where it would not be delivered.
    pub outcome: String,
    pub actions: Vec<Action>,
    /// Values that no record would get, each with the reason.
    pub dropped: Vec<String>,
    pub calls: Vec<DryCall>,
}

/// One call. The ids of records are made up.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DryCall {
    pub method: String,
    pub path: String,
    pub body: Value,
}

/// The same beside the threads that answer requests: it stays on one thread. None where others are tried already.
///
/// # Errors
/// As [`dry_run`].
pub async fn dry_run_beside(
    (store, transformer): (Store, Transformer),
    connection: Connection,
    choice: Choice,
    body: String,
    now: Timestamp,
) -> anyhow::Result<Option<DryRun>> {
    let (runtime, turns) = (tokio::runtime::Handle::current(), transformer.clone());
    let run = async move {
        let run = tokio::task::spawn_blocking(move || {
            // On the heap: all that a lead goes through in one future is too large for the stack of such a thread.
            runtime.block_on(Box::pin(dry_run(&store, &transformer, &connection, &choice, &body, now)))
        });
        run.await?
    };
    trial::in_turn(&turns, run).await
}

/// Shows what an event would do. `body` is a webhook's.
///
/// # Errors
/// When the body is no event, or something of ours fails.
pub async fn dry_run(
    store: &Store,
    transformer: &Transformer,
    connection: &Connection,
    choice: &Choice,
    body: &str,
    now: Timestamp,
) -> anyhow::Result<DryRun> {
    let envelope = Envelope::read(body.as_bytes())?;
    let cached = store.schema(connection).await?.map(|cached| cached.schema);
    let live = choice.portal.as_ref().or(cached.as_deref());
    let component = store.component(&choice.version.id).await?.context("the component of the version is gone")?;
    let folder = tempfile::tempdir()?;
    let simulator = Simulator::start(Options { clock: Clock::Standing(now.0), rate_limit: None, ..Options::default() });
    let simulator = simulator.await?;
    let quota = store.quota(connection.account_id.as_str()).await?;
    let scene = Scene::set(&folder, &simulator, (connection, quota), (choice, &component), live, now).await?;
    let event = scene.take_in(&envelope, body, now).await?;
    Box::pin(scene.work(transformer, now)).await?;
    let shown = scene.store.event(&event).await?.context("the event was stored a moment ago")?;
    let calls = simulator.calls();
    scene.store.close().await;
    simulator.stop().await;
    let calls = calls
        .into_iter()
        .filter(|call| ["/crm/objects/", "/crm/associations/"].iter().any(|part| call.path.contains(part)));
    let call = |call: hubspot_sim::Call| DryCall {
        method: call.method,
        path: call.path,
        body: serde_json::from_str(&call.body).unwrap_or(Value::Null),
    };
    Ok(told(choice, &shown, calls.map(call).collect()))
}

/// A service of its own, with one account.
struct Scene {
    store: Store,
    hubspot: HubSpot,
    connection: Connection,
    source: crate::model::id::SourceId,
    version: VersionId,
}

impl Scene {
    async fn set(
        folder: &tempfile::TempDir,
        simulator: &Simulator,
        (like, quota): (&Connection, QuotaClass),
        (choice, component): (&Choice, &[u8]),
        live: Option<&PortalSchema>,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let keys = KeyRing::open_file(&folder.path().join("keys"))?;
        let store = Store::open(&Database::File(folder.path().join("dry-run.db")), keys).await?;
        let CreateAccount::Created(account) = store.create_account("dry-run", "Dry run", now).await? else {
            anyhow::bail!("the folder of a dry run is new and has an account");
        };
        let stand_in = simulator.add_portal(Preset::Deals, "dry run");
        store.set_quota(&account.id, quota).await?;
        let token = SecretString::from(stand_in.access_token.clone());
        let new = NewConnection {
            account: &account.id,
            portal_id: stand_in.id,
            api_version: &like.api_version,
            auth: Auth::Token,
            token: &token,
            refresh_token: None,
            expires_at: None,
            scopes: None,
            portal: None,
            agreed: None,
        };
        let Connect::Connected(connection) = store.connect(new, now).await? else {
            anyhow::bail!("the folder of a dry run is new and has a connection");
        };
        anyhow::ensure!(
            store.set_policy(&connection, &like.policy, &like.api_version).await?,
            "the connection of a dry run was changed by somebody"
        );
        let connection = store.connection(connection.id.as_str()).await?.context("it was made a moment ago")?;
        let hubspot = HubSpot::new(&simulator.base_url())?;
        let needs = fit::needs(&choice.manifest, &choice.settings);
        let session = session::open(&store, &hubspot, &connection, &move || now).await?;
        let read = portal::read_schema(&session, &needs).await;
        let there = read.map_err(|meaning| meaning.problem())?.schema;
        match live {
            Some(live) => {
                furnish(simulator, stand_in.id, &there, live).await?;
                // What the lead is checked against is the account's own portal.
                store.keep_schema(&connection, live, now).await?;
            }
            None => store.keep_schema(&connection, &there, now).await?,
        }
        store.cared(&connection, Timestamp::NEVER, Some(now)).await?;
        let version = NewVersion {
            account_id: HOUSE,
            name: &choice.version.name,
            hash: &sha256_hex(component),
            bytes: component,
            contract: &choice.version.contract,
            manifest: &choice.version.manifest,
            about: &choice.version.about,
            figures: &choice.version.figures,
            note: "",
            created_by: OWNER,
            samples: &[],
        };
        let version = store.install_version(version, now).await?;
        for event_type in &choice.manifest.event_types {
            store.subscribe(&connection, event_type, now).await?;
        }
        let sign = crate::model::account::Sign::new(OWNER, "");
        let new = NewBinding {
            version: &version,
            event_types: &choice.manifest.event_types,
            settings: &choice.settings,
            share: Share::ALL,
            sign: &sign,
            expected: None,
        };
        let bound = store.bind(&connection, new, now).await?;
        anyhow::ensure!(matches!(bound, Bind::Bound(_)), "the version is not bound: {bound:?}");
        let secret = SecretString::from(crate::signature::Secret::generate());
        let modes = SchemaModes::new();
        let source = NewSource {
            account_id: &account.id,
            name: OWNER,
            tolerance_s: crate::model::account::Source::TOLERANCE_S_DEFAULT,
            schema_modes: &modes,
            rate: 0,
            secret: &secret,
        };
        let source = store.create_source(source, now).await?.id;
        Ok(Self { store, hubspot, connection, source, version: version.id })
    }

    async fn take_in(&self, envelope: &Envelope, body: &str, now: Timestamp) -> anyhow::Result<EventId> {
        let id = EventId::new(now);
        let event = NewEvent {
            id: id.clone(),
            account_id: self.connection.account_id.clone(),
            source_id: self.source.clone(),
            sender_id: OWNER.to_owned(),
            event_type: envelope.event_type.clone(),
            occurred_at: envelope.occurred_at().unwrap_or(now),
            body: body.to_owned(),
            body_hash: sha256_hex(body.as_bytes()),
        };
        self.store.insert_events(&[event], now).await?;
        Ok(id)
    }

    async fn work(&self, transformer: &Transformer, now: Timestamp) -> anyhow::Result<()> {
        // Whoever asks waits for it; planning would put the event off.
        load::ready(&self.store, transformer, &self.version).await?;
        let clock: deliver::Clock = Arc::new(move || now);
        while Box::pin(process::plan_next(&self.store, transformer, OWNER, &clock)).await? == Step::Worked {}
        for _ in 0..ROUNDS_MAX {
            if Box::pin(deliver::deliver_next(&self.store, &self.hubspot, OWNER, &clock)).await? == Step::Idle {
                break;
            }
        }
        Ok(())
    }
}

/// Gives the stand-in what the account's portal has and it has not. What it takes no part of, it refuses by itself.
async fn furnish(simulator: &Simulator, portal: i64, there: &PortalSchema, live: &PortalSchema) -> anyhow::Result<()> {
    let mut acts = Vec::new();
    for (object_type, properties) in &live.objects {
        let known = there.objects.get(object_type);
        if known.is_none() {
            let (object_type, label) = (object_type.clone(), object_type.clone());
            acts.push(Act::AddObjectType { object_type, label });
        }
        for (name, info) in properties.iter().filter(|(_, info)| !info.archived && !info.read_only) {
            let option = |(order, option): (usize, &crate::model::portal::PropertyOption)| Option_ {
                label: option.label.clone(),
                value: option.value.clone(),
                display_order: i64::try_from(order).unwrap_or(0),
                hidden: false,
            };
            match known.and_then(|known| known.get(name)) {
                None => acts.push(Act::AddProperty {
                    object_type: object_type.clone(),
                    property: NewProperty {
                        name: name.clone(),
                        label: info.label.clone(),
                        description: String::new(),
                        group_name: "contactinformation".to_owned(),
                        kind: info.kind.clone(),
                        field_type: info.field_type.clone(),
                        options: info.options.iter().enumerate().map(option).collect(),
                        has_unique_value: info.unique,
                        hidden: false,
                        display_order: 0,
                        form_field: false,
                    },
                }),
                Some(known) => {
                    let missing =
                        info.options.iter().filter(|option| known.options.iter().all(|one| one.value != option.value));
                    acts.extend(missing.map(|option| Act::AddOption {
                        object_type: object_type.clone(),
                        property: name.clone(),
                        value: option.value.clone(),
                        label: option.label.clone(),
                    }));
                }
            }
        }
    }
    for pipeline in live.pipelines.iter().flatten() {
        let (id, label) = (pipeline.id.clone(), pipeline.label.clone());
        acts.push(Act::AddPipeline { pipeline: id.clone(), label });
        acts.extend(pipeline.stages.iter().map(|stage| Act::AddStage {
            pipeline: id.clone(),
            stage: stage.id.clone(),
            label: stage.label.clone(),
        }));
    }
    for owner in live.owners.iter().flatten() {
        let (email, name) = (owner.email.clone(), owner.name.clone());
        acts.extend(owner.id.parse().map(|id| Act::AddOwner { id, user_id: id, email, name }));
    }
    let client = reqwest::Client::new();
    let url = format!("{}/_sim/acts?portal={portal}", simulator.base_url());
    for act in acts {
        // One that is there already is refused, and that is well.
        client.post(&url).json(&json!(act)).send().await?;
    }
    Ok(())
}

fn told(choice: &Choice, shown: &ShownEvent, calls: Vec<DryCall>) -> DryRun {
    let (outcome, dropped) = match shown.deliveries.last() {
        Some(shown) => {
            let reason = shown.delivery.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            let dropped = shown.delivery.progress.dropped.iter();
            let line = |one: &crate::model::delivery::Dropped| format!("{} = {}: {}", one.field, one.value, one.reason);
            (format!("{}{reason}", crate::model::word(&shown.delivery.state)), dropped.map(line).collect())
        }
        None => {
            let reason = shown.event.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            (format!("{}{reason}", crate::model::word(&shown.event.state)), Vec::new())
        }
    };
    let plan = shown.deliveries.last().and_then(|shown| shown.plan.clone());
    let actions = plan.map_or_else(Vec::new, |plan| plan.actions);
    DryRun { version: choice.version.label(), outcome, actions, dropped, calls }
}

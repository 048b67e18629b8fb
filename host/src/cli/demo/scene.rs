//! The scene of the demo: two dealerships with their portals, and the examples that are theirs.

use hubspot_sim::{OAuthApp, Preset, Simulator};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::app::App;
use crate::cli::failure::{Failure, Result};
use crate::config::Config;
use crate::connection;
use crate::connection::scopes::{self, Feature, Permission};
use crate::digest::random_text;
use crate::examples::{self, Example};
use crate::model::account::{SchemaModes, Source};
use crate::model::id::{EventId, SourceId};
use crate::model::time::Timestamp;
use crate::signature::Secret;
use crate::store::{CreateAccount, NewSource};
use crate::view::{self, Lead};

/// Slug, name, transformation and portal of the two dealerships.
const DEALERSHIPS: [(&str, &str, &str, Preset); 2] = [
    ("ocean-honda", "Ocean Honda", "default", Preset::Ready),
    ("northside-toyota", "Northside Toyota", "deals", Preset::Deals),
];

/// What the app of the demo is called at the simulator.
const CLIENT_ID: &str = "leadline-demo";
/// A dealership that is there and connected to nothing yet, so that there is something to connect.
const UNCONNECTED: (&str, &str) = ("bay-motors", "Bay Motors");

/// Makes the simulator know us as an app, so that a dealership can be connected by consent.
pub(super) fn hubspot_app(simulator: &Simulator, address: &str, config: Config) -> Result<Config> {
    let secret = random_text();
    let file = config.data.with_file_name("client-secret");
    std::fs::write(&file, &secret)?;
    let others: Vec<_> = Feature::ALL.into_iter().filter(|feature| *feature != Feature::Contacts).collect();
    let names = |permissions: Vec<Permission>| permissions.iter().map(|one| one.scope.to_owned()).collect();
    simulator.add_app(OAuthApp {
        name: "Leadline".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: secret,
        redirect_urls: vec![format!("{address}/oauth/callback")],
        required_scopes: names(scopes::required()),
        optional_scopes: names(scopes::permissions(&others)),
    });
    Ok(Config {
        hubspot_client_id: Some(CLIENT_ID.to_owned()),
        hubspot_client_secret_file: Some(file),
        hubspot_app_url: simulator.base_url(),
        ..config
    })
}

pub(super) struct Scene {
    dealerships: Vec<Dealership>,
    simulator: Simulator,
    pub(super) examples: Vec<Example>,
}

struct Dealership {
    slug: &'static str,
    name: &'static str,
    transformation: String,
    portal: i64,
    source: SourceId,
    secret: SecretString,
}

impl Scene {
    /// Makes the accounts, connects them to portals of the simulator, and puts there what the examples find.
    pub(super) async fn set(app: &App, simulator: &Simulator) -> Result<Self> {
        let mut examples = examples::all()?;
        examples.retain(|example| DEALERSHIPS.iter().any(|(slug, ..)| *slug == example.expected.account));
        let mut dealerships = Vec::new();
        for (slug, name, transformation, preset) in DEALERSHIPS {
            let own: Vec<_> = examples.iter().filter(|example| example.expected.account == slug).collect();
            let settings = own.first().map_or(Value::Null, |example| example.settings.clone());
            if let Some(other) = own.iter().find(|example| example.settings != settings) {
                return Err(Failure::failed(format!(
                    "the examples of {name} have to share their settings; {} has others",
                    other.name
                )));
            }
            let portal = simulator.add_portal(preset, name);
            let contacts: Vec<_> = own.iter().flat_map(|example| &example.portal.contacts).collect();
            examples::put_contacts(simulator, &portal, &contacts).await?;
            dealerships.push(open(app, (slug, name, transformation), &portal, settings).await?);
        }
        let (slug, name) = UNCONNECTED;
        app.store.create_account(slug, name, (app.clock)()).await?;
        simulator.add_portal(Preset::Bare, name);
        Ok(Self { dealerships, simulator: simulator.clone(), examples })
    }

    fn dealership(&self, index: usize) -> &Dealership {
        let slug = &self.examples[index].expected.account;
        self.dealerships.iter().find(|dealership| dealership.slug == slug).expect("only examples of the two are kept")
    }

    pub(super) fn heading(&self) -> String {
        let line = |dealership: &Dealership| {
            format!("{} uses {} and portal {}", dealership.name, dealership.transformation, dealership.portal)
        };
        self.dealerships.iter().map(line).collect::<Vec<_>>().join(" · ")
    }

    pub(super) fn first_source(&self) -> &SourceId {
        &self.dealerships[0].source
    }

    /// Posts an example's event, signed, and returns the id it was stored under.
    pub(super) async fn post(&self, index: usize, app: &App, address: &str) -> Result<EventId> {
        let (example, dealership) = (&self.examples[index], self.dealership(index));
        let (id, at) = (format!("msg_{}", example.name), (app.clock)().seconds());
        let secret = Secret::parse(dealership.secret.expose_secret()).map_err(anyhow::Error::from)?;
        let response = reqwest::Client::new()
            .post(format!("{address}/v1/sources/{}/events", dealership.source))
            .header("webhook-id", &id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", secret.sign(&id, at, &example.event))
            .body(example.event.clone())
            .send()
            .await
            .map_err(anyhow::Error::from)?;
        let status = response.status();
        let answer: Value = response.json().await.map_err(anyhow::Error::from)?;
        match answer["event_id"].as_str() {
            Some(event) if status == 202 => Ok(EventId::stored(event.to_owned())),
            _ => Err(Failure::failed(format!("the event of {} was not accepted: {status} {answer}", example.name))),
        }
    }

    /// What became of an event so far.
    pub(super) async fn lead(&self, index: usize, app: &App, event: &EventId) -> Result<Lead> {
        let shown = app.store.event(event).await?;
        let shown = shown.ok_or_else(|| Failure::failed(format!("event {event} is gone")))?;
        Ok(view::lead(&shown, self.dealership(index).name))
    }

    /// The leads that are not as their examples expect, each with what differs.
    pub(super) fn differences(&self, leads: &[(usize, Lead)]) -> Vec<String> {
        let mut found = Vec::new();
        for (index, lead) in leads {
            let example = &self.examples[*index];
            let seen = examples::seen(&self.simulator, self.dealership(*index).portal, lead);
            let differences = example.expected.outcome.differences(&seen);
            if !differences.is_empty() {
                found.push(format!("{}: {}", example.name, differences.join("; ")));
            }
        }
        // What HubSpot takes but we must never do.
        found.extend(self.simulator.findings().into_iter().map(|finding| format!("the simulator found: {finding:?}")));
        found
    }

    /// Whose lead it is, as the table names it.
    pub(super) fn who(&self, index: usize) -> String {
        let event: Value = serde_json::from_slice(&self.examples[index].event).unwrap_or(Value::Null);
        let data = &event["data"];
        let name = ["name", "email", "phone"]
            .iter()
            .find_map(|field| data[field].as_str().filter(|text| !text.trim().is_empty()));
        name.map_or_else(|| event["type"].as_str().unwrap_or("?").to_owned(), |name| name.trim().to_owned())
    }

    pub(super) fn account_name(&self, index: usize) -> &str {
        self.dealership(index).name
    }

    /// Pipeline and stage by their ids, as they are configured.
    pub(super) fn stage_label(&self, pipeline: &str, stage: &str) -> String {
        format!("{pipeline} / {stage}")
    }
}

async fn open(
    app: &App,
    (slug, name, transformation): (&'static str, &'static str, &str),
    portal: &hubspot_sim::Portal,
    settings: Value,
) -> Result<Dealership> {
    let now: Timestamp = (app.clock)();
    let CreateAccount::Created(account) = app.store.create_account(slug, name, now).await? else {
        return Err(Failure::conflict(format!("there is an account `{slug}` already")));
    };
    let token = SecretString::from(portal.access_token.clone());
    let connection = connection::connect(&app.store, &account, portal.id, &token, now).await?;
    let version =
        connection::use_transformation(&app.store, &account, &connection, transformation, settings, now).await;
    let version = version.map_err(|error| Failure::failed(format!("{name} cannot use `{transformation}`: {error}")))?;
    let secret = SecretString::from(Secret::generate());
    let new = NewSource {
        account_id: &account.id,
        name: "chat widget",
        tolerance_s: 300,
        schema_modes: &SchemaModes::new(),
        rate: Source::RATE_DEFAULT,
        secret: &secret,
    };
    let source = app.store.create_source(new, now).await?.id;
    Ok(Dealership { slug, name, transformation: version.label(), portal: portal.id, source, secret })
}

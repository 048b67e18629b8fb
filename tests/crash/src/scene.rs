//! What a campaign plays with: dealerships with their portals and sources, set up by the command line before the
//! service starts for the first time.

use std::path::Path;

use anyhow::Context as _;
use hubspot_sim::{OAuthApp, Preset, Simulator};
use serde_json::{Value, json};

use crate::consent;
use crate::service::Launcher;

pub(crate) const CLIENT_ID: &str = "crash-client";
pub(crate) const CLIENT_SECRET: &str = "crash-client-secret-0d2f7b61";

/// Calls in ten seconds of the portal that is slow: few enough that its lane has to wait.
const SLOW_LIMIT: u32 = 40;
/// Calls in ten seconds of the others.
pub(crate) const LIMIT: u32 = 110;

/// One dealership.
#[derive(Clone, Debug)]
pub struct Dealer {
    pub account_id: String,
    pub source_id: String,
    pub secret: String,
    pub portal: i64,
    /// Its leads make deals too.
    pub deals: bool,
    /// Calls in ten seconds.
    pub limit: u32,
}

/// How a dealership differs from the others.
struct Plan {
    name: &'static str,
    deals: bool,
    by_consent: bool,
    limit: u32,
}

const PLANS: [Plan; 4] = [
    Plan { name: "Ocean Honda", deals: false, by_consent: false, limit: LIMIT },
    Plan { name: "Northside Toyota", deals: true, by_consent: false, limit: LIMIT },
    Plan { name: "Bay Motors", deals: false, by_consent: true, limit: LIMIT },
    Plan { name: "Lake Cars", deals: false, by_consent: false, limit: SLOW_LIMIT },
];

/// Sets everything up.
///
/// # Errors
/// When a command fails.
pub(crate) async fn set_up(launcher: &Launcher, simulator: &Simulator, folder: &Path) -> anyhow::Result<Vec<Dealer>> {
    simulator.add_app(app(launcher));
    let mut dealers = Vec::new();
    let mut links = Vec::new();
    for plan in &PLANS {
        let portal = simulator.add_portal(if plan.deals { Preset::Deals } else { Preset::Ready }, plan.name);
        simulator.set_portal_knobs(portal.id, |knobs| knobs.rate_limit = Some(plan.limit));
        let slug = plan.name.to_lowercase().replace(' ', "-");
        let account = launcher.run(&["account", "create", plan.name]).await?;
        let settings = folder.join(format!("{slug}.json"));
        std::fs::write(&settings, settings_of(plan).to_string())?;
        let transformation = if plan.deals { "deals" } else { "default" };
        let mut connect = vec!["connection", "connect", "--account", &slug, "--transformation", transformation];
        let settings = settings.to_str().context("the folder of a campaign has a name")?;
        connect.extend(["--settings", settings]);
        let token = folder.join(format!("{slug}.token"));
        if plan.by_consent {
            let printed = launcher.run(&connect).await?;
            links.push((text(&printed, "link")?, portal.id));
        } else {
            std::fs::write(&token, &portal.access_token)?;
            connect.extend(["--token-file", token.to_str().context("the folder of a campaign has a name")?]);
            launcher.run(&connect).await?;
        }
        let source = launcher.run(&["source", "create", "--account", &slug]).await?;
        dealers.push(Dealer {
            account_id: text(&account, "id")?,
            source_id: text(&source, "id")?,
            secret: text(&source, "secret")?,
            portal: portal.id,
            deals: plan.deals,
            limit: plan.limit,
        });
    }
    let service = launcher.start(None).await?.context("the service has no reason to die")?;
    for (link, portal) in links {
        consent::connect(&link, portal).await?;
    }
    service.kill().await?;
    Ok(dealers)
}

fn settings_of(plan: &Plan) -> Value {
    match plan.deals {
        true => json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead", "deal_key": "lead" }),
        false => json!({ "country": "US" }),
    }
}

fn app(launcher: &Launcher) -> OAuthApp {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    OAuthApp {
        name: "Leadline".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.to_owned(),
        redirect_urls: vec![format!("{}/oauth/callback", launcher.public_url())],
        required_scopes: names(&[
            "oauth",
            "crm.objects.contacts.read",
            "crm.objects.contacts.write",
            "crm.schemas.contacts.read",
        ]),
        optional_scopes: vec![],
    }
}

fn text(printed: &Value, field: &str) -> anyhow::Result<String> {
    let text = printed[field].as_str();
    Ok(text.with_context(|| format!("a command printed no `{field}`"))?.to_owned())
}

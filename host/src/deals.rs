//! What the settings in force make of the last leads: the deals of each, or why there is none. Nothing is sent.

use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;

use crate::connection::drift;
use crate::contract::actions::{Action, Deal};
use crate::load;
use crate::model::account::{Account, Connection, PastBinding};
use crate::model::id::EventId;
use crate::model::portal::{DEAL, Pipeline, PortalSchema};
use crate::model::time::Timestamp;
use crate::store::{LeadFilter, LeadRow, Store};
use crate::transform::{Loaded, Transformer};
use crate::trial::{self, Guest, Trial};

/// Leads that are looked at: enough to see the settings at work.
pub const LEADS: u32 = 3;
/// Bindings in which the one in force is looked for.
const HISTORY: u32 = 50;
const LEAD_TYPE: &str = "lead.captured.v1";

/// The last leads, with the deals that they would make.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
#[schema(as = DealPreview)]
pub struct Preview {
    /// Such as `deals@3`. None where leads go through nothing that makes deals.
    pub version: Option<String>,
    pub leads: Vec<LeadDeals>,
}

/// A lead, with the deals that it would make.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct LeadDeals {
    pub event: EventId,
    pub received_at: Timestamp,
    pub deals: Vec<DealMade>,
    /// Why there is none.
    pub why: Option<String>,
}

/// A deal as HubSpot's people would see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DealMade {
    pub name: String,
    /// As the portal calls it; its id where the portal has it no more.
    pub pipeline: String,
    pub stage: String,
    pub amount: Option<String>,
}

impl Preview {
    /// The same without anything that a customer said.
    #[must_use]
    pub fn masked(mut self) -> Self {
        for lead in &mut self.leads {
            lead.why = lead.why.take().map(|_| "…".to_owned());
            for deal in &mut lead.deals {
                "…".clone_into(&mut deal.name);
                deal.amount = deal.amount.take().map(|_| "…".to_owned());
            }
        }
        self
    }
}

/// Runs the version in force on the last leads once more.
///
/// # Errors
/// When something of ours fails.
pub async fn preview(
    store: &Store,
    transformer: &Transformer,
    account: &Account,
    connection: &Connection,
) -> anyhow::Result<Preview> {
    if !drift::needs(&store.bound(connection).await?).object_types.contains(DEAL) {
        return Ok(Preview::default());
    }
    let history = store.binding_history(connection, HISTORY).await?;
    let Some(binding) = history.into_iter().find(|past| past.in_force && past.event_type == LEAD_TYPE) else {
        return Ok(Preview::default());
    };
    let filter = LeadFilter {
        account: Some(account.id.clone()),
        event_type: Some(LEAD_TYPE.to_owned()),
        test: Some(false),
        limit: LEADS,
        ..LeadFilter::default()
    };
    let leads = store.leads(&filter).await?.rows;
    let schema = store.schema(connection).await?.map(|cached| cached.schema).unwrap_or_default();
    let loaded = load::ready(store, transformer, &binding.version_id).await?;
    let quota = store.quota(account.id.as_str()).await?;
    let version = Some(binding.version.clone());
    // Guests burn a core; they run beside the threads that answer requests.
    let run = move || leads.iter().filter_map(|lead| lead_deals(lead, (&loaded, quota), &binding, &schema)).collect();
    let leads = tokio::task::spawn_blocking(run).await.context("the preview panicked")?;
    Ok(Preview { version, leads })
}

/// None where the lead's body was removed.
fn lead_deals(
    lead: &LeadRow,
    (loaded, quota): (&Arc<Loaded>, crate::model::account::QuotaClass),
    binding: &PastBinding,
    schema: &PortalSchema,
) -> Option<LeadDeals> {
    let settings = binding.settings.to_string();
    let guest = Guest { loaded, label: &binding.version, version_id: &binding.version_id, settings: &settings, quota };
    let trial = trial::run(guest, &lead.event, lead.body.as_deref()?).ok()?;
    let deals = deals(&trial, schema);
    let why = deals.is_empty().then(|| why(&trial));
    Some(LeadDeals { event: lead.event.id.clone(), received_at: lead.event.received_at, deals, why })
}

fn deals(trial: &Trial, schema: &PortalSchema) -> Vec<DealMade> {
    let made = |action: &Action| match action {
        Action::UpsertDeal(deal) => Some(made(deal, schema.pipelines.as_deref().unwrap_or_default())),
        Action::UpsertContact(_) | Action::AddNote(_) | Action::UpsertObject(_) => None,
    };
    trial.outcome.iter().flat_map(|plan| &plan.actions).filter_map(made).collect()
}

fn made(deal: &Deal, pipelines: &[Pipeline]) -> DealMade {
    let pipeline = pipelines.iter().find(|known| known.id == deal.pipeline);
    let stage = pipeline.and_then(|known| known.stages.iter().find(|stage| stage.id == deal.stage));
    let amount = deal.properties.iter().find(|property| property.name == "amount");
    DealMade {
        name: deal.name.clone(),
        pipeline: pipeline.map_or_else(|| deal.pipeline.clone(), |known| known.label.clone()),
        stage: stage.map_or_else(|| deal.stage.clone(), |stage| stage.label.clone()),
        amount: amount.map(|property| property.value.clone()),
    }
}

/// In the words of the transformation, where it says something of it.
fn why(trial: &Trial) -> String {
    let said = trial.lines.iter().map(|(_, line)| line).find(|line| line.starts_with("no deal"));
    match (&trial.outcome, said) {
        (Err(problem), _) => problem.detail.clone(),
        (Ok(_), Some(line)) => line.clone(),
        (Ok(_), None) => "no deal".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::actions::{Property, PropertyValue, WritePolicy};
    use crate::model::portal::Stage;

    #[test]
    fn a_deal_is_told_by_the_labels_of_the_portal_and_by_ids_where_there_are_none() {
        let property = |name: &str, value: &str| Property {
            name: name.to_owned(),
            value: value.to_owned(),
            policy: WritePolicy::Always,
        };
        let deal = Deal {
            key: PropertyValue { name: "leadline_deal_key".into(), value: "k".into() },
            name: "2027 Honda CR-V".into(),
            pipeline: "p".into(),
            stage: "s".into(),
            properties: vec![property("amount", "34000")],
            contacts: vec![0],
        };
        let stage = Stage { id: "s".into(), label: "New lead".into(), ..Stage::default() };
        let sales = Pipeline { id: "p".into(), label: "Sales".into(), stages: vec![stage], ..Pipeline::default() };
        let told = |pipelines: &[Pipeline]| {
            let told = made(&deal, pipelines);
            (told.pipeline, told.stage, told.amount)
        };
        let amount = Some("34000".to_owned());
        assert_eq!(told(&[sales]), ("Sales".into(), "New lead".into(), amount.clone()));
        assert_eq!(told(&[]), ("p".into(), "s".into(), amount));
    }
}

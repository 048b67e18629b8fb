//! `leadline guest schema`: the settings that a component takes, as it describes them.

use serde_json::Value;

use super::super::Context;
use super::super::failure::Result;
use super::Component;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    component: Component,
}

pub(super) fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let checked = args.component.load()?;
    let schema: Value = serde_json::from_str(&checked.manifest.settings_schema).map_err(anyhow::Error::from)?;
    context.one(&schema, |schema| format!("{schema:#}"))
}

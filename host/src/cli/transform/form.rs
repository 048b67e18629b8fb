//! `leadline transform form`: the settings of a version, with what the portal offers for them.

use super::super::Context;
use super::super::connection::find;
use super::super::failure::{Failure, Result};
use super::super::file::read_json;
use super::Target;
use crate::form::Field;
use crate::model::time::clock;
use crate::rollout;

/// Choices that a line names.
const NAMED_MAX: usize = 8;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let Target { wanted, account, settings } = args.target;
    let connection = find(&store, &account).await?;
    let account = context.account(&store, connection.account_id.as_str()).await?;
    let settings = settings.as_deref().map(read_json).transpose()?;
    let hubspot = crate::app::open_hubspot(&context.config)?;
    let drawn = rollout::settings_form(&store, &hubspot, (&account, &connection), &wanted, settings, &clock).await?;
    context.one(&drawn, |drawn| {
        let mut lines = vec![format!("Settings of {}", drawn.version)];
        drawn.fields.iter().for_each(|field| draw(field, 1, &mut lines));
        lines.extend(drawn.violations.iter().map(|violation| format!("!! {violation}")));
        lines.join("\n")
    })?;
    match drawn.violations.len() {
        0 => Ok(()),
        count => Err(Failure::problems(format!("{count} settings do not fit"))),
    }
}

fn draw(field: &Field, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let required = if field.required { " (required)" } else { "" };
    let value = if field.value.is_null() { "not set".to_owned() } else { field.value.to_string() };
    lines.push(format!("{indent}{}{required}  {} = {value}", field.title, field.pointer));
    if !field.help.is_empty() {
        lines.push(format!("{indent}  {}", field.help));
    }
    if field.choices_unknown {
        lines.push(format!("{indent}  HubSpot did not show what there is to choose from."));
    }
    let label = |choice: &crate::form::Choice| match choice.label == choice.value {
        true => choice.value.clone(),
        false => format!("{} ({})", choice.value, choice.label),
    };
    let named: Vec<_> = field.choices.iter().take(NAMED_MAX).map(label).collect();
    match field.choices.len() {
        0 => {}
        all if all > NAMED_MAX => {
            lines.push(format!("{indent}  one of {} and {} more", named.join(", "), all - NAMED_MAX))
        }
        _ => lines.push(format!("{indent}  one of {}", named.join(", "))),
    }
    field.fields.iter().for_each(|inner| draw(inner, depth + 1, lines));
}

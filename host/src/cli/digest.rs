//! `leadline digest`: what came of the leads of the last whole week, as the weekly letter says it.

use super::Context;
use super::failure::Result;
use crate::alerts;
use crate::letter::{self, Sender};
use crate::model::time::clock;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The account's slug or id.
    #[arg(long)]
    account: String,
    /// As the page that is sent by mail.
    #[arg(long)]
    html: bool,
}

pub async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let account = context.account(&store, &args.account).await?;
    let week = alerts::week(&store, &account, clock()).await?;
    if !args.html {
        return context.one(&week, |week| week.text().trim_end().to_owned());
    }
    let public_url = context.config.public_url()?;
    let sender = Sender { brand: &context.config.brand, public_url: public_url.as_deref() };
    let href = letter::href(&sender, &account.slug, "");
    let letter = week.letter(&context.config.brand, href.as_deref())?;
    writeln!(context.out, "{}", letter.html)?;
    Ok(())
}

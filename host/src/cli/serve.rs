//! `leadline serve`: runs the service.

use std::sync::Arc;

use anyhow::Context as _;

use super::Context;
use super::failure::Result;
use crate::app::App;
use crate::config::Listen;
use crate::{serve, telemetry};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    listen: Listen,
}

pub async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let metrics = telemetry::init_metrics();
    let app = App { metrics, ..App::connect(&context.config).await? };
    let address = args.listen.listen;
    let listener =
        tokio::net::TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr()?;
    writeln!(
        context.out,
        "Leadline listens on http://{address}; events go to POST /v1/sources/SOURCE/events. Ctrl-C ends it."
    )?;
    context.out.flush()?;
    serve::run(Arc::new(app), listener, serve::asked_to_end()?).await?;
    Ok(())
}

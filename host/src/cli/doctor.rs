//! `leadline doctor`: whether the service can do its work, check by check.

use super::Context;
use super::failure::{Failure, Result};
use crate::app;
use crate::config::Serve;
use crate::model::time::clock;
use crate::operate::doctor::{self, Check, Verdict};

/// Say whether the service can do its work: configuration, folder, database, disk, clock, key ring, work, processes. It takes
/// the flags of `leadline serve` too. Exit code 3 where a check failed.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    serve: Serve,
}

pub async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = app::open_store(&context.config).await;
    let checks = doctor::from_beside(&context.config, store, args.serve.disk_reserve_mib << 20, clock()).await;
    let row = |check: &Check| {
        let sign = match check.verdict {
            Verdict::Ok => "ok",
            Verdict::Note => "--",
            Verdict::Failed => "!!",
        };
        let remedy = check.remedy.clone().unwrap_or_default();
        vec![sign.to_owned(), check.name.to_owned(), check.text.clone(), remedy]
    };
    context.list(&checks, &["", "Check", "Found", "What to do"], row, "")?;
    match checks.iter().filter(|check| check.verdict == Verdict::Failed).count() {
        0 => Ok(()),
        1 => Err(Failure::problems("a check failed".to_owned())),
        many => Err(Failure::problems(format!("{many} checks failed"))),
    }
}

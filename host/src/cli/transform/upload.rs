//! `leadline transform upload`: makes a version of a component. It is a draft; nobody uses it until it is enabled.

use std::path::PathBuf;

use super::super::Context;
use super::super::deed::Deed;
use super::super::failure::{Failure, Result};
use super::super::file::{read, samples};
use super::show::text;
use crate::digest::sha256_hex;
use crate::model::id::AccountId;
use crate::model::time::clock;
use crate::store::HOUSE;
use crate::transform::UploadError;
use crate::upload::{self, Upload, Uploaded};
use crate::view::{ShownVersion, steps};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The component, or a core module that carries the contract.
    file: PathBuf,
    /// Slug or id of the account; without one, every account may use the version.
    #[arg(long)]
    account: Option<String>,
    /// Name of the transformation that it is a version of; the name of the file, where nobody says.
    #[arg(long)]
    name: Option<String>,
    /// What is new, for whoever decides about it.
    #[arg(long, default_value = "")]
    note: String,
    /// Folder of its author's samples: in each folder of it `event.json`, `settings.json` and `expected.json`. They stay
    /// with the version, which is judged by them.
    #[arg(long, value_name = "FOLDER")]
    examples: Option<PathBuf>,
}

impl Args {
    pub(super) fn deed(&self) -> Option<Deed> {
        // Without its folder, which says more of a machine than of the version.
        let file = self.file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        Deed::of("versions.create", &file, self.account.as_deref())
    }
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let account = context.account_or_all(&store, args.account.as_deref()).await?;
    let owner = account.as_ref().map_or(HOUSE, AccountId::as_str);
    let stem = args.file.file_stem().map(|stem| stem.to_string_lossy().replace('_', "-"));
    let name = args.name.or(stem).unwrap_or_default();
    let bytes = read(&args.file)?;
    let by = crate::cli::who();
    upload::check_words(&name, &args.note, &by)
        .map_err(|error| Failure::usage(error).hint("`--name` gives it another name"))?;
    let samples = args.examples.as_deref().map_or_else(|| Ok(Vec::new()), samples)?;
    let (size, hash) = (bytes.len(), sha256_hex(&bytes));
    let upload = Upload { account: owner, name: &name, note: &args.note, by: &by, bytes, samples };
    match upload::upload(&store, &context.transformer()?, upload, clock()).await? {
        Uploaded::New(version) => context.one(&ShownVersion::of(version), |shown| {
            let account = args.account.as_deref().unwrap_or("ACCOUNT");
            format!("{}\n\nNext: leadline transform shadow {} --account {account}", text(shown), shown.label)
        }),
        Uploaded::Known(version) => context.one(&ShownVersion::of(version), |shown| {
            format!("{} has these bytes already, and stays as it is.\n\n{}", shown.label, text(shown))
        }),
        Uploaded::Refused(UploadError::Busy) => Err(Failure::temporary(UploadError::Busy.to_string())),
        Uploaded::Refused(refusal) => {
            let steps = steps::lines(&steps::of_refusal(&refusal, size, &hash)).join("\n");
            let text = format!("{} was refused: {refusal}\n{steps}", args.file.display());
            Err(Failure::problems(text.trim_end().to_owned()).hint(refusal.fix()))
        }
    }
}

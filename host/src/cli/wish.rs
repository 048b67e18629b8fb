//! `leadline wish`: what dealerships ask of the house.

use super::deed::Deed;
use super::failure::{Failure, Result};
use super::{Context, who};
use crate::letter::Sender;
use crate::model::time::clock;
use crate::model::wish::{Deals, Wished};
use crate::store::Store;
use crate::view::wishes::ShownWish;
use crate::wish::{self, Desk, WishError};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List the wishes, open ones first.
    #[command(alias = "ls")]
    List {
        /// Only of this account.
        #[arg(long)]
        account: Option<String>,
    },
    /// Ask for a deal with each lead.
    Deals {
        #[arg(long)]
        account: String,
        /// Which pipeline they go into.
        #[arg(long, default_value = "")]
        pipeline: String,
        /// In which stage they begin.
        #[arg(long, default_value = "")]
        stage: String,
        /// Which values every deal has.
        #[arg(long, default_value = "")]
        default_values: String,
        /// Which leads make a deal.
        #[arg(long, default_value = "")]
        which_leads: String,
    },
    /// Ask to be told when an event type is there that is coming.
    TellMe {
        #[arg(long)]
        account: String,
        /// Such as `carousel.clicked.v1`.
        event_type: String,
    },
    /// Note that a wish is seen to.
    Done {
        #[arg(long)]
        account: String,
        /// `deals`, or an event type.
        what: String,
    },
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Deals { account, .. } | Self::TellMe { account, .. } => Deed::to("wishes.create", account),
            Self::Done { account, .. } => Deed::to("wishes.done", account),
            Self::List { .. } => None,
        }
    }
}

impl From<WishError> for Failure {
    fn from(error: WishError) -> Self {
        let text = error.to_string();
        match error {
            WishError::Empty | WishError::Long(_) | WishError::NoType(_) => Self::usage(text),
            WishError::NotOpen => Self::conflict(text).hint("`leadline wish list` shows what is open"),
            WishError::Store(error) => error.into(),
            WishError::Ours(error) => error.into(),
        }
    }
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::List { account } => {
            let account = context.account_or_all(&store, account.as_deref()).await?;
            let wishes = ShownWish::all(store.wishes(account.as_ref()).await?, &store.accounts().await?);
            let row = |shown: &ShownWish| {
                let done = shown.wish.done_by.as_ref().map_or_else(|| "open".to_owned(), |by| format!("done by {by}"));
                let answers: Vec<_> = shown.answers.iter().map(|(name, answer)| format!("{name}: {answer}")).collect();
                vec![shown.account.clone(), shown.title.clone(), done, shown.wish.asked_by.clone(), answers.join("; ")]
            };
            context.list(
                &wishes,
                &["Account", "Wish", "State", "Asked by", "Answers"],
                row,
                "Nobody asked for anything.",
            )
        }
        Command::Deals { account, pipeline, stage, default_values, which_leads } => {
            let wished = Wished::Deals(Deals { pipeline, stage, default_values, which_leads });
            ask(&store, &account, wished, context).await
        }
        Command::TellMe { account, event_type } => {
            ask(&store, &account, Wished::EventType { name: event_type }, context).await
        }
        Command::Done { account, what } => {
            let account = context.account(&store, &account).await?;
            let of = if what == "deals" { ("deals", "") } else { ("event_type", what.as_str()) };
            wish::fulfil(&store, &account, of, &who(), clock()).await?;
            context.one(&serde_json::json!({ "account": account.slug, "done": what }), |_| "It is noted.".to_owned())
        }
    }
}

async fn ask(store: &Store, account: &str, wished: Wished, context: &mut Context<'_>) -> Result<()> {
    let account = context.account(store, account).await?;
    let address = context.config.support_email()?.filter(|_| context.config.mail_url.is_some());
    let (brand, public_url) = (context.config.brand.clone(), context.config.public_url()?);
    let sender = Sender { brand: &brand, public_url: public_url.as_deref() };
    let desk = address.as_deref().map(|address| Desk { address, sender });
    let asked = wish::ask(store, &account, wished, (&who(), desk.as_ref()), clock()).await?;
    context.one(&asked, |asked| match (asked.is_new, asked.is_told) {
        (true, true) => "It is asked, and support is told by mail.".to_owned(),
        (true, false) => "It is asked. Support finds it under Accounts.".to_owned(),
        (false, _) => format!("It was asked already, by {}; the answers are the ones of now.", asked.wish.asked_by),
    })
}

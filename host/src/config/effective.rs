//! The configuration as it is in force: every setting with its value and where that comes from. No secret is in it.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::Serialize;

use super::{API_TOKEN_ENV, CLIENT_SECRET_ENV, Config, MAIL_PASSWORD_ENV, Serve};

/// What stands for a secret.
const HIDDEN: &str = "(set; not shown)";

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A file that another setting names.
    File,
    Environment,
    /// The command line.
    Flag,
}

impl Origin {
    /// What people call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Setting {
    /// As on the command line, such as `--data`; of a secret, what it is.
    pub name: String,
    /// The environment variable that says the same.
    pub variable: Option<String>,
    /// None where it is not set. A password in an address is left out, and a secret is not shown.
    pub value: Option<String>,
    pub origin: Origin,
    /// What it is for.
    pub about: String,
}

/// The settings of a command line, as far as its command knows them.
#[derive(Clone, Debug, Default)]
pub struct Settings(pub Vec<Setting>);

impl Args for Settings {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(settings(matches)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn settings(matches: &ArgMatches) -> Vec<Setting> {
    let mut deepest = matches;
    while let Some((_, inner)) = deepest.subcommand() {
        deepest = inner;
    }
    let known = Serve::augment_args(Config::augment_args(Command::new("leadline")));
    let mut settings: Vec<_> = known.get_arguments().filter_map(|arg| setting(arg, deepest)).collect();
    for (name, file, variable) in [
        ("client secret of the HubSpot app", "hubspot_client_secret_file", CLIENT_SECRET_ENV),
        ("token of the management API", "api_token_file", API_TOKEN_ENV),
        ("password of the mail server", "mail_password_file", MAIL_PASSWORD_ENV),
    ] {
        let from_file = matches!(deepest.try_get_raw(file), Ok(Some(_)));
        settings.push(secret(name, from_file, variable));
    }
    settings
}

/// None for what this command does not know, and for what people do not set.
fn setting(arg: &clap::Arg, matches: &ArgMatches) -> Option<Setting> {
    if arg.is_hide_set() {
        return None;
    }
    let id = arg.get_id().as_str();
    let values = matches.try_get_raw(id).ok()?;
    let values = values.map(|values| values.map(|value| value.to_string_lossy()).collect::<Vec<_>>().join(","));
    let origin = match matches.value_source(id) {
        Some(ValueSource::CommandLine) => Origin::Flag,
        Some(ValueSource::EnvVariable) => Origin::Environment,
        _ => Origin::Default,
    };
    let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
    Some(Setting {
        name: format!("--{}", arg.get_long()?),
        variable: arg.get_env().map(|name| name.to_string_lossy().into_owned()),
        value: values.map(|value| without_password(&value)),
        origin,
        about: about.lines().next().unwrap_or_default().to_owned(),
    })
}

/// A secret never stands on the command line, which every process can read.
fn secret(name: &str, from_file: bool, variable: &str) -> Setting {
    let in_environment = std::env::var_os(variable).is_some();
    let (value, origin) = match (from_file, in_environment) {
        (true, _) => (Some(HIDDEN.to_owned()), Origin::File),
        (false, true) => (Some(HIDDEN.to_owned()), Origin::Environment),
        (false, false) => (None, Origin::Default),
    };
    let about = "From its file, else from the environment.".to_owned();
    Setting { name: name.to_owned(), variable: Some(variable.to_owned()), value, origin, about }
}

/// An address without the password that somebody put into it.
fn without_password(value: &str) -> String {
    match url::Url::parse(value) {
        Ok(mut url) if url.password().is_some() => match url.set_password(Some("…")) {
            Ok(()) => url.to_string().replace("%E2%80%A6", "…"),
            Err(()) => HIDDEN.to_owned(),
        },
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn find(words: &[&str], name: &str) -> Setting {
        let words = [&["leadline"], words].concat();
        let settings = Cli::try_parse_from(words).unwrap().settings().to_vec();
        settings.into_iter().find(|setting| setting.name == name).unwrap()
    }

    #[test]
    fn each_value_says_where_it_comes_from() {
        let rows: [(&[&str], &str, Option<&str>, Origin); 5] = [
            (&["config", "print"], "--brand", Some("Leadline"), Origin::Default),
            (&["config", "print", "--brand", "Cars"], "--brand", Some("Cars"), Origin::Flag),
            (&["--brand", "Cars", "serve"], "--brand", Some("Cars"), Origin::Flag),
            (&["serve", "--keep-bodies-days", "7"], "--keep-bodies-days", Some("7"), Origin::Flag),
            (&["serve"], "--role", Some("ingest,plan,deliver,web"), Origin::Default),
        ];
        for (words, name, value, origin) in rows {
            let setting = find(words, name);
            assert_eq!((setting.value.as_deref(), setting.origin), (value, origin), "{words:?}");
        }
    }

    #[test]
    fn no_password_is_in_it() {
        let address = "postgres://leadline:hunter2@db.internal/leadline";
        let shown = find(&["config", "print", "--database", address], "--database");
        assert_eq!(shown.value.as_deref(), Some("postgres://leadline:…@db.internal/leadline"));
    }

    #[test]
    fn a_secret_is_said_to_be_set_and_not_shown() {
        let words = ["config", "print", "--api-token-file", "/run/secrets/token"];
        let shown = find(&words, "token of the management API");
        assert_eq!((shown.value.as_deref(), shown.origin), (Some(HIDDEN), Origin::File));
    }
}

//! What a campaign is asked for.

use std::path::PathBuf;

/// Kills the service again and again, and checks that nothing is lost and nothing is there twice.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "leadline-crash")]
pub struct Args {
    /// The service, built with the feature `crash`. [default: `leadline-crash-points` beside this program]
    #[arg(long, value_name = "PATH")]
    pub leadline: Option<PathBuf>,

    /// How often the service is killed.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub cycles: u32,

    /// Repeats the choices of an earlier campaign. [default: drawn and printed]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// An empty database of its own, such as `postgres://localhost/crash`; without it, an SQLite file.
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,

    /// Dies only at this point, such as `CP9`.
    #[arg(long, value_name = "NAME", conflicts_with = "only_random")]
    pub point: Option<String>,

    /// Dies at random times only.
    #[arg(long)]
    pub only_random: bool,

    /// A promise that the service is made to break, such as `no-intent`: the campaign has to notice.
    #[arg(long, value_name = "NAME")]
    pub broken: Option<String>,

    /// Senders never say anything twice that was acknowledged: what is lost then shows as lost, and as nothing else.
    #[arg(long)]
    pub never_twice: bool,

    /// Keeps the folder of the campaign, and says where it is.
    #[arg(long)]
    pub keep: bool,
}

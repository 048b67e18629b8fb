//! Every setting, in one place. The comments are the help.

use std::net::SocketAddr;
use std::path::PathBuf;

/// What every command needs to know.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// Folder of the database and, unless named apart, of the key ring.
    #[arg(long, env = "LEADLINE_DATA", default_value = "data", global = true, value_name = "DIR")]
    pub data: PathBuf,

    /// File of the key ring that opens tokens and signing secrets; made with a new key where there is none.
    /// [default: `keys` in the data folder]
    #[arg(long, env = "LEADLINE_KEYS", global = true, value_name = "FILE")]
    pub keys: Option<PathBuf>,

    /// Address of HubSpot's API.
    #[arg(
        long,
        env = "LEADLINE_HUBSPOT_URL",
        default_value = "https://api.hubapi.com",
        global = true,
        value_name = "URL"
    )]
    pub hubspot_url: String,

    /// What to log, such as `info`, or `leadline=debug,warn`.
    #[arg(long, env = "LEADLINE_LOG", default_value = "warn", global = true, value_name = "FILTER")]
    pub log: String,

    /// Log as JSON, one object a line.
    #[arg(long, env = "LEADLINE_LOG_JSON", global = true)]
    pub log_json: bool,
}

impl Config {
    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.data.join("leadline.db")
    }

    /// The key ring file.
    pub fn key_ring(&self) -> PathBuf {
        self.keys.clone().unwrap_or_else(|| self.data.join("keys"))
    }
}

/// Where the service listens.
#[derive(clap::Args, Clone, Debug)]
pub struct Listen {
    /// Address to listen on. Put a proxy with TLS in front of anything but loopback.
    #[arg(long, env = "LEADLINE_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
}

//! The apps that a portal has installed, with the codes and tokens that they were given.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::random::Random;
use crate::time::SECOND_MS;

/// How long an access token lives.
pub(crate) const ACCESS_S: i64 = 1_800;

/// Random parts of an access token: HubSpot's may be longer than 512 characters, so these are.
const ACCESS_PARTS: usize = 15;

/// One app in a portal. An app that comes back after it was removed is another install.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Installed {
    pub(crate) client_id: String,
    pub(crate) scopes: BTreeSet<String>,
    /// False after an uninstall: no token of it works any more.
    pub(crate) is_there: bool,
    /// The latest tokens.
    pub(crate) access_token: String,
    pub(crate) expires_at: i64,
    pub(crate) refresh_token: String,
    /// False after a revocation; live access tokens go on.
    pub(crate) refresh_lives: bool,
    pub(crate) installed_at: i64,
}

/// What a person's Allow came to; it waits to be exchanged for tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) expires_at: i64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Access {
    install: usize,
    expires_at: i64,
}

/// What an access token is worth at a moment.
pub(crate) enum Worth<'a> {
    Live(&'a Installed, i64),
    Expired,
    /// Never given out here, or its app is gone.
    Nothing,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Installs {
    list: Vec<Installed>,
    access: HashMap<String, Access>,
    codes: HashMap<String, Code>,
    /// Codes and tokens given out so far: the next one's place in the stream of chance.
    given: u64,
}

impl Installs {
    /// Oldest first, and those that were removed too.
    pub(crate) fn all(&self) -> &[Installed] {
        &self.list
    }

    pub(crate) fn all_scopes(&mut self) -> impl Iterator<Item = &mut BTreeSet<String>> {
        self.list.iter_mut().filter(|install| install.is_there).map(|install| &mut install.scopes)
    }

    /// Everything that leads here: codes, and tokens alive or dead.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = &str> {
        let refresh = self.list.iter().map(|install| install.refresh_token.as_str());
        refresh.chain(self.access.keys().map(String::as_str)).chain(self.codes.keys().map(String::as_str))
    }

    pub(crate) fn of(&mut self, client_id: &str) -> Option<&mut Installed> {
        self.list.iter_mut().find(|install| install.client_id == client_id && install.is_there)
    }

    pub(crate) fn worth(&self, access_token: &str, now: i64) -> Worth<'_> {
        let Some(access) = self.access.get(access_token) else { return Worth::Nothing };
        let install = self.list.get(access.install).filter(|install| install.is_there);
        match install {
            None => Worth::Nothing,
            Some(_) if now >= access.expires_at => Worth::Expired,
            Some(install) => Worth::Live(install, access.expires_at),
        }
    }

    /// The install that a live refresh token belongs to.
    pub(crate) fn of_refresh_token(&self, token: &str) -> Option<&Installed> {
        self.list.iter().find(|install| install.refresh_token == token && install.is_there && install.refresh_lives)
    }

    pub(crate) fn add_code(&mut self, seed: u64, code: Code) -> String {
        let text = self.draw(seed, "code", 1);
        self.codes.insert(text.clone(), code);
        text
    }

    pub(crate) fn code(&self, text: &str) -> Option<&Code> {
        self.codes.get(text)
    }

    pub(crate) fn take_code(&mut self, text: &str) -> Option<Code> {
        self.codes.remove(text)
    }

    /// Installs the app, or widens what it may do; either way with new tokens, and the refresh
    /// token from before is dead.
    pub(crate) fn grant(&mut self, seed: u64, client_id: &str, scopes: BTreeSet<String>, now: i64) -> &Installed {
        let refresh_token = self.draw(seed, "refresh", 2);
        let there = self.list.iter().position(|install| install.client_id == client_id && install.is_there);
        let at = there.unwrap_or(self.list.len());
        if at == self.list.len() {
            self.list.push(Installed {
                client_id: client_id.to_owned(),
                scopes: BTreeSet::new(),
                is_there: true,
                access_token: String::new(),
                expires_at: now,
                refresh_token: String::new(),
                refresh_lives: true,
                installed_at: now,
            });
        }
        let install = &mut self.list[at];
        (install.scopes, install.refresh_token, install.refresh_lives) = (scopes, refresh_token, true);
        self.give_access(seed, at, now)
    }

    /// A new access token for a live refresh token. Earlier access tokens go on until they expire.
    pub(crate) fn refresh(&mut self, seed: u64, refresh_token: &str, rotates: bool, now: i64) -> Option<&Installed> {
        let is_it = |install: &Installed| install.refresh_token == refresh_token;
        let at = self.list.iter().position(|one| is_it(one) && one.is_there && one.refresh_lives)?;
        if rotates {
            self.list[at].refresh_token = self.draw(seed, "refresh", 2);
        }
        Some(self.give_access(seed, at, now))
    }

    fn give_access(&mut self, seed: u64, at: usize, now: i64) -> &Installed {
        let token = self.draw(seed, "access", ACCESS_PARTS);
        let expires_at = now + ACCESS_S * SECOND_MS;
        self.access.insert(token.clone(), Access { install: at, expires_at });
        let install = &mut self.list[at];
        (install.access_token, install.expires_at) = (token, expires_at);
        install
    }

    fn draw(&mut self, seed: u64, word: &str, parts: usize) -> String {
        self.given += 1;
        let mut random = Random::new(seed, self.given);
        let parts: Vec<_> = (0..parts).map(|_| random.id()).collect();
        format!("sim-{word}-{}", parts.join("-"))
    }
}

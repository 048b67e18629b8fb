//! What stands around every screen: who is there, where, and where else one can go.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;

use crate::app::App;
use crate::help;
use crate::http::appearance::{Appearance, Theme};
use crate::http::assets;
use crate::http::error::ApiError;
use crate::http::reach;
use crate::model::access::{Actor, Right, Role, Sight};
use crate::model::account::{Account, Connection};
use crate::model::lane::PauseScope;
use crate::model::time::Timestamp;
use crate::view::moment::{self, Moment};

/// Around a screen.
pub(super) struct Shell {
    pub(super) brand: String,
    pub(super) assets: &'static str,
    pub(super) appearance: Appearance,
    /// In a frame of another product, whose pages these are; its height is told to them only.
    pub(super) frame_origins: Option<String>,
    pub(super) actor: String,
    pub(super) role: &'static str,
    pub(super) is_house: bool,
    pub(super) csrf: String,
    /// Of the screen, with its filter.
    pub(super) path: String,
    pub(super) account: Option<Account>,
    /// What stands still, in a sentence.
    pub(super) pause: Option<&'static str>,
    /// Why nobody but operators may change something, and since when.
    pub(super) read_only: Option<(String, Moment)>,
    /// What was done just now.
    pub(super) said: Option<Said>,
    pub(super) open_issues: usize,
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
    actor_rights: Actor,
}

/// What was done just now, or could not be.
pub(super) struct Said {
    pub(super) tone: &'static str,
    pub(super) text: String,
}

impl Said {
    pub(super) fn icon(&self) -> &'static str {
        match self.tone {
            "good" => "✓",
            _ => "!",
        }
    }
}

/// Links under one heading.
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) links: Vec<Link>,
}

pub(super) struct Link {
    pub(super) href: String,
    pub(super) label: &'static str,
    pub(super) is_here: bool,
    /// After `g`. A capital letter is across all accounts what the small one is in one.
    pub(super) key: Option<char>,
    pub(super) count: usize,
}

impl Shell {
    /// Around a screen that is about no account.
    pub(super) fn of_the_house(app: &App, actor: &Actor, uri: &Uri, headers: &HeaderMap) -> Self {
        let (now, zone) = ((app.clock)(), TimeZone::UTC);
        let read_only = actor.read_only.as_ref();
        Self {
            read_only: read_only.map(|mode| (mode.reason.clone(), Moment::of(mode.since, &zone, now))),
            brand: app.brand.clone(),
            assets: &assets::BASE,
            appearance: Appearance::of(headers),
            frame_origins: is_embedded(actor).then(|| app.frame_ancestors.clone()),
            actor: actor.name.clone(),
            role: role(actor),
            is_house: actor.own_account().is_none(),
            csrf: actor.session.as_ref().map(|session| session.csrf.clone()).unwrap_or_default(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            account: None,
            pause: None,
            said: said(uri),
            open_issues: 0,
            now,
            zone,
            actor_rights: actor.clone(),
        }
    }

    /// The time of something, for the page.
    pub(super) fn time(&self, at: Timestamp) -> Moment {
        Moment::of(at, &self.zone, self.now)
    }

    pub(super) fn may(&self, right: Right) -> bool {
        self.actor_rights.may(right)
    }

    /// Whether whoever reads the page sees people in part only.
    pub(super) fn sees_masked(&self) -> bool {
        self.actor_rights.sight == Sight::Masked
    }

    /// Around a screen that shows people as they are, this once.
    pub(super) fn unmasked(mut self) -> Self {
        self.actor_rights.sight = Sight::Whole;
        self
    }

    /// Whether buttons that change something are there.
    pub(super) fn may_change(&self) -> bool {
        self.may(Right::Change)
    }

    /// Whether whoever reads the page may change something in spite of the read-only mode.
    pub(super) fn runs_the_service(&self) -> bool {
        self.actor_rights.runs_the_service()
    }

    /// Whether somebody looks at an account of others, and sees its shoppers masked.
    pub(super) fn sees_masked_account(&self) -> bool {
        self.account.is_some() && self.is_house && self.sees_masked()
    }

    pub(super) fn may_transform(&self) -> bool {
        self.may(Right::Transform)
    }

    /// The guide to this screen, or the help as a whole.
    pub(super) fn help(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        let guide = help::guide_to(path).map_or(String::new(), |guide| format!("/{}", guide.slug));
        let at: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        format!("{}{guide}?at={at}", help::BASE)
    }

    /// Every theme, and whether it is the one.
    pub(super) fn themes(&self) -> [(Theme, bool); 3] {
        Theme::ALL.map(|theme| (theme, theme == self.appearance.theme))
    }

    /// The links that a letter after `g` leads to.
    pub(super) fn keys(&self) -> Vec<(char, &'static str)> {
        let links = self.nav().into_iter().flat_map(|group| group.links);
        links.filter_map(|link| Some((link.key?, link.label))).collect()
    }

    /// The address of a screen of the account.
    pub(super) fn at(&self, screen: &str) -> String {
        let slug = self.account.as_ref().map_or("", |account| account.slug.as_str());
        if screen.is_empty() { format!("/accounts/{slug}") } else { format!("/accounts/{slug}/{screen}") }
    }

    /// Where one can go from here.
    pub(super) fn nav(&self) -> Vec<Group> {
        let here = self.path.split('?').next().unwrap_or("/");
        let link = |href: String, label, key: Option<char>, is_whole: bool, count| {
            let is_here = if is_whole { here == href } else { here == href || here.starts_with(&format!("{href}/")) };
            Link { href, label, is_here, key, count }
        };
        let mut groups = Vec::new();
        if self.account.is_some() {
            let own = |screen: &str, label, key| link(self.at(screen), label, key, screen.is_empty(), 0);
            let mut links = vec![
                own("", "Overview", Some('o')),
                own("connectors", "Connectors", Some('c')),
                own("fields", "Fields", None),
                own("event-types", "Event types", None),
                own("test", "Test", None),
                own("logs", "Logs", Some('l')),
                own("replays", "Replays", None),
                Link { count: self.open_issues, ..own("issues", "Issues", Some('i')) },
                own("alerts", "Alerts", None),
                own("transformation", "Transformation", Some('t')),
            ];
            if self.may(Right::Privacy) {
                links.push(own("privacy", "Privacy", None));
            }
            if self.may(Right::Access) {
                links.push(own("settings", "Settings", None));
            }
            if self.is_house && self.may(Right::Transform) {
                links.push(own("notes", "Notes", None));
            }
            groups.push(Group { title: "Integrations · Events", links });
        }
        if self.is_house {
            groups.push(Group {
                title: "Support",
                links: vec![
                    link("/accounts".to_owned(), "Accounts", Some('a'), true, 0),
                    link("/issues".to_owned(), "All issues", Some('I'), true, 0),
                    link("/transformations".to_owned(), "Transformations", Some('T'), false, 0),
                ],
            });
        }
        if self.is_house && self.may(Right::Operate) {
            groups.push(Group {
                title: "Operator",
                links: vec![
                    link("/fleet".to_owned(), "Fleet", Some('f'), true, 0),
                    link("/queue".to_owned(), "Queue", Some('q'), true, 0),
                    link("/guests".to_owned(), "Guests", None, true, 0),
                    link("/rejected".to_owned(), "Refused requests", None, true, 0),
                    link("/keys".to_owned(), "Keys and app", None, true, 0),
                    link("/system".to_owned(), "System", None, true, 0),
                ],
            });
        }
        groups
    }
}

/// Somebody at a screen of an account: what every handler of one begins with.
pub(super) struct Visit {
    pub(super) app: Arc<App>,
    pub(super) actor: Actor,
    pub(super) place: Place,
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let actor = Actor::from_request_parts(parts, app).await?;
        let named = RawPathParams::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        let account = named.iter().find(|(name, _)| *name == "account").map_or("", |(_, value)| value).to_owned();
        let place = Place::find(app, &actor, &account, &parts.uri, &parts.headers).await;
        Ok(Self { app: app.clone(), actor, place: place.map_err(ApiError::into_response)? })
    }
}

/// Somebody at a screen of the service itself, which is for those who work across accounts.
pub(super) struct House {
    pub(super) app: Arc<App>,
    pub(super) actor: Actor,
    pub(super) shell: Shell,
}

impl FromRequestParts<Arc<App>> for House {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let actor = Actor::from_request_parts(parts, app).await?;
        reach::house(&actor).map_err(IntoResponse::into_response)?;
        let shell = Shell::of_the_house(app, &actor, &parts.uri, &parts.headers);
        Ok(Self { app: app.clone(), actor, shell })
    }
}

/// A screen of one account: the shell, and the connection that counts.
pub(super) struct Place {
    pub(super) shell: Shell,
    pub(super) account: Account,
    /// The live one; else the one that was disconnected last.
    pub(super) connection: Option<Connection>,
}

impl Place {
    /// Finds the account of an address, as far as who asks may reach it.
    pub(super) async fn find(
        app: &Arc<App>,
        actor: &Actor,
        name: &str,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Self, ApiError> {
        let account = reach::account(app, actor, name).await?;
        let connection = app.store.connection_of(&account.id).await?;
        let pauses = app.store.pauses().await?;
        let pause = pauses.iter().find_map(|(scope, _)| match scope {
            PauseScope::All => Some("Everything is paused by the operator: leads are taken in and wait."),
            PauseScope::Account(paused) if *paused == account.id => {
                Some("This account is paused: leads are taken in and wait.")
            }
            PauseScope::Account(_) | PauseScope::Lane(..) => None,
        });
        let shell = Shell {
            zone: moment::zone_of(connection.as_ref()),
            account: Some(account.clone()),
            pause,
            open_issues: app.store.open_issues(&account.id, (app.clock)()).await?,
            ..Shell::of_the_house(app, actor, uri, headers)
        };
        Ok(Self { shell, account, connection })
    }
}

/// Whether somebody looks from a frame of another product.
pub(super) fn is_embedded(actor: &Actor) -> bool {
    actor.session.as_ref().is_some_and(|session| session.is_embedded)
}

fn role(actor: &Actor) -> &'static str {
    let is =
        |role: Role| role.rights().iter().all(|right| actor.may(*right)) && actor.rights.len() == role.rights().len();
    match Role::ALL.into_iter().find(|role| is(*role)) {
        Some(Role::Viewer) => "viewer",
        Some(Role::Manager) => "manager",
        Some(Role::Support) => "support",
        Some(Role::Operator) => "operator",
        None => "a program",
    }
}

/// What the address says was done: a form sends its reader on with a word, so that loading again does nothing twice.
fn said(uri: &Uri) -> Option<Said> {
    let query = uri.query()?;
    let done = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done")?.1;
    let (tone, text) = match done.as_ref() {
        "paused" => ("good", "Paused. Leads are taken in and wait."),
        "reauthorized" => ("good", "HubSpot agreed. What waited for it is on its way."),
        "resumed" => ("good", "Resumed. What waited is on its way."),
        "too-late" => ("warning", "It had ended already. Connect HubSpot again to go on."),
        "stays" => ("good", "HubSpot stays connected, as it was."),
        "created" => ("good", "The missing properties are created."),
        "asked" => ("good", "Asked. Support sees it."),
        "mapped" => ("good", "It counts from the next lead on."),
        "taken-out" => ("good", "The test contact is taken out of HubSpot."),
        "called-off" => ("good", "It is called off: nothing more of it is sent."),
        "policy" => ("good", "Leads are written this way from now on."),
        "retried" => ("good", "It is tried again now."),
        "saved" => ("good", "The view is saved."),
        "view-removed" => ("good", "The view is removed."),
        "tried" => ("good", "What waited for its next try is tried now."),
        "replayed" => ("good", "The replay has begun."),
        "revoked" => ("good", "The key opens nothing any more."),
        "invited" => ("good", "From now on they may sign in."),
        "invited-by-mail" => ("good", "From now on they may sign in. A link is on its way to them."),
        "issue-seen" => ("good", "Everybody sees now that you see to it."),
        "issue-muted" => ("good", "Muted. Nobody is told of it, and it is not counted."),
        "issue-unmuted" => ("good", "It is told of and counted again."),
        "issue-said" => ("good", "It stands under the issue."),
        "alert-made" => ("good", "From now on somebody is told."),
        "alert-changed" => ("good", "The rule is changed."),
        "alert-on" => ("good", "The rule is on."),
        "alert-off" => ("good", "The rule is off. Nobody is told until it is turned on."),
        "alert-removed" => ("good", "The rule is taken out."),
        "alert-tested" => ("good", "A test is on its way. Below it says whether it arrived."),
        "removed" => ("good", "Taken out, and signed out everywhere."),
        "ended" => ("good", "The session is ended."),
        "enabled" => ("good", "Enabled. The next leads use it."),
        "rolled-back" => ("good", "Rolled back. The next leads use the version before."),
        "enabled-again" => ("good", "Enabled again. The next leads use it."),
        "waiver-asked" => ("warning", "Not enabled yet: gates are closed, and a second person has to approve it."),
        "waiver-declined" => ("good", "Declined. Nothing changed."),
        "source-set" => ("good", "Set. It counts about a second later."),
        "account-deleted" => ("good", "Deleted. What is left of it goes within the next minutes."),
        "version-deleted" => ("good", "Taken out. Leads that it wrote keep its name."),
        "noted" => ("good", "The note is kept."),
        "note-removed" => ("good", "The note is removed."),
        "erasing" => ("good", "The erasure has begun. Nothing of theirs is written from now on."),
        "suppressed" => ("good", "Suppressed. No lead of theirs is written from now on."),
        "lifted" => ("good", "Lifted. Leads that come from now on are written again."),
        "kept" => ("good", "Set. What is older goes within the hour."),
        "read-only" => ("good", "From now on only operators may change something."),
        "read-write" => ("good", "Everybody may change again what they may."),
        "draining" => ("good", "It takes no more lanes within a second, and finishes what it holds."),
        "takes-lanes" => ("good", "It takes lanes again within a second."),
        "quota" => ("good", "It counts from the next event on, and what waited for more runs again."),
        "rotating" => ("good", "The rotation is under way. Load the page again to see how far it is."),
        "pruned" => ("good", "Keys that sealed nothing are taken out of the ring. Copy it again."),
        "nothing" => ("warning", "There was nothing to do."),
        _ => return None,
    };
    Some(Said { tone, text: text.to_owned() })
}

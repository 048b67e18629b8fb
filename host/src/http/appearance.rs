//! How pages look and listen in one browser: light or dark, and whether single letters are keys. It is kept in cookies, so
//! it needs no script, and whoever may look may choose.

use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::cookie::{self, Scope};
use crate::app::App;
use crate::model::access::Session;

/// Holds `light` or `dark`, where somebody chose.
const THEME_COOKIE: &str = "leadline_theme";
/// Holds `off`, where single letters are no keys.
const KEYS_COOKIE: &str = "leadline_keys";
const YEAR_S: u64 = 365 * 24 * 3600;

/// What somebody chose in this browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Appearance {
    pub(super) theme: Theme,
    /// Speech input and a slip of the hand press letters too, so they can be turned off.
    pub(super) has_letter_keys: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Theme {
    Light,
    Dark,
    /// As the system of whoever looks.
    System,
}

/// What a form asks to change.
#[derive(Deserialize)]
pub(super) struct Change {
    theme: Option<Theme>,
    keys: Option<Switch>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Switch {
    On,
    Off,
}

impl Theme {
    pub(super) const ALL: [Self; 3] = [Self::Light, Self::Dark, Self::System];

    /// One that an address names.
    pub(super) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.word() == word)
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::System => "system",
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Light => "Light",
            Self::Dark => "Dark",
            Self::System => "System",
        }
    }

    /// For the page, unless the system decides.
    pub(super) fn chosen(self) -> Option<&'static str> {
        (self != Self::System).then(|| self.word())
    }

    /// The one after it, on the button that goes round.
    pub(super) fn next(self) -> Self {
        match self {
            Self::System => Self::Dark,
            Self::Dark => Self::Light,
            Self::Light => Self::System,
        }
    }
}

impl Appearance {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let theme = cookie::read(headers, THEME_COOKIE);
        Self {
            theme: theme.as_deref().and_then(Theme::named).unwrap_or(Theme::System),
            has_letter_keys: cookie::read(headers, KEYS_COOKIE).as_deref() != Some("off"),
        }
    }
}

impl Change {
    /// Keeps it in the browser.
    pub(super) fn keep(&self, app: &App, session: Option<&Session>, response: &mut Response) {
        let (life, scope) = kept(app, session);
        if let Some(theme) = self.theme {
            set(app, response, (THEME_COOKIE, theme.chosen()), life, &scope);
        }
        if let Some(keys) = self.keys {
            set(app, response, (KEYS_COOKIE, (keys == Switch::Off).then_some("off")), life, &scope);
        }
    }
}

/// For how many seconds a browser keeps what somebody chose, and where it sends it: in a frame of another product only
/// there, and for as long as that session lives.
pub(super) fn kept(app: &App, session: Option<&Session>) -> (u64, Scope<'static>) {
    match session.filter(|session| session.is_embedded) {
        Some(session) => (session.expires_at.since((app.clock)()).as_secs(), Scope::Frame),
        None => (YEAR_S, Scope::Site),
    }
}

/// The theme that the address of a frame asks for, kept as long as its session.
pub(super) fn keep_in_frame(app: &App, theme: Theme, life_s: u64, response: &mut Response) {
    set(app, response, (THEME_COOKIE, theme.chosen()), life_s, &Scope::Frame);
}

/// What is as it is for everybody needs no cookie.
fn set(app: &App, response: &mut Response, (name, value): (&str, Option<&str>), life_s: u64, scope: &Scope<'_>) {
    let life = if value.is_some() { life_s } else { 0 };
    cookie::set(app, response, name, value.unwrap_or_default(), life, scope);
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;

    #[test]
    fn what_a_browser_chose_is_read_and_nonsense_is_no_choice() {
        let system = Appearance { theme: Theme::System, has_letter_keys: true };
        for (cookies, expected) in [
            ("", system),
            ("leadline_theme=dark", Appearance { theme: Theme::Dark, ..system }),
            ("leadline_theme=light; leadline_keys=off", Appearance { theme: Theme::Light, has_letter_keys: false }),
            ("leadline_theme=purple; leadline_keys=on", system),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(cookies));
            assert_eq!(Appearance::of(&headers), expected, "{cookies}");
        }
    }

    #[test]
    fn the_button_goes_round_all_themes() {
        let (first, second) = (Theme::System.next(), Theme::System.next().next());
        assert_eq!([first, second, second.next()], [Theme::Dark, Theme::Light, Theme::System]);
    }
}

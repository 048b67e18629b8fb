//! The help: the documents of `docs/`, as pages of the dashboard and at the command line. What is a fact of the code
//! stands in `facts`, and in the documents only between marks that a test renews.

pub mod facts;
pub mod mapping;
pub mod markdown;

use std::sync::LazyLock;

use crate::cause::Code;

/// Where the pages lie.
pub const BASE: &str = "/help";

/// A document that is also a page.
#[derive(Debug)]
pub struct Page {
    /// Its place below [`BASE`], and without it the name of its file.
    pub slug: &'static str,
    pub text: &'static str,
    /// What it is for, where one chooses.
    pub summary: &'static str,
}

impl Page {
    /// What its first line calls it.
    pub fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }

    /// Without its first line.
    pub fn body(&self) -> &'static str {
        self.text.split_once('\n').map_or("", |(_, body)| body)
    }
}

macro_rules! pages {
    ($($slug:literal, $summary:literal;)*) => {
        /// Every page, in the order in which people are shown them.
        pub const PAGES: &[Page] = &[$(Page {
            slug: $slug,
            text: include_str!(concat!("../../docs/", $slug, ".md")),
            summary: $summary,
        }),*];
    };
}

pages! {
    "help", "What this is, how to set it up, and what to do when something is wrong.";
    "causes", "What can stand in the way of a lead: an article for each cause.";
    "mapping", "Which part of a lead is written where, and by which rule.";
    "properties", "What leads need in HubSpot.";
    "retries", "Which answers are tried again, and when.";
    "permissions", "What we ask HubSpot for, and what people may do here.";
    "glossary", "What words mean here, such as shopper and dealership.";
}

/// Sections of this document are the guides.
const SCREENS: &str = include_str!("../../docs/screens.md");

/// What is on a screen, and what to do there.
#[derive(Debug)]
pub struct Guide {
    pub slug: String,
    pub title: &'static str,
    pub text: &'static str,
}

static GUIDES: LazyLock<Vec<Guide>> = LazyLock::new(|| {
    let section = |section: &'static str| {
        let (title, text) = section.split_once('\n').unwrap_or((section, ""));
        Guide { slug: markdown::anchor(title), title, text }
    };
    SCREENS.split("\n## ").skip(1).map(section).collect()
});

/// A guide to each screen, in the order of the document.
pub fn guides() -> &'static [Guide] {
    &GUIDES
}

/// The guide of this name.
pub fn guide(slug: &str) -> Option<&'static Guide> {
    guides().iter().find(|guide| guide.slug == slug)
}

/// The guide to the screen at an address of the dashboard.
pub fn guide_to(path: &str) -> Option<&'static Guide> {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    let slug = match parts[..] {
        ["accounts", _] => "overview",
        ["accounts", _, "logs", _, ..] => "lead",
        ["accounts", _, "setup"] => "set-up",
        ["accounts", _, screen, ..] => screen,
        ["issues"] => "all-issues",
        ["rejected"] => "refused-requests",
        ["keys"] => "keys-and-app",
        ["versions", ..] => "transformations",
        ["help", slug] => slug,
        [screen, ..] => screen,
        [] => "overview",
    };
    guide(slug)
}

/// The page of this name.
pub fn page(slug: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.slug == slug)
}

/// The address of the article of a code: what the `type` of a problem says.
pub fn address(code: &str) -> String {
    format!("{BASE}/codes/{code}")
}

/// Where a link of a document leads on the pages: to another page, a guide, an article, or out.
pub fn link(target: &str) -> Option<String> {
    if target.starts_with("https://") {
        return Some(target.to_owned());
    }
    let (file, place) = target.split_once('#').unwrap_or((target, ""));
    match file.strip_suffix(".md") {
        Some("causes") if !place.is_empty() => {
            Code::ALL.iter().find(|code| facts::anchor(**code) == place).map(|code| address(code.as_str()))
        }
        Some("screens") if place.is_empty() => Some(BASE.to_owned()),
        Some("screens") => guide(place).map(|guide| format!("{BASE}/{}", guide.slug)),
        Some(slug) => page(slug).map(|page| match place {
            "" => format!("{BASE}/{}", page.slug),
            place => format!("{BASE}/{}#{place}", page.slug),
        }),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_finds_its_guide_by_its_address() {
        for (path, expected) in [
            ("/accounts/acme", Some("overview")),
            ("/accounts/acme/logs", Some("logs")),
            ("/accounts/acme/logs/evt_1", Some("lead")),
            ("/accounts/acme/transformation/tfv_1", Some("transformation")),
            ("/accounts", Some("accounts")),
            ("/issues", Some("all-issues")),
            ("/versions/tfv_1", Some("transformations")),
            ("/queue", Some("queue")),
            ("/help/logs", Some("logs")),
            ("/help/causes", None),
            ("/somewhere", None),
        ] {
            assert_eq!(guide_to(path).map(|guide| guide.slug.as_str()), expected, "{path}");
        }
    }

    #[test]
    fn names_of_pages_and_guides_are_apart() {
        for guide in guides() {
            assert!(page(&guide.slug).is_none() && guide.slug != "codes", "{}", guide.slug);
            assert!(!guide.text.trim().is_empty(), "{}", guide.slug);
        }
        for code in Code::ALL {
            assert!(code.screen().is_none_or(|screen| guide(screen).is_some()), "{code} leads to no guide");
        }
    }
}

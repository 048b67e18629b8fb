//! The styles, the pages and the style guide know the same parts: nothing is styled that no page has, and the style
//! guide leaves nothing out that is styled.

use std::collections::BTreeSet;
use std::path::Path;

use crate::access::{signed_in, with_public_url};

const STYLES: &str = include_str!("../../host/assets/leadline.css");
/// What the style guide cannot show: what a script puts on for a moment, pages without navigation, a page in a frame,
/// and settings within groups of groups.
const NOT_SHOWN: [&str; 7] = ["depth-2", "depth-3", "depth-4", "framed", "htmx-request", "quiet", "waits"];
/// What pages do not have: what lies over them lies in the style guide only, and a depth is written with its number.
const OF_NO_PAGE: [&str; 5] = ["depth-1", "depth-2", "depth-3", "depth-4", "laid"];

/// The classes that selectors name.
fn styled() -> BTreeSet<&'static str> {
    let code = STYLES.split("/*").map(|part| part.split_once("*/").map_or(part, |(_, code)| code));
    let before_blocks = code.flat_map(|code| code.split('{'));
    let selectors = before_blocks.map(|text| text.rsplit(['}', ';']).next().unwrap_or(text));
    let classes = selectors.filter(|selector| !selector.trim_start().starts_with('@')).flat_map(|selector| {
        let named = selector.split('.').skip(1);
        named.map(|rest| rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').next().unwrap())
    });
    classes.filter(|class| class.starts_with(|letter: char| letter.is_ascii_alphabetic())).collect()
}

/// The classes that a page gives to what is on it.
fn given(page: &str) -> BTreeSet<&str> {
    let lists = page.split("class=\"").skip(1).filter_map(|rest| rest.split_once('"'));
    lists.flat_map(|(classes, _)| classes.split_whitespace()).collect()
}

/// All that lies below a folder and ends so, but for the style guide's own.
fn sources(folder: &str, end: &str) -> String {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../host").join(folder)];
    let mut all = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_other = path.file_stem().is_some_and(|stem| stem != "styleguide");
            if path.is_dir() {
                folders.push(path);
            } else if is_other && path.extension().is_some_and(|known| known == end) {
                all += &std::fs::read_to_string(&path).unwrap();
            }
        }
    }
    all
}

#[test]
fn every_style_is_of_something_that_a_page_has() {
    let (pages, code) = (sources("pages", "html"), sources("src", "rs") + &sources("assets", "js"));
    let given = given(&pages);
    let is_used = |class: &&str| given.contains(class) || code.contains(&format!("\"{class}\""));
    let unused: Vec<_> = styled().into_iter().filter(|class| !is_used(class) && !OF_NO_PAGE.contains(class)).collect();
    assert!(unused.is_empty(), "leadline.css styles what no page has: {unused:?}");
}

#[tokio::test]
async fn the_style_guide_shows_every_part_that_has_a_style() {
    let app = with_public_url("http://localhost:8080").await;
    let browser = signed_in(&app, None, "operator").await.with("accept", "text/html");
    let reply = browser.get(&app, "/styleguide").await;
    let page = reply.body.as_str().unwrap();
    let styled = styled();
    assert!(styled.len() > 80, "{styled:?}");
    let shown = given(page);
    let missing: Vec<_> =
        styled.into_iter().filter(|class| !shown.contains(class) && !NOT_SHOWN.contains(class)).collect();
    assert!(missing.is_empty(), "the style guide does not show {missing:?}");
    for words in [
        // Differences are drawn as on the test bench, line by line.
        "<del>    - lead_priority            high</del>\n<ins>    + lead_priority            low</ins>",
        "3 new: show",
        "The connection is lost. Trying again…",
        "Reconnect required",
        "aria-label=\"75 % of the limit\"",
        "Next attempt",
        "1 of 3 steps are done.",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    // Of every outcome there is a lead.
    assert_eq!(page.matches(" data-row").count(), 9 + 3 + 3);
    app.finish().await;
}

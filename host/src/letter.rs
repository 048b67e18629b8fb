//! What letters say: links to sign in, what rules found, what is over.

use std::fmt::Write as _;

use askama::Template;
use serde::{Deserialize, Serialize};

use crate::watch::{Finding, Over};

/// A letter, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// In whose name letters come, and where their links lead.
pub struct Sender<'a> {
    pub brand: &'a str,
    /// Where browsers reach the service; without it letters have no links.
    pub public_url: Option<&'a str>,
}

#[derive(Template, Default)]
#[template(path = "mail/letter.html")]
struct Page<'a> {
    brand: &'a str,
    whose: &'a str,
    title: &'a str,
    intro: Vec<String>,
    items: Vec<Item>,
    /// The colour of what stands beside the items.
    tone: &'static str,
    links: Vec<(String, String)>,
    foot: &'a str,
}

struct Item {
    title: String,
    lines: Vec<String>,
}

impl Page<'_> {
    fn letter(&self, subject: String) -> anyhow::Result<Letter> {
        Ok(Letter { subject, text: self.text(), html: self.render()? })
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.title);
        for line in &self.intro {
            let _ = writeln!(text, "{line}\n");
        }
        for item in &self.items {
            let _ = writeln!(text, "* {}", item.title);
            for line in &item.lines {
                let _ = writeln!(text, "  {line}");
            }
            text.push('\n');
        }
        for (label, href) in &self.links {
            let _ = writeln!(text, "{label}:\n{href}\n");
        }
        if !self.foot.is_empty() {
            let _ = writeln!(text, "{}", self.foot);
        }
        text
    }
}

/// A letter with links that sign somebody in: where to, and the address.
///
/// # Errors
/// When it cannot be drawn.
pub fn sign_in(sender: &Sender<'_>, links: &[(String, String)], minutes: u64) -> anyhow::Result<Letter> {
    let title = format!("Sign in to {}", sender.brand);
    let page = Page {
        brand: sender.brand,
        title: &title,
        intro: vec![format!(
            "Somebody asked for this letter on our sign-in page. It is good once, for {minutes} minutes."
        )],
        links: links.iter().map(|(whose, href)| (format!("Sign in: {whose}"), href.clone())).collect(),
        foot: "It was not you? Then there is nothing to do: nobody gets in without this letter.",
        ..Page::default()
    };
    page.letter(title.clone())
}

/// A letter for somebody who was let in.
///
/// # Errors
/// When it cannot be drawn.
pub fn invitation(sender: &Sender<'_>, by: &str, whose: &str, href: String) -> anyhow::Result<Letter> {
    let title = format!("You may sign in to {whose}");
    let page = Page {
        brand: sender.brand,
        whose,
        title: &title,
        intro: vec![
            format!(
                "{by} lets you in. {} brings the leads of a website's chat to HubSpot, and shows what became of each.",
                sender.brand
            ),
            "The link is good once, for a day. Later, ask for another one on the sign-in page, with this address."
                .to_owned(),
        ],
        links: vec![("Sign in".to_owned(), href)],
        foot: "You do not know why you get this? Then there is nothing to do.",
        ..Page::default()
    };
    page.letter(format!("{title} on {}", sender.brand))
}

/// A letter to support: what a dealership asks for, with its answers.
///
/// # Errors
/// When it cannot be drawn.
pub fn wish(
    sender: &Sender<'_>,
    (account, slug): (&str, &str),
    title: &str,
    by: &str,
    answers: Vec<String>,
) -> anyhow::Result<Letter> {
    let page = Page {
        brand: sender.brand,
        whose: account,
        title,
        intro: vec![format!("{by} of {account} asks for it.")],
        items: if answers.is_empty() { Vec::new() } else { vec![Item { title: "Answers".to_owned(), lines: answers }] },
        links: href(sender, slug, "").map(|href| ("Open the account".to_owned(), href)).into_iter().collect(),
        foot: "It stands under Accounts until somebody says that it is done.",
        ..Page::default()
    };
    page.letter(format!("{account}: {title}"))
}

fn item(finding: &Finding) -> Item {
    let lines = [finding.detail.clone(), format!("What to do: {}", finding.fix)];
    Item { title: finding.title.clone(), lines: lines.into_iter().filter(|line| !line.is_empty()).collect() }
}

/// How something ended that leads waited for.
fn end(failed: u64) -> String {
    match failed {
        0 => "It is over.".to_owned(),
        1 => "Nothing waits for it any more, but a lead failed: it did not reach HubSpot, and can be replayed."
            .to_owned(),
        many => format!(
            "Nothing waits for it any more, but {many} leads failed: they did not reach HubSpot, and can be replayed."
        ),
    }
}

/// The screen that helps: of the one thing, or of the account where there are several.
pub fn screen(findings: &[Finding]) -> &str {
    match findings {
        [] => "",
        [one] => &one.screen,
        [first, rest @ ..] if rest.iter().all(|other| other.screen == first.screen) => &first.screen,
        _ => "alerts",
    }
}

/// The same, of what is over: the account, or the leads that failed.
pub fn screen_of_over(over: &[Over]) -> &'static str {
    if over.iter().any(|one| one.failed > 0) { "logs?outcome=failed" } else { "" }
}

/// Where a screen of an account is.
pub fn href(sender: &Sender<'_>, slug: &str, screen: &str) -> Option<String> {
    let slash = if screen.is_empty() { "" } else { "/" };
    sender.public_url.map(|base| format!("{base}/accounts/{slug}{slash}{screen}"))
}

/// What is behind a letter about findings.
pub struct About<'a> {
    pub sender: &'a Sender<'a>,
    pub account_name: &'a str,
    pub slug: &'a str,
    /// The rule, as a sentence.
    pub rule: &'a str,
}

const WHY: &str = "Who is told of what, and when, is chosen under Alerts.";

impl About<'_> {
    /// What a rule found.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn opened(&self, findings: &[Finding]) -> anyhow::Result<Letter> {
        let title = match findings {
            [one] => one.title.clone(),
            many => format!("{} things need attention", many.len()),
        };
        self.findings(&title, "#b42318", findings.iter().map(item).collect(), screen(findings))
    }

    /// What is over.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn resolved(&self, over: &[Over]) -> anyhow::Result<Letter> {
        let title = match over {
            [one] if one.failed > 0 => format!("Given up: {}", one.finding.title),
            [one] => format!("Over: {}", one.finding.title),
            many => format!("{} things are over", many.len()),
        };
        let tone = if over.iter().all(|one| one.failed == 0) { "#17754a" } else { "#b42318" };
        let gone = |one: &Over| Item { title: one.finding.title.clone(), lines: vec![end(one.failed)] };
        self.findings(&title, tone, over.iter().map(gone).collect(), screen_of_over(over))
    }

    /// A letter that shows that letters arrive.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn test(&self) -> anyhow::Result<Letter> {
        let intro = vec![
            "This is a test: nothing is wrong.".to_owned(),
            format!("You will be told here when this is so: {}.", self.rule),
        ];
        self.page("A test of your alerts", intro, "#1d5bbf", Vec::new(), "alerts")
    }

    fn findings(&self, title: &str, tone: &'static str, items: Vec<Item>, screen: &str) -> anyhow::Result<Letter> {
        // One thing stands in the title, and need not be said twice.
        let (intro, items) = match items.len() {
            1 => (items.into_iter().flat_map(|item| item.lines).collect(), Vec::new()),
            _ => (Vec::new(), items),
        };
        self.page(title, intro, tone, items, screen)
    }

    fn page(
        &self,
        title: &str,
        intro: Vec<String>,
        tone: &'static str,
        items: Vec<Item>,
        screen: &str,
    ) -> anyhow::Result<Letter> {
        let link = href(self.sender, self.slug, screen).map(|href| ("Open it".to_owned(), href));
        let page = Page {
            brand: self.sender.brand,
            whose: self.account_name,
            title,
            intro,
            items,
            tone,
            links: link.into_iter().collect(),
            foot: WHY,
        };
        page.letter(format!("{}: {title}", self.account_name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    const SENDER: Sender<'_> = Sender { brand: "Leadline", public_url: Some("https://leads.example.com") };

    fn finding(title: &str, screen: &str) -> Finding {
        Finding {
            subject: title.to_owned(),
            title: title.to_owned(),
            detail: "3 leads wait for it.".to_owned(),
            fix: "Create it in HubSpot.".to_owned(),
            screen: screen.to_owned(),
            since: Timestamp(0),
            lasts: true,
        }
    }

    fn about() -> About<'static> {
        About {
            sender: &SENDER,
            account_name: "Ocean <Honda>",
            slug: "ocean-honda",
            rule: "Something stands in the way",
        }
    }

    #[test]
    fn one_thing_has_its_reason_its_fix_and_one_link() {
        let letter = about().opened(&[finding("A property is missing", "issues")]).unwrap();
        assert_eq!(letter.subject, "Ocean <Honda>: A property is missing");
        let expected = "A property is missing\n\n3 leads wait for it.\n\nWhat to do: Create it in HubSpot.\n\n\
                        Open it:\nhttps://leads.example.com/accounts/ocean-honda/issues\n\n\
                        Who is told of what, and when, is chosen under Alerts.\n";
        assert_eq!(letter.text, expected);
        assert_eq!(letter.html.matches("href=").count(), 1);
        assert!(letter.html.contains("Ocean &#60;Honda&#62;"), "{}", letter.html);
    }

    #[test]
    fn several_things_come_in_one_letter() {
        let letter = about().opened(&[finding("One", "issues"), finding("Two", "connectors")]).unwrap();
        assert_eq!(letter.subject, "Ocean <Honda>: 2 things need attention");
        assert!(letter.text.contains("* One\n") && letter.text.contains("* Two\n"), "{}", letter.text);
        assert!(letter.text.contains("/accounts/ocean-honda/alerts\n"), "{}", letter.text);
    }

    #[test]
    fn what_leads_failed_for_is_not_simply_over() {
        let over = |failed| Over { finding: finding("A lead waits", "issues"), failed };
        let rows = [
            (vec![over(0)], "Ocean <Honda>: Over: A lead waits", "It is over."),
            (vec![over(1)], "Ocean <Honda>: Given up: A lead waits", "but a lead failed"),
            (vec![over(0), over(2)], "Ocean <Honda>: 2 things are over", "but 2 leads failed"),
        ];
        for (over, subject, words) in rows {
            let letter = about().resolved(&over).unwrap();
            assert_eq!(letter.subject, subject);
            assert!(letter.text.contains(words), "{}", letter.text);
        }
    }

    #[test]
    fn without_an_address_of_ours_a_letter_has_no_link() {
        let sender = Sender { public_url: None, ..SENDER };
        let letter = About { sender: &sender, ..about() }.opened(&[finding("One", "issues")]).unwrap();
        assert!(!letter.html.contains("href="), "{}", letter.html);
        assert_eq!(letter.subject, "Ocean <Honda>: One");
    }
}

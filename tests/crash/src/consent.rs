//! Connects an account as a person does: follows the link, agrees at HubSpot, and is sent back.

use anyhow::{Context as _, ensure};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response, Url};

/// Walks from the link to the last page.
///
/// # Errors
/// When a page stops.
pub(crate) async fn connect(link: &str, portal: i64) -> anyhow::Result<()> {
    let browser = Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let left = browser.post(link).header("sec-fetch-site", "same-origin").send().await?;
    let cookie = cookie(&left)?;
    let consent = location(left).await?;
    let page = Url::parse(&consent)?;
    let mut form: Vec<(String, String)> = page.query_pairs().into_owned().collect();
    form.extend([("portal".to_owned(), portal.to_string()), ("decision".to_owned(), "allow".to_owned())]);
    let address = consent.split('?').next().unwrap_or_default();
    let back = location(browser.post(address).form(&form).send().await?).await?;
    let last = browser.get(&back).header(COOKIE, cookie).send().await?;
    let (status, text) = (last.status(), last.text().await?);
    ensure!(status.is_success(), "the connection stops with {status}: {text}");
    Ok(())
}

fn cookie(response: &Response) -> anyhow::Result<String> {
    let line = response.headers().get(SET_COOKIE).context("the page of the link sets no cookie")?.to_str()?;
    Ok(line.split("; ").next().unwrap_or_default().to_owned())
}

async fn location(response: Response) -> anyhow::Result<String> {
    let to = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    match to {
        Some(to) => Ok(to),
        None => anyhow::bail!("a page leads nowhere: {}", response.text().await?),
    }
}

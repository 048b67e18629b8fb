//! A browser: it keeps cookies, follows what it is told, and presses buttons on HubSpot's consent page.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};

pub(crate) struct Browser {
    client: Client,
    /// Name to value and path.
    pub(crate) cookies: BTreeMap<String, (String, String)>,
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { client, cookies: BTreeMap::new() }
    }

    pub(crate) async fn get(&mut self, url: &str) -> Page {
        self.send(self.client.get(url), url).await
    }

    pub(crate) async fn post(&mut self, url: &str) -> Page {
        self.send(self.client.post(url).header("sec-fetch-site", "same-origin"), url).await
    }

    async fn send(&mut self, request: RequestBuilder, url: &str) -> Page {
        let path = Url::parse(url).unwrap().path().to_owned();
        let here = self.cookies.iter().filter(|(_, (_, below))| path.starts_with(below));
        let cookies: Vec<_> = here.map(|(name, (value, _))| format!("{name}={value}")).collect();
        let request = if cookies.is_empty() { request } else { request.header(COOKIE, cookies.join("; ")) };
        let response = request.send().await.unwrap();
        for line in response.headers().get_all(SET_COOKIE) {
            let mut parts = line.to_str().unwrap().split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let below = parts.find_map(|part| part.strip_prefix("Path=")).unwrap_or("/");
            self.cookies.insert(name.to_owned(), (value.to_owned(), below.to_owned()));
        }
        let location = response.headers().get(LOCATION).map(|value| value.to_str().unwrap().to_owned());
        Page {
            status: response.status().as_u16(),
            location,
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    /// Presses "Connect to HubSpot", and returns the address of the consent page.
    pub(crate) async fn leave(&mut self, link: &str) -> String {
        let page = self.post(link).await;
        assert_eq!(page.status, 303, "{}", page.text);
        page.location.unwrap()
    }

    /// Answers HubSpot's consent page, and returns the address that it sends the browser back to.
    pub(crate) async fn decide(&mut self, consent: &str, portal: i64, decision: &str) -> String {
        let page = self.get(consent).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let url = Url::parse(consent).unwrap();
        let mut fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        fields.extend([("portal".to_owned(), portal.to_string()), ("decision".to_owned(), decision.to_owned())]);
        let form = self.client.post(consent.split('?').next().unwrap()).form(&fields);
        let page = self.send(form, consent).await;
        page.location.unwrap_or_else(|| panic!("{}", page.text))
    }

    /// From the link to the last page.
    pub(crate) async fn connect(&mut self, link: &str, portal: i64) -> Page {
        let consent = self.leave(link).await;
        let back = self.decide(&consent, portal, "allow").await;
        self.get(&back).await
    }
}

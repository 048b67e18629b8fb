//! Apps by the handle: registered, allowed and installed without a page.

use super::Simulator;
use crate::oauth::{self, Install, OAuthApp};
use crate::world::locked;

impl Simulator {
    /// Registers an app with HubSpot, or changes one that is registered.
    ///
    /// # Panics
    /// If HubSpot would not take one of its redirect addresses.
    pub fn add_app(&self, app: OAuthApp) {
        if let Some(why) = app.redirect_urls.iter().find_map(|url| app.refuses_redirect(url)) {
            panic!("the app cannot be registered: {why}");
        }
        self.world.add_app(app);
    }

    /// What a person's Allow comes to, without the page: the code that the redirect carries.
    ///
    /// # Panics
    /// If the consent page would have been a blocked one.
    pub fn allow(&self, portal: i64, client_id: &str, redirect_uri: &str, scopes: &[&str]) -> String {
        let app = self.app_for(client_id, scopes);
        if let Some(why) = app.refuses_redirect(redirect_uri) {
            panic!("the consent page is blocked: {why}");
        }
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        oauth::allow(&self.world, &mut locked(&self.state(portal)), client_id, redirect_uri, scopes)
    }

    /// Installs an app at once, and answers with its tokens. Installed again, it gets new ones, and
    /// these scopes in place of the old ones.
    ///
    /// # Panics
    /// If there is no such app, or one of the scopes is not in its file.
    pub fn install(&self, portal: i64, client_id: &str, scopes: &[&str]) -> Install {
        self.app_for(client_id, scopes);
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        oauth::grant(&self.world, &mut locked(&self.state(portal)), client_id, scopes)
    }

    /// Oldest first, and those that were removed too.
    pub fn installs(&self, portal: i64) -> Vec<Install> {
        let portal = self.state(portal);
        let portal = locked(&portal);
        portal.installs.all().iter().map(|install| Install::of(&portal, install)).collect()
    }

    fn app_for(&self, client_id: &str, scopes: &[&str]) -> OAuthApp {
        let Some(app) = self.world.app(client_id) else { panic!("there is no app {client_id}") };
        if let Some(scope) = app.stranger(scopes.iter().copied()) {
            panic!("the app {client_id} has not registered the scope {scope}");
        }
        app
    }
}

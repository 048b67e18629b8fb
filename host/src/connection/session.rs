//! A portal to talk to outside of a lane's round: for people's questions, and for looking after a connection. Its calls
//! live on the part of the rate limit that the lanes leave free.

use crate::hubspot::{HubSpot, Portal, Reply, Request};
use crate::model::account::Connection;

/// A connection with a token that is good for the next minute.
pub struct Session {
    hubspot: HubSpot,
    pub portal: Portal,
    pub connection: Connection,
}

impl Session {
    pub fn new(hubspot: HubSpot, portal: Portal, connection: Connection) -> Self {
        Self { hubspot, portal, connection }
    }

    /// Makes one call. A dead network is an answer too.
    pub async fn send(&self, request: &Request) -> Reply {
        self.hubspot.send(&self.portal, request).await
    }
}

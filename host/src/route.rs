//! Which binding an event goes to, or why it goes nowhere. Pure.

use crate::cause::{Code, Problem};
use crate::model::account::{Binding, Connection, ConnectionState};
use crate::model::id::EventId;

/// What routing needs to know of an account, read once a round.
#[derive(Debug, Default)]
pub struct Routing {
    pub connections: Vec<Connection>,
    /// Event types that are selected, with the connection.
    pub subscriptions: Vec<Subscription>,
    /// The newest binding of each connection and event type.
    pub bindings: Vec<Binding>,
    /// Those that take the rest, where the newest takes a share.
    pub rest: Vec<Binding>,
}

/// An event type that a connection takes.
#[derive(Debug)]
pub struct Subscription {
    pub connection_id: crate::model::id::ConnectionId,
    pub event_type: String,
}

/// Where an event goes.
#[derive(Debug)]
pub enum Route<'a> {
    To(&'a Binding),
    Skip(Problem),
}

/// The route of an event of `event_type`. It goes to the version that is being tried, or to the one before, by its id
/// alone: planning it again finds the same one. A test lead goes to the version that is being tried, whatever its share.
pub fn route<'a>(event: &EventId, event_type: &str, is_test: bool, routing: &'a Routing) -> Route<'a> {
    let connected = |connection: &&Connection| connection.state != ConnectionState::Disconnected;
    let Some(connection) = routing.connections.iter().find(connected) else {
        return Route::Skip(match routing.connections.first() {
            Some(ended) => {
                let detail = format!("portal {} was disconnected when the event came", ended.portal_id);
                Problem::new(Code::ConnectionDisconnected, detail)
            }
            None => Problem::new(Code::AccountNotConnected, "no HubSpot account was connected when the event came"),
        });
    };
    if connection.sends_last_since().is_some_and(|since| *event >= EventId::earliest(since)) {
        let detail = format!("portal {} was being disconnected when the event came", connection.portal_id);
        return Route::Skip(Problem::new(Code::ConnectionDisconnected, detail));
    }
    let selected = |subscription: &Subscription| {
        subscription.connection_id == connection.id && subscription.event_type == event_type
    };
    if !routing.subscriptions.iter().any(selected) {
        let detail = format!("the connection does not take events of type `{event_type}`");
        return Route::Skip(Problem::new(Code::EventNotSelected, detail).about(event_type));
    }
    let bound = |binding: &&Binding| binding.connection_id == connection.id && binding.event_type == event_type;
    let rest = |newest: &Binding| routing.rest.iter().find(|rest| newest.before.as_ref() == Some(&rest.id));
    let newest = routing.bindings.iter().find(bound);
    // Where nothing was before, what takes no share is what a rollback left, and nothing that is tried.
    let takes = |newest: &Binding| newest.share.takes(event) || (is_test && newest.before.is_some());
    match newest.and_then(|newest| if takes(newest) { Some(newest) } else { rest(newest) }) {
        Some(binding) => Route::To(binding),
        None => {
            let detail = format!("no transformation of the account handles `{event_type}`");
            Route::Skip(Problem::new(Code::EventUnhandled, detail).about(event_type))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::account::Waiting;
    use crate::model::id::{AccountId, BindingId, ConnectionId, VersionId};
    use crate::model::share::Share;
    use crate::model::time::Timestamp;

    const LEAD: &str = "lead.captured.v1";

    fn routing(state: ConnectionState, selected: &[&str], bound: &[&str]) -> Routing {
        let (account_id, connection_id) = (AccountId::stored("acc_1".into()), ConnectionId::stored("con_1".into()));
        Routing {
            connections: vec![Connection {
                id: connection_id.clone(),
                account_id: account_id.clone(),
                portal_id: 1,
                state,
                api_version: String::new(),
                auth: crate::model::account::Auth::Token,
                expires_at: None,
                scopes: None,
                policy: Default::default(),
                portal: None,
                problem: None,
                checked_at: Timestamp(0),
                ends_at: None,
                ends_since: None,
                ends_waiting: None,
                agreed: None,
                created_at: Timestamp(0),
            }],
            subscriptions: selected
                .iter()
                .map(|event_type| Subscription {
                    connection_id: connection_id.clone(),
                    event_type: (*event_type).into(),
                })
                .collect(),
            bindings: bound
                .iter()
                .map(|event_type| Binding {
                    id: BindingId::stored("bnd_1".into()),
                    account_id: account_id.clone(),
                    connection_id: connection_id.clone(),
                    event_type: (*event_type).into(),
                    version_id: VersionId::stored("tfv_1".into()),
                    label: "default@1".into(),
                    settings: "{}".into(),
                    share: Share::ALL,
                    before: None,
                    is_watched: false,
                    is_open: false,
                })
                .collect(),
            rest: Vec::new(),
        }
    }

    fn event() -> EventId {
        EventId::stored("evt_1".into())
    }

    #[test]
    fn an_event_goes_to_its_binding_or_says_why_not() {
        use ConnectionState::{Connected, Disconnected, Paused, ReconnectRequired};
        let rows = [
            (routing(Connected, &[LEAD], &[LEAD]), Ok("default@1")),
            (routing(Paused, &[LEAD], &[LEAD]), Ok("default@1")),
            (routing(ReconnectRequired, &[LEAD], &[LEAD]), Ok("default@1")),
            (routing(Disconnected, &[LEAD], &[LEAD]), Err(Code::ConnectionDisconnected)),
            (Routing::default(), Err(Code::AccountNotConnected)),
            (routing(Connected, &["session.initiated.v1"], &[LEAD]), Err(Code::EventNotSelected)),
            (routing(Connected, &[LEAD], &[]), Err(Code::EventUnhandled)),
        ];
        for (routing, expected) in rows {
            let found = match route(&event(), LEAD, false, &routing) {
                Route::To(binding) => Ok(binding.label.as_str()),
                Route::Skip(problem) => Err(problem.code),
            };
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_comes_while_a_connection_sends_its_last_leads_is_skipped() {
        let since = Timestamp(1_795_435_200_000);
        let second = std::time::Duration::from_secs(1);
        let mut routing = routing(ConnectionState::Connected, &[LEAD], &[LEAD]);
        routing.connections[0].ends_since = Some(since);
        for (waiting, at, is_skipped) in [
            (Waiting::Send, since - second, false),
            (Waiting::Send, since + second, true),
            (Waiting::Hold, since + second, false),
        ] {
            routing.connections[0].ends_waiting = Some(waiting);
            let code = match route(&EventId::new(at), LEAD, false, &routing) {
                Route::To(_) => None,
                Route::Skip(problem) => Some(problem.code),
            };
            assert_eq!(code, is_skipped.then_some(Code::ConnectionDisconnected), "{waiting:?} {at}");
        }
    }

    #[test]
    fn a_share_goes_to_the_new_version_and_the_rest_to_the_one_before() {
        use ConnectionState::Connected;
        let mut routing = routing(Connected, &[LEAD], &[LEAD]);
        let before = routing.bindings.remove(0);
        let tried = Binding {
            id: BindingId::stored("bnd_2".into()),
            label: "default@2".into(),
            before: Some(before.id.clone()),
            ..before.clone()
        };
        let label = |routing: &Routing, event: &EventId| match route(event, LEAD, false, routing) {
            Route::To(binding) => binding.label.clone(),
            Route::Skip(problem) => problem.code.to_string(),
        };
        let events: Vec<_> = (0..200).map(|_| EventId::new(Timestamp(1_795_435_200_000))).collect();
        for (percent, rest, others) in [
            (100, vec![], ""),
            (10, vec![before.clone()], "default@1"),
            (1, vec![before.clone()], "default@1"),
            // For test leads only.
            (0, vec![before], "default@1"),
            // What a rollback leaves where nothing was before.
            (0, vec![], "event.unhandled"),
        ] {
            let share = Share::stored(percent);
            let newest =
                Binding { share, before: rest.first().map(|_| BindingId::stored("bnd_1".into())), ..tried.clone() };
            routing = Routing { bindings: vec![newest], rest, ..routing };
            for event in &events {
                let expected = if share.takes(event) { "default@2" } else { others };
                assert_eq!(label(&routing, event), expected, "{percent} % {event}");
                assert_eq!(label(&routing, event), expected, "again");
                let tested = match route(event, LEAD, true, &routing) {
                    Route::To(binding) => binding.label.as_str(),
                    Route::Skip(_) => "event.unhandled",
                };
                // Only where there is nothing that takes the rest, nothing is being tried.
                let expected = if percent == 0 && others != "default@1" { others } else { "default@2" };
                assert_eq!(tested, expected, "a test lead, {percent} %");
            }
        }
    }
}

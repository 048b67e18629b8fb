//! One API call from its arrival to what goes back: faults, the call itself, and the call log.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::answer::{self, Answer, Body, Kind, Refusal};
use crate::api;
use crate::call::Logged;
use crate::condition::TEN_SECONDS;
use crate::fault::{End, Then};
use crate::finding::FindingKind;
use crate::oauth;
use crate::portal::record::Source;
use crate::random::Random;
use crate::request::Request;
use crate::turn::{Turn, Version};
use crate::world::{World, locked};

/// Names that must never stand in a query.
const SECRETS: [&str; 6] = ["access_token", "refresh_token", "client_secret", "hapikey", "code", "token"];

/// What the server does with the connection, and after how long.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) delay: Duration,
    pub(crate) end: Ending,
}

#[derive(Debug)]
pub(crate) enum Ending {
    Send(Reply),
    /// Announces the whole answer, and sends half of it.
    SendHalf(Reply),
    Close,
}

/// An answer in the bytes that go out.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: Bytes,
}

pub(crate) fn exchange(world: &World, request: &Request) -> Outcome {
    let (number, mut random) = world.next_call();
    let correlation_id = random.id();
    let is_oauth = oauth::has(request);
    let portal = match is_oauth {
        true => oauth::portal_named(world, request).and_then(|id| Some((id, world.portal(id)?))),
        false => request.bearer().and_then(|token| world.portal_of(token)),
    };
    let portal_id = portal.as_ref().map(|(id, _)| *id);
    let knobs = match &portal {
        Some((_, portal)) => locked(portal).knobs.clone(),
        None => locked(&world.knobs).clone(),
    };
    let fault = locked(&world.faults).pick(request, portal_id, &mut random);
    let applies = fault.as_ref().is_none_or(Then::takes_effect);
    let now = world.clock.now();
    let mut turn = Turn { number, now, version: Version::September2026, by: Source::Integration, random };

    let mut answer = if applies {
        match &portal {
            _ if is_oauth => oauth::answer(world, &mut turn, request),
            Some((_, portal)) => api::answer(&mut locked(portal), &mut turn, request),
            None => Refusal::unauthenticated().into_answer(&mut turn.random),
        }
    } else {
        Answer::empty(200)
    };
    answer.headers.push(("X-HubSpot-Correlation-Id".to_owned(), correlation_id.clone()));
    if let Body::Json(body) = &mut answer.body {
        dress(body, &correlation_id, &knobs, &mut turn.random);
    }
    let is_slow = knobs.slow_share > 0.0 && turn.random.hits(knobs.slow_share);
    let delay =
        knobs.latency_ms + turn.random.below(knobs.latency_jitter_ms + 1) + if is_slow { knobs.slow_ms } else { 0 };
    let outcome = outcome(reply(answer), fault.as_ref(), delay, &correlation_id, &mut turn.random);
    log(
        world,
        request,
        &outcome,
        Logged {
            number,
            at: now,
            portal: portal_id,
            method: request.method.clone(),
            path: request.target.clone(),
            body: request.body.clone(),
            status: 0,
            answer: Bytes::new(),
            correlation_id,
            applied: applies,
            faulted: fault.is_some(),
        },
    );
    outcome
}

/// What the knobs do to a body.
fn dress(body: &mut Value, correlation_id: &str, knobs: &crate::knobs::Knobs, random: &mut Random) {
    answer::correlate(body, correlation_id);
    if knobs.sparse_errors {
        answer::make_sparse(body, random);
    }
    if knobs.extra_fields {
        answer::add_unknown_fields(body);
    }
}

fn reply(answer: Answer) -> Reply {
    let (content_type, body) = match answer.body {
        Body::Empty => (None, Bytes::new()),
        Body::Json(value) => (Some("application/json;charset=utf-8"), Bytes::from(value.to_string())),
        Body::Html(page) => (Some("text/html; charset=utf-8"), Bytes::from(page)),
    };
    Reply { status: answer.status, headers: answer.headers, content_type, body }
}

/// What a fault makes of the true answer.
fn outcome(truth: Reply, fault: Option<&Then>, delay_ms: u64, correlation_id: &str, random: &mut Random) -> Outcome {
    let delay = Duration::from_millis(delay_ms);
    let Some(then) = fault else {
        return Outcome { delay, end: Ending::Send(truth) };
    };
    let mut delay = delay + Duration::from_millis(then.delay_ms);
    let scripted = |mut reply: Reply| {
        reply.headers.extend(then.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        Ending::Send(reply)
    };
    let end = match (then.end, then.status) {
        (End::Answer, None) => scripted(truth),
        (End::Answer, Some(status)) => scripted(made_up(status, then.body.as_deref(), correlation_id, random)),
        (End::Close, _) => Ending::Close,
        (End::Timeout, _) => {
            delay += Duration::from_millis(then.hang_ms());
            Ending::Close
        }
        (End::Half, _) => Ending::SendHalf(truth),
        (End::Html, status) => scripted(Reply {
            status: status.unwrap_or(502),
            headers: Vec::new(),
            content_type: Some("text/html; charset=utf-8"),
            body: Bytes::from_static(b"<html><body><h1>Bad gateway</h1></body></html>"),
        }),
        (End::Empty, _) => scripted(reply(Answer::empty(200))),
    };
    Outcome { delay, end }
}

/// The answer for a scripted status; without a body it gets an envelope that such answers have.
fn made_up(status: u16, body: Option<&str>, correlation_id: &str, random: &mut Random) -> Reply {
    if let Some(text) = body {
        let body = Bytes::copy_from_slice(text.as_bytes());
        return Reply { status, headers: Vec::new(), content_type: Some("application/json"), body };
    }
    if status < 400 {
        return reply(Answer::empty(status));
    }
    let kind = if status == 429 { Kind::Policy(TEN_SECONDS) } else { Kind::Unnamed };
    let refusal = Refusal { kind, ..Refusal::bare(status, "a scripted fault") };
    let mut answer = refusal.into_answer(random);
    if let Body::Json(body) = &mut answer.body {
        answer::correlate(body, correlation_id);
    }
    answer.headers.push(("X-HubSpot-Correlation-Id".to_owned(), correlation_id.to_owned()));
    reply(answer)
}

fn log(world: &World, request: &Request, outcome: &Outcome, mut call: Logged) {
    if let Ending::Send(reply) | Ending::SendHalf(reply) = &outcome.end {
        (call.status, call.answer) = (reply.status, reply.body.clone());
    }
    if oauth::has(request) {
        call.body = oauth::hide_secrets(&call.body).into();
        call.answer = oauth::hide_secrets(&call.answer).into();
    }
    if let Some(portal) = call.portal.and_then(|id| world.portal(id)) {
        let findings = &mut locked(&portal).findings;
        findings.calls += 1;
        findings.errors += u64::from(!call.faulted && matches!(call.status, 400..=599));
    }
    if let Some(secret) = SECRETS.iter().find(|name| request.query(name).is_some()) {
        let text = format!("the query holds a secret, `{secret}`, which every log on the way keeps");
        world.find(call.portal, FindingKind::SecretInQuery, call.number, text);
        call.path.truncate(call.path.find('?').unwrap_or(call.path.len()));
    }
    let total = {
        let mut calls = locked(&world.calls);
        calls.add(call);
        calls.total
    };
    world.progress.send_replace(total);
}

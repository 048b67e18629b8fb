//! Faults: calls picked out by what they look like, and what happens to them instead.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::random::Random;
use crate::request::Request;

/// How long a call that "times out" hangs, unless the fault says otherwise.
const HANG_MS: u64 = 60_000;

/// One fault; the same in Rust and as the body of `POST /_sim/faults`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    #[serde(rename = "match", default)]
    pub on: Match,
    /// How often it happens; `None`: every time.
    #[serde(default)]
    pub times: Option<u32>,
    pub then: Then,
}

/// Which calls it meets. What is absent matches every call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    pub portal: Option<i64>,
    pub method: Option<String>,
    /// A part of the path.
    pub path: Option<String>,
    /// A part of the body.
    pub body: Option<String>,
    /// Begins with the n-th call that fits, counted from 1.
    pub nth: Option<u64>,
    /// A share of the calls that fit, drawn by the seed.
    pub share: Option<f64>,
}

/// What happens: the call takes effect or not, then a delay, then an end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Then {
    /// The call takes effect, whatever its sender gets to hear.
    pub apply: bool,
    pub delay_ms: u64,
    /// In place of the true status; without it an `End::Answer` is the true answer.
    pub status: Option<u16>,
    pub headers: BTreeMap<String, String>,
    /// The body that goes with `status`.
    pub body: Option<String>,
    pub end: End,
    /// How long a `timeout` hangs before the connection closes.
    pub hang_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    #[default]
    Answer,
    /// The connection closes before any byte of an answer.
    Close,
    Timeout,
    /// The connection closes in the middle of the true answer.
    Half,
    /// A page, as from a proxy; 502 unless `status` says otherwise.
    Html,
    /// A 200 without body.
    Empty,
}

impl Fault {
    /// Answers with this status; the call takes no effect.
    pub fn status(status: u16) -> Self {
        Self { then: Then { status: Some(status), ..Then::default() }, ..Self::default() }
    }

    /// Ends the call in this way; it takes no effect.
    pub fn end(end: End) -> Self {
        Self { then: Then { end, ..Then::default() }, ..Self::default() }
    }

    pub fn on_path(mut self, part: &str) -> Self {
        self.on.path = Some(part.to_owned());
        self
    }

    pub fn on_portal(mut self, portal: i64) -> Self {
        self.on.portal = Some(portal);
        self
    }

    pub fn nth(mut self, nth: u64) -> Self {
        self.on.nth = Some(nth);
        self
    }

    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.then.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The call takes effect all the same.
    pub fn applied(mut self) -> Self {
        self.then.apply = true;
        self
    }
}

impl Then {
    /// Without an effect there is no true answer to give back.
    pub(crate) fn takes_effect(&self) -> bool {
        let shows_true_answer = match self.end {
            End::Answer => self.status.is_none(),
            End::Half => true,
            End::Close | End::Timeout | End::Html | End::Empty => false,
        };
        self.apply || shows_true_answer
    }

    pub(crate) fn hang_ms(&self) -> u64 {
        self.hang_ms.unwrap_or(HANG_MS)
    }
}

/// The faults that wait for their calls.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Faults(Vec<Armed>);

#[derive(Debug, Serialize, Deserialize)]
struct Armed {
    fault: Fault,
    seen: u64,
    done: u32,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(Armed { fault, seen: 0, done: 0 });
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Those that have something left to do.
    pub(crate) fn list(&self) -> Vec<Fault> {
        self.0.iter().map(|armed| armed.fault.clone()).collect()
    }

    /// What happens to this call, if anything. The oldest fault that fits wins; all of them count it.
    pub(crate) fn pick(&mut self, request: &Request, portal: Option<i64>, random: &mut Random) -> Option<Then> {
        let mut picked = None;
        for armed in &mut self.0 {
            if !fits(&armed.fault.on, request, portal) {
                continue;
            }
            armed.seen += 1;
            let is_due = armed.fault.on.nth.is_none_or(|nth| armed.seen >= nth);
            let is_drawn = armed.fault.on.share.is_none_or(|share| random.hits(share));
            if picked.is_none() && is_due && is_drawn {
                armed.done += 1;
                picked = Some(armed.fault.then.clone());
            }
        }
        self.0.retain(|armed| armed.fault.times.is_none_or(|times| armed.done < times));
        picked
    }
}

fn fits(on: &Match, request: &Request, portal: Option<i64>) -> bool {
    on.portal.is_none_or(|wanted| portal == Some(wanted))
        && on.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&request.method))
        && on.path.as_ref().is_none_or(|part| request.target.contains(part.as_str()))
        && on.body.as_ref().is_none_or(|part| String::from_utf8_lossy(&request.body).contains(part.as_str()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::HeaderMap;

    use super::{End, Fault, Faults};
    use crate::random::Random;
    use crate::request::Request;

    fn picks(fault: Fault, calls: usize) -> Vec<bool> {
        let mut faults = Faults::default();
        faults.add(fault);
        let request = Request::new("POST", "/crm/batch/upsert", HeaderMap::new(), Bytes::new());
        let mut random = Random::new(1, 1);
        (0..calls).map(|_| faults.pick(&request, Some(1), &mut random).is_some()).collect()
    }

    #[test]
    fn nth_and_times_bound_a_fault() {
        assert_eq!(picks(Fault::status(500).nth(2).times(1), 4), [false, true, false, false]);
        assert_eq!(picks(Fault::status(500).times(2), 3), [true, true, false]);
        assert_eq!(picks(Fault::status(500).on_path("/batch/read"), 1), [false]);
        assert_eq!(picks(Fault::status(500).on_portal(2), 1), [false]);
    }

    #[test]
    fn fault_reads_as_documented() {
        let text = r#"{"match":{"portal":4711001,"path":"/batch/upsert","nth":2},"times":1,"then":{"apply":true,"end":"timeout"}}"#;
        let fault: Fault = serde_json::from_str(text).unwrap();
        assert_eq!(
            fault,
            Fault::end(End::Timeout).on_portal(4_711_001).on_path("/batch/upsert").nth(2).times(1).applied()
        );
    }
}

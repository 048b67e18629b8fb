//! The generator: senders of leads, and their record of what was sent and what was acknowledged. They outlive the
//! service: what was not acknowledged is sent again, as real senders do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hubspot_sim::Simulator;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::watch;

use crate::random::Random;
use crate::scene::Dealer;

/// Longer than the service takes for an answer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(12);
/// Between two tries of the same lead.
const AGAIN_AFTER: Duration = Duration::from_millis(15);
/// So many of its people write to a sender again.
const REGULARS: usize = 4;

/// One lead as its sender knows it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Which dealership it went to.
    pub dealer: usize,
    pub sender_id: String,
    pub body: String,
    /// The address of its person; without one nobody is known, and nothing is to be written.
    pub person: Option<String>,
    /// The lead's own id.
    pub lead_id: String,
    /// The vehicle that it is about: no two leads have the same.
    pub vehicle: String,
    /// The event's id in each acknowledgement.
    pub acks: Vec<String>,
}

/// Everything that was sent, in the order in which it was sent for the first time. The leads of one person follow one
/// another: the next one is sent when the one before was acknowledged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
struct Notes {
    sent: Vec<Sent>,
    /// Answers that a good lead must not get.
    complaints: Vec<String>,
}

impl Outbox {
    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.notes().sent.clone()
    }

    pub(crate) fn complaints(&self) -> Vec<String> {
        self.notes().complaints.clone()
    }

    /// How many leads were sent, and how many of them acknowledged.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let notes = self.notes();
        (notes.sent.len(), notes.sent.iter().filter(|sent| !sent.acks.is_empty()).count())
    }
}

/// One who sends leads, one after the other.
pub(crate) struct Sender {
    number: usize,
    dealer: (usize, Dealer),
    address: String,
    client: reqwest::Client,
    simulator: Simulator,
    random: Random,
    outbox: Outbox,
    /// People who wrote lately.
    people: Vec<String>,
    sent: usize,
    /// So many of a hundred leads are sent once more after their acknowledgement.
    twice: u64,
    /// The lead that is not acknowledged yet, by its place in the outbox.
    pending: Option<usize>,
}

impl Sender {
    pub(crate) fn new(
        number: usize,
        dealer: (usize, Dealer),
        address: String,
        simulator: Simulator,
        (random, twice): (Random, u64),
        outbox: Outbox,
    ) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(ANSWER_PATIENCE).build()?;
        let (people, sent, pending) = (Vec::new(), 0, None);
        Ok(Self { number, dealer, address, client, simulator, random, outbox, people, sent, twice, pending })
    }

    /// Sends leads until the gate closes.
    pub(crate) async fn run(mut self, gate: watch::Receiver<bool>) -> Self {
        while *gate.borrow() {
            let place = match self.pending {
                Some(place) => place,
                None => self.next_lead(),
            };
            self.try_once(place).await;
            let rest = self.random.millis(0, 25);
            tokio::time::sleep(rest).await;
        }
        self
    }

    /// Repeats what is not acknowledged until it is, and sends nothing new.
    pub(crate) async fn finish(mut self, gate: watch::Receiver<bool>) -> Self {
        while let Some(place) = self.pending.filter(|_| *gate.borrow()) {
            self.try_once(place).await;
        }
        self
    }

    async fn try_once(&mut self, place: usize) {
        self.pending = Some(place);
        if self.post(place).await {
            self.pending = None;
            if self.random.percent(self.twice) {
                self.post(place).await;
            }
        } else {
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Posts a lead; whether it was acknowledged.
    async fn post(&self, place: usize) -> bool {
        let (id, body) = {
            let notes = self.outbox.notes();
            (notes.sent[place].sender_id.clone(), notes.sent[place].body.clone())
        };
        let dealer = &self.dealer.1;
        let at = self.simulator.now() / 1000;
        let request = self.client.post(format!("{}/v1/sources/{}/events", self.address, dealer.source_id));
        let request = request.header("webhook-id", &id).header("webhook-timestamp", at);
        let request = request.header("webhook-signature", sign(&dealer.secret, &id, at, &body)).body(body);
        // A service that is dead, or that dies meanwhile, gives no answer.
        let Ok(answer) = request.send().await else { return false };
        let status = answer.status().as_u16();
        let Ok(said) = answer.json::<Value>().await else { return false };
        match (status, said["event_id"].as_str()) {
            (202, Some(event)) => {
                self.outbox.notes().sent[place].acks.push(event.to_owned());
                true
            }
            (429 | 503, _) => false,
            _ => {
                self.outbox.notes().complaints.push(format!("{id} was answered with {status}: {said}"));
                false
            }
        }
    }

    /// Makes the next lead and notes it, before it is sent.
    fn next_lead(&mut self) -> usize {
        self.sent += 1;
        let name = format!("{}-{}", self.number, self.sent);
        let is_known = self.random.percent(96);
        let person = is_known.then(|| self.person(&name));
        let lead_id = format!("lead_{name}");
        let trim = format!("T{name}");
        let body = json!({
            "type": "lead.captured.v1",
            "timestamp": "2026-11-23T08:00:00Z",
            "data": {
                "id": lead_id, "name": person, "email": person, "status": "new", "priority": "high",
                "origin": "chat_widget",
                "vehicle": { "make": "Honda", "model": "CR-V", "year": 2027, "trim": trim },
                "notes": [{ "at": "2026-11-23T07:58:00Z", "text": format!("Is the {trim} still there?") }],
                "dealership": { "name": "Dealer", "slug": "dealer" },
            }
        });
        let sent = Sent {
            dealer: self.dealer.0,
            sender_id: format!("msg_{name}"),
            body: body.to_string(),
            person,
            lead_id,
            vehicle: format!("2027 Honda CR-V {trim}"),
            acks: Vec::new(),
        };
        let mut notes = self.outbox.notes();
        notes.sent.push(sent);
        notes.sent.len() - 1
    }

    /// Somebody new, or one who wrote lately.
    fn person(&mut self, name: &str) -> String {
        if !self.people.is_empty() && self.random.percent(45) {
            return self.random.one_of(&self.people).clone();
        }
        let person = format!("person-{name}@example.com");
        if self.people.len() == REGULARS {
            self.people.remove(0);
        }
        self.people.push(person.clone());
        person
    }
}

/// The signature of the Standard Webhooks specification, from its own text.
fn sign(secret: &str, id: &str, at: i64, body: &str) -> String {
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).expect("the service made the secret");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length will do");
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_signature_is_the_one_of_the_specification() {
        let signed = super::sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}

//! `logs`: what the dashboard reads, with a million leads of a month in one account. They are put there by the functions of
//! the store that the service itself calls, without guests and without HubSpot. Times are those of the store: a page costs
//! little more.

use std::future::Future;
use std::time::{Duration, Instant};

use leadline::app;
use leadline::cause::{Code, Problem};
use leadline::config::Config;
use leadline::connection;
use leadline::contract::actions::{Action, Contact, MatchKey};
use leadline::model::account::{Account, Connection};
use leadline::model::delivery::{ActionProgress, Claimed, Dropped, Outcome as Round, Progress, Record};
use leadline::model::event::{NewEvent, Unplanned};
use leadline::model::id::{EventId, SourceId, VersionId};
use leadline::model::outcome::Outcome;
use leadline::model::time::{Timestamp, clock};
use leadline::plan::Plan;
use leadline::store::{
    CreateAccount, Dealerships, Decision, LaneState, LeadFilter, MERGED_AT_ONCE, PlannedEvent, PlannedLane,
    ReceivedEvent, RunFigures, Settlement, Store,
};
use leadline::words::LeadTraits;
use secrecy::SecretString;
use serde_json::json;
use sqlx::Connection as _;

use crate::Choice;
use crate::figure::{Figure, percentile};
use crate::place::{Database, Place};

const BENCH: &str = "logs";
const LEADS: usize = 1_000_000;
/// Leads of one commit.
const GROUP: usize = 100;
/// Over which the leads are spread.
const SPAN: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Times that each question is asked, each time another one of its kind.
const ASKED: usize = 200;
/// Groups that are planned with and without words, in turns.
const PLANNED: usize = 100;
const LIMIT: u32 = 50;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) async fn run(choice: &Choice) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for database in choice.databases_or(&[Database::Sqlite]) {
        let place = Place::make(database, 0)?;
        let mut config = Config::on(place.data(), "http://127.0.0.1:9".to_owned());
        if let Some(url) = place.url() {
            config.database = Some(url.to_owned());
        }
        let store = app::open_store(&config).await?;
        let mut month = Month::begin(&store, "acme", clock() - SPAN).await?;
        let leads = choice.leads(LEADS);
        let started = Instant::now();
        month.fill(leads).await?;
        let mut bench = Bench { figures: &mut figures, database, leads };
        bench.tell("to put one there", started.elapsed().as_secs_f64() * 1e6 / leads as f64, "µs/lead");
        // A loop beside the work does so all the time; without it every word would be looked for in the tail.
        let started = Instant::now();
        while store.merge_words(MERGED_AT_ONCE).await? > 0 {}
        bench.tell("to merge its words", started.elapsed().as_secs_f64() * 1e6 / leads as f64, "µs/lead");
        if database == Database::Sqlite {
            bench.size(&place).await?;
        }
        bench.hours(&month).await?;
        bench.pages(&month).await?;
        bench.words(&store).await?;
        store.close().await;
    }
    Ok(figures)
}

struct Bench<'a> {
    figures: &'a mut Vec<Figure>,
    database: Database,
    leads: usize,
}

impl Bench<'_> {
    fn tell(&mut self, what: &str, value: f64, unit: &'static str) {
        let name = format!("{}, {} leads: {what}", self.database.name(), self.leads);
        self.figures.push(Figure::alone(BENCH, name, value, unit));
    }

    /// Asks often, and tells what most and what nearly all of the answers took.
    async fn time<F: Future<Output = anyhow::Result<usize>>>(
        &mut self,
        what: &str,
        asked: usize,
        mut ask: impl FnMut(usize) -> F,
    ) -> anyhow::Result<()> {
        let (mut times, mut rows) = (Vec::with_capacity(asked), 0);
        for number in 0..asked {
            let started = Instant::now();
            rows += ask(number).await?;
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        let what = format!("{what} ({} rows)", rows / asked.max(1));
        self.tell(&format!("{what}, p50"), percentile(&mut times, 0.5), "ms");
        self.tell(&format!("{what}, p99"), percentile(&mut times, 0.99), "ms");
        Ok(())
    }

    /// What the words of a lead cost in the commit that stores its plan.
    async fn words(&mut self, store: &Store) -> anyhow::Result<()> {
        let mut other = Month::begin(store, "other", clock() - DAY).await?;
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for number in 0..PLANNED * 2 {
            other.has_words = number % 2 == 0;
            other.send(GROUP).await?;
            let planned = other.plan().await?.as_secs_f64() * 1e6 / GROUP as f64;
            other.deliver().await?;
            if other.has_words { with.push(planned) } else { without.push(planned) }
        }
        let name = format!("{}, {} leads: to store a plan, beside one without words", self.database.name(), self.leads);
        self.figures.push(Figure::of(BENCH, name, &with, "µs/lead").beside(&without));
        Ok(())
    }

    async fn hours(&mut self, month: &Month<'_>) -> anyhow::Result<()> {
        let (store, account, now) = (month.store, &month.account.id, month.now);
        let read = async |of: &Dealerships, days: u32| {
            Ok(store.lead_hours(account, of, now - DAY * days, now).await?.hours.len())
        };
        let (all, each) = (&Dealerships::Together, &Dealerships::Each);
        self.time("hours of 7 days, none added up", 5, |_| read(all, 7)).await?;
        let started = Instant::now();
        while store.fill_hours(now).await? {}
        self.tell("to add up all hours", started.elapsed().as_secs_f64(), "s");
        self.time("hours of 7 days", ASKED, |_| read(all, 7)).await?;
        self.time("hours of 30 days", ASKED, |_| read(all, 30)).await?;
        self.time("hours of 30 days by dealership", ASKED, |_| read(each, 30)).await
    }

    async fn pages(&mut self, month: &Month<'_>) -> anyhow::Result<()> {
        let store = month.store;
        let all = LeadFilter { account: Some(month.account.id.clone()), limit: LIMIT, ..LeadFilter::default() };
        let page = async |filter: LeadFilter| Ok(store.leads(&filter).await?.rows.len());
        let text = |text: String| LeadFilter { text: Some(text), ..all.clone() };
        // Any lead will do: they differ by nothing but their number.
        let some = |number: usize| Person::of(number * 7919 % self.leads);
        let (begin, now, leads) = (month.begin, month.now, self.leads);
        let at = move |number: usize| {
            begin
                + Duration::from_millis(
                    now.since(begin).as_millis() as u64 / 211 * number as u64 % (SPAN.as_millis() as u64),
                )
        };
        let persons: Vec<_> = (0..ASKED).map(some).collect();
        self.time("first page", ASKED, |_| page(all.clone())).await?;
        self.time("deep page", ASKED, |number| {
            page(LeadFilter { before: Some(EventId::earliest(at(number))), ..all.clone() })
        })
        .await?;
        for outcome in Outcome::ALL {
            let filter = LeadFilter { outcome: Some(outcome), ..all.clone() };
            self.time(outcome.word(), ASKED, |_| page(filter.clone())).await?;
        }
        for cause in [Code::StageMissing, Code::HubspotRefused, Code::PropertyMissing, Code::ContactConflict] {
            let filter = LeadFilter { cause: Some(cause), ..all.clone() };
            self.time(&format!("cause {cause}"), ASKED, |_| page(filter.clone())).await?;
        }
        self.time("name, two letters", ASKED, |number| page(text(persons[number].first[..2].to_owned()))).await?;
        self.time("name", ASKED, |number| page(text(persons[number].last.clone()))).await?;
        self.time("two words", ASKED, |number| {
            page(text(format!("{} {}", persons[number].first, persons[number].last)))
        })
        .await?;
        self.time("e-mail", ASKED, |number| page(text(persons[number].email.clone()))).await?;
        self.time("phone, whole", ASKED, |number| page(text(persons[number].phone.clone()))).await?;
        self.time("phone, its end", ASKED, |number| page(text(persons[number].phone[5..].to_owned()))).await?;
        self.time("nobody", ASKED, |number| page(text(format!("nobody{number}")))).await?;
        self.time("a name that failed", ASKED, |number| {
            page(LeadFilter { outcome: Some(Outcome::Failed), ..text(persons[number].last.clone()) })
        })
        .await?;
        self.time("dealership", ASKED, |number| {
            page(LeadFilter { dealership: Some(persons[number].dealership.clone()), ..all.clone() })
        })
        .await?;
        self.time("dealership of one lead in 10,000", ASKED, |_| {
            page(LeadFilter { dealership: Some("rare".to_owned()), ..all.clone() })
        })
        .await?;
        self.time("a day", ASKED, |number| {
            page(LeadFilter { from: Some(at(number)), until: Some(at(number) + DAY), ..all.clone() })
        })
        .await?;
        self.time("what failed on a day", ASKED, |number| {
            page(LeadFilter {
                from: Some(at(number)),
                until: Some(at(number) + DAY),
                outcome: Some(Outcome::Failed),
                ..all.clone()
            })
        })
        .await?;
        self.time("all accounts", ASKED, |_| page(LeadFilter { account: None, ..all.clone() })).await?;
        self.time("all accounts, e-mail", ASKED, |number| {
            page(LeadFilter { account: None, ..text(persons[number].email.clone()) })
        })
        .await?;
        let count = async |filter: LeadFilter| Ok(store.lead_counts(&filter).await?.len());
        self.time("counts", ASKED, |_| count(all.clone())).await?;
        self.time("counts of a name", ASKED, |number| count(text(persons[number].last.clone()))).await?;
        anyhow::ensure!(leads > 0, "there are no leads to ask for");
        Ok(())
    }

    /// What the words of a lead take on the disk.
    async fn size(&mut self, place: &Place) -> anyhow::Result<()> {
        let file = place.data().join("leadline.db");
        let mut file = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await?;
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM lead_words").fetch_one(&mut file).await?;
        self.tell("rows of words", rows as f64 / self.leads as f64, "rows/lead");
        for (table, what) in [("lead_words", "words"), ("event_bodies", "body"), ("plans", "plan")] {
            let bytes: i64 = sqlx::query_scalar("SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = $1")
                .bind(table)
                .fetch_one(&mut file)
                .await?;
            self.tell(what, bytes as f64 / self.leads as f64, "bytes/lead");
        }
        Ok(())
    }
}

/// Who wrote a lead: all of it follows from its number.
struct Person {
    first: String,
    last: String,
    email: String,
    phone: String,
    dealership: String,
}

impl Person {
    fn of(number: usize) -> Self {
        let mixed = (number as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        let name = |mut seed: u64, syllables: u64| {
            const SYLLABLES: [&str; 20] = [
                "an", "be", "ca", "do", "el", "fi", "ga", "ho", "in", "jo", "ka", "li", "ma", "no", "ol", "pe", "ra",
                "sa", "to", "vi",
            ];
            (0..syllables).fold(String::new(), |mut name, _| {
                name.push_str(SYLLABLES[(seed % 20) as usize]);
                seed /= 20;
                name
            })
        };
        let (first, last) = (name(mixed % 400, 2), name(mixed / 400 % 8_000, 3));
        let email = format!("{first}.{last}{number}@example.com");
        let phone = format!("+1 {:03} 555 {:04}", 200 + mixed % 700, number % 10_000);
        let dealership = if number % 10_000 == 77 { "rare".to_owned() } else { format!("dealership-{}", mixed % 20) };
        Self { first, last, email, phone, dealership }
    }
}

/// An account whose leads come in the order of a virtual time.
struct Month<'a> {
    store: &'a Store,
    account: Account,
    connection: Connection,
    source: SourceId,
    begin: Timestamp,
    now: Timestamp,
    sent: usize,
    has_words: bool,
}

impl<'a> Month<'a> {
    async fn begin(store: &'a Store, slug: &str, begin: Timestamp) -> anyhow::Result<Self> {
        let CreateAccount::Created(account) = store.create_account(slug, slug, begin).await? else {
            anyhow::bail!("the account {slug} is there already");
        };
        let token = SecretString::from("pat-na1-of-this-bench");
        let connection = connection::connect(store, &account, 100 + slug.len() as i64, &token, begin).await?;
        let source = SourceId::new(begin);
        Ok(Self { store, account, connection, source, begin, now: begin, sent: 0, has_words: true })
    }

    async fn fill(&mut self, leads: usize) -> anyhow::Result<()> {
        let days: Vec<_> = (0..=31).map(|day| self.begin + DAY * day).collect();
        self.store.make_partitions(&days).await?;
        let apart = SPAN / u32::try_from(leads.div_ceil(GROUP).max(1))?;
        while self.sent < leads {
            self.send(GROUP.min(leads - self.sent)).await?;
            self.plan().await?;
            self.deliver().await?;
            self.now = self.now + apart;
        }
        Ok(())
    }

    async fn send(&mut self, count: usize) -> anyhow::Result<()> {
        let mut events = Vec::with_capacity(count);
        for number in self.sent..self.sent + count {
            let Person { first, last, email, phone, dealership } = Person::of(number);
            let data = json!({
                "id": format!("lead_{number:08x}"), "name": format!("{first} {last}"), "email": email, "phone": phone,
                "status": "new", "priority": "high", "origin": "chat_widget",
                "vehicle": { "make": "Honda", "model": "CR-V", "year": 2027 },
                "notes": [{ "at": "2026-11-23T07:58:00Z", "text": "Hello, is the red one still there, and may I try it on Saturday?" }],
                "dealership": { "name": dealership, "slug": dealership },
            });
            events.push(NewEvent {
                id: EventId::new(self.now),
                account_id: self.account.id.clone(),
                source_id: self.source.clone(),
                sender_id: format!("msg_{number}"),
                event_type: "lead.captured.v1".to_owned(),
                occurred_at: self.now,
                body: json!({ "type": "lead.captured.v1", "data": data }).to_string(),
                body_hash: format!("{number:064x}"),
            });
        }
        self.store.insert_events(&events, self.now).await?;
        self.sent += count;
        Ok(())
    }

    /// Plans what came, and says how long the commit took.
    async fn plan(&self) -> anyhow::Result<Duration> {
        let mut took = Duration::ZERO;
        for taken in self.store.take_events("bench", 1, GROUP as u32, self.now).await? {
            let planned = taken.events.into_iter().map(|event| self.planned(event)).collect();
            let lane = [PlannedLane { lease: taken.lease, planned, rest: None }];
            let started = Instant::now();
            self.store.store_plans(&lane, self.now).await?;
            took += started.elapsed();
        }
        Ok(took)
    }

    fn planned(&self, event: ReceivedEvent) -> PlannedEvent {
        let contact =
            Action::UpsertContact(Contact { key: MatchKey::Email(event.sender_id.clone()), properties: Vec::new() });
        let plan = Plan { actions: vec![contact], lead_id: Some(event.sender_id.clone()) };
        let decision = match chance(&event.sender_id, 1_000) {
            0..10 => Decision::Not(Unplanned::Skipped(Problem::new(Code::EventUnhandled, "nothing handles it"))),
            10..12 => Decision::Not(Unplanned::Refused(Problem::new(Code::TransformRefused, "no e-mail and no phone"))),
            12..14 => Decision::Not(Unplanned::Held(Problem::new(Code::TransformTrap, "unreachable").about("tfv_1"))),
            _ => Decision::Planned {
                connection_id: self.connection.id.clone(),
                version_id: VersionId::stored("tfv_1".to_owned()),
                progress: Progress::begin(&plan, Vec::new()),
                key_hash: Some(event.sender_id.clone()),
                figures: RunFigures::default(),
                plan,
            },
        };
        let lead = LeadTraits::of_body(&event.sender_id, &event.event_type, &event.body).filter(|_| self.has_words);
        PlannedEvent { event, decision, lead, ran: None, log: None }
    }

    async fn deliver(&self) -> anyhow::Result<()> {
        let Some(taken) = self.store.take_deliveries("bench", GROUP, self.now).await? else { return Ok(()) };
        let outcomes: Vec<_> = taken.claimed.iter().map(|claimed| self.outcome(claimed)).collect();
        let round =
            Settlement { claimed: &taken.claimed, outcomes: &outcomes, ..Settlement::resting(LaneState::default()) };
        self.store.settle(&taken.lease, round, self.now + Duration::from_secs(1)).await?;
        Ok(())
    }

    fn outcome(&self, claimed: &Claimed) -> Round {
        let (mut progress, now) = (claimed.progress.clone(), self.now + Duration::from_secs(1));
        let drawn = chance(claimed.key_hash.as_deref().unwrap_or_default(), 997);
        let record = Some(Record { id: "12345678901".to_owned(), new: drawn.is_multiple_of(2) });
        progress.actions = vec![ActionProgress { record, ..ActionProgress::default() }];
        let problem = |code| Problem::new(code, "in HubSpot's own words");
        match drawn {
            0..8 => Round::failed(claimed, progress, problem(Code::HubspotRefused), now),
            8 => Round::failed(claimed, progress, problem(Code::ContactConflict), now),
            9..14 => Round::blocked(claimed, progress, problem(Code::StageMissing).about("won")),
            14..16 => Round::retry(claimed, progress, problem(Code::HubspotUnreachable), self.now + SPAN * 2, now),
            16..36 => {
                let (field, value, reason) =
                    ("budget_range".to_owned(), "25,000".to_owned(), "it is missing".to_owned());
                progress.dropped = vec![Dropped { field, value, reason, code: Some(Code::PropertyMissing) }];
                Round::delivered(claimed, progress, now)
            }
            _ => Round::delivered(claimed, progress, now),
        }
    }
}

/// A number below `end`, drawn from a text.
fn chance(text: &str, end: u64) -> u64 {
    (leadline::retry::unit(text, 0) * end as f64) as u64
}

//! `accounts`: what a lead costs where a hundred thousand accounts are in the database and a hundred of them get leads;
//! beside the same where there are no others.

use std::time::Instant;

use crate::Choice;
use crate::figure::Figure;
use crate::load;
use crate::meter;
use crate::place::{Database, Place};
use crate::service::{self, Service, Setup};

const BENCH: &str = "accounts";
const RUNS: usize = 2;
const ACTIVE: usize = 100;
const ALL: usize = 100_000;
const LEADS: usize = 20_000;
const CONNECTIONS: usize = 64;

/// The tables that hold something of every account, with the columns that differ from one account to the next.
const TABLES: [(&str, &[&str]); 8] = [
    ("accounts", &["id"]),
    ("sources", &["account_id", "id"]),
    ("source_secrets", &["account_id", "source_id", "id"]),
    ("connections", &["account_id", "id"]),
    ("subscriptions", &["account_id", "connection_id"]),
    ("bindings", &["account_id", "id", "connection_id"]),
    ("portal_schemas", &["account_id", "connection_id"]),
    ("lanes", &["account_id", "id"]),
];

#[derive(Default)]
struct Measured {
    rates: Vec<f64>,
    cpu: Vec<f64>,
    resident: Vec<f64>,
    ready: Vec<f64>,
}

pub(crate) async fn run(choice: &Choice) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for database in choice.databases() {
        let all = choice.portals(&[ALL]).into_iter().max().unwrap_or(ALL);
        let (mut few, mut many) = (Measured::default(), Measured::default());
        for _ in 0..choice.runs(RUNS) {
            few.measure(database, 0, choice.leads(LEADS)).await?;
            many.measure(database, all.saturating_sub(ACTIVE), choice.leads(LEADS)).await?;
        }
        let figure = |what: &str, of: fn(&Measured) -> &Vec<f64>, unit| {
            let name = format!("{}, {all} accounts: {what}, beside {ACTIVE} accounts", database.name());
            Figure::of(BENCH, name, of(&many), unit).beside(of(&few))
        };
        figures.push(figure("rate", |measured| &measured.rates, "leads/s"));
        figures.push(figure("processor time of service and database", |measured| &measured.cpu, "µs/lead"));
        figures.push(figure("memory of the service", |measured| &measured.resident, "MiB"));
        figures.push(figure("start-up", |measured| &measured.ready, "ms"));
    }
    Ok(figures)
}

impl Measured {
    /// One run, with so many accounts that do nothing.
    async fn measure(&mut self, database: Database, idle: usize, leads: usize) -> anyhow::Result<()> {
        let mut service = Service::start(Setup { accounts: ACTIVE, database, ..Setup::default() }).await?;
        service.warm_up().await?;
        service.end_processes()?;
        add_idle(&service.place, service.sources[0].account.id.as_str(), idle).await?;
        let started = Instant::now();
        service.add_process()?;
        self.ready.push(started.elapsed().as_secs_f64() * 1e3);
        let before = service.applied();
        let first = service.requests(800_000_000..800_000_000 + ACTIVE);
        load::closed_loop(&service.addresses, first, CONNECTIONS, service::PATIENCE).await?;
        service.wait_until_applied(before + ACTIVE).await?;
        let (spent, before) = (service.spent()?, service.applied());
        let started = Instant::now();
        service::post_all(&service, leads, CONNECTIONS).await?;
        service.wait_until_applied(before + leads).await?;
        self.rates.push(leads as f64 / started.elapsed().as_secs_f64());
        let spent = service.spent()?.since(spent);
        let cpu_seconds = spent.service.cpu_seconds + spent.database.map_or(0.0, |database| database.cpu_seconds);
        self.cpu.push(cpu_seconds * 1e6 / leads as f64);
        self.resident.push(meter::resident_mib(service.processes[0].id())?);
        service.end().await
    }
}

/// Adds accounts that do nothing: copies of one whose portal has just been looked after, by plain SQL, because a
/// connection that is made in the ordinary way reads its portal first, and a hundred thousand of them read for minutes.
async fn add_idle(place: &Place, account: &str, count: usize) -> anyhow::Result<()> {
    if count == 0 {
        return Ok(());
    }
    for (table, ids) in TABLES {
        let columns = place.columns(table).await?;
        let values = columns.iter().map(|column| match column.as_str() {
            id if ids.contains(&id) => {
                format!("substr(t.{id}, 1, length(t.{id}) - 9) || CAST(100000000 + n.i AS text)")
            }
            "slug" => "'idle-' || CAST(n.i AS text)".to_owned(),
            "shard" => "n.i % 4096".to_owned(),
            "portal_id" => "1000000000 + n.i".to_owned(),
            other => format!("t.{other}"),
        });
        let values = values.collect::<Vec<_>>().join(", ");
        let key = if table == "accounts" { "id" } else { "account_id" };
        let names = columns.join(", ");
        let statement = format!(
            "INSERT INTO {table} ({names})
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
             SELECT {values} FROM n CROSS JOIN {table} AS t WHERE t.{key} = '{account}'"
        );
        place.execute(&statement).await?;
    }
    Ok(())
}

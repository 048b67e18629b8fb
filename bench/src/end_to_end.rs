//! `end-to-end`: leads a second from signed POST to HubSpot's simulator, and what a lead costs on its way. Load, service,
//! database and simulator share the machine. The baseline is one lead at a time: posted, and waited for, before the
//! next.

use std::time::{Duration, Instant};

use hubspot_sim::Options;

use crate::Choice;
use crate::figure::Figure;
use crate::place::Database;
use crate::service::{self, HUBSPOTS_LIMIT, Service, Setup, Spent};

const BENCH: &str = "end-to-end";
const RUNS: usize = 3;
const PORTALS: [usize; 3] = [1, 20, 1_000];
/// Processes of the service on one Postgres database.
const PROCESSES: [usize; 3] = [1, 2, 4];
/// Only here there are many processes, unless somebody asks for more: all of it would take an hour.
const PORTALS_OF_MANY_PROCESSES: usize = 20;
const LEADS: usize = 20_000;
const CONNECTIONS: usize = 64;
/// What HubSpot takes to answer, at best.
const HUBSPOTS_LATENCY: Duration = Duration::from_millis(50);
/// One at a time is slow; so many give a steady figure.
const ALONE: usize = 100;
/// With a slower disk only this is measured, unless somebody asks for more.
const PORTALS_ON_A_SLOW_DISK: [usize; 1] = [20];

/// The values of all runs of a cell of the table.
#[derive(Default)]
struct Cell {
    rates: Vec<f64>,
    acked: Vec<f64>,
    service_cpu: Vec<f64>,
    database_cpu: Vec<f64>,
    simulator_cpu: Vec<f64>,
    load_cpu: Vec<f64>,
    written: Vec<f64>,
    wal: Vec<f64>,
    rows: Vec<f64>,
    commits: Vec<f64>,
    calls: Vec<f64>,
}

pub(crate) async fn run(choice: &Choice) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for delay in choice.delays() {
        for database in choice.databases() {
            let alone = one_at_a_time(choice, database, delay).await?;
            let portals: &[usize] = if delay == 0 { &PORTALS } else { &PORTALS_ON_A_SLOW_DISK };
            for accounts in choice.portals(portals) {
                let usual: &[usize] = if accounts == PORTALS_OF_MANY_PROCESSES { &PROCESSES } else { &[1] };
                let processes = match database {
                    Database::Sqlite => vec![1],
                    Database::Postgres => choice.processes(usual),
                };
                for processes in processes {
                    let setup = || Setup {
                        accounts,
                        database,
                        processes,
                        sync_delay_micros: delay,
                        hubspot: hubspot(accounts),
                    };
                    let mut cell = Cell::default();
                    for _ in 0..choice.runs(RUNS) {
                        cell.measure(setup(), choice.leads(LEADS)).await?;
                    }
                    figures.extend(cell.figures(&setup(), &alone));
                }
            }
        }
    }
    Ok(figures)
}

/// Many portals as they are: each with its limit, and as far away as HubSpot is at least. One alone would be measured by
/// these only, so it has neither.
fn hubspot(portals: usize) -> Options {
    match portals {
        1 => Setup::default().hubspot,
        _ => Options { rate_limit: Some(HUBSPOTS_LIMIT), latency: HUBSPOTS_LATENCY, ..Setup::default().hubspot },
    }
}

impl Cell {
    /// One run on a new database.
    async fn measure(&mut self, setup: Setup, leads: usize) -> anyhow::Result<()> {
        let database = setup.database;
        let mut service = Service::start(setup).await?;
        service.warm_up().await?;
        let counted = service.place.rows().await?;
        let (before, calls, applied) = (service.spent()?, service.simulator.call_count(), service.applied());
        let commits = commits(&service, database).await?;
        let started = Instant::now();
        let acked = service::post_all(&service, leads, CONNECTIONS).await?;
        service.wait_until_applied(applied + leads).await?;
        let seconds = started.elapsed().as_secs_f64();
        let spent = service.spent()?.since(before);
        let a_lead = |sum: f64| sum / leads as f64;
        self.rates.push(leads as f64 / seconds);
        self.acked.push(leads as f64 / acked);
        self.service_cpu.push(a_lead(spent.service.cpu_seconds * 1e6));
        self.database_cpu.extend(spent.database.map(|used| a_lead(used.cpu_seconds * 1e6)));
        self.simulator_cpu.push(a_lead(spent.simulator_cpu_seconds * 1e6));
        self.load_cpu.push(a_lead(spent.load_cpu_seconds * 1e6));
        self.calls.push(a_lead((service.simulator.call_count() - calls) as f64));
        self.written.extend(written(spent).map(|bytes| a_lead(bytes / 1024.0)));
        if let Some(before) = commits {
            self.commits.extend(self::commits(&service, database).await?.map(|now| a_lead(now - before)));
        }
        if let (Some(now), Some(before)) = (service.rows().await?, counted) {
            self.rows.push(a_lead(now.changed - before.changed));
            self.wal.push(a_lead((now.wal_bytes - before.wal_bytes) / 1024.0));
            self.commits.push(a_lead(now.transactions - before.transactions));
        }
        service.end().await
    }

    fn figures(&self, setup: &Setup, alone: &[f64]) -> Vec<Figure> {
        let portals = match setup.accounts {
            1 => "1 portal".to_owned(),
            many => format!("{many} portals"),
        };
        let processes = match (setup.database, setup.processes) {
            (Database::Sqlite, _) => String::new(),
            (Database::Postgres, 1) => ", 1 process".to_owned(),
            (Database::Postgres, many) => format!(", {many} processes"),
        };
        let name = format!("{}{processes}, {portals}", setup.database.name());
        let figure = |what: &str, runs: &[f64], unit| {
            Figure::of(BENCH, format!("{name}{what}"), runs, unit).delayed(setup.sync_delay_micros)
        };
        let commits = match setup.database {
            Database::Sqlite => ": commits",
            Database::Postgres => ": transactions, those that only read included",
        };
        let rows = [
            (": acknowledged while delivering", &self.acked, "leads/s"),
            (": processor time of the service", &self.service_cpu, "µs/lead"),
            (": processor time of the database", &self.database_cpu, "µs/lead"),
            (": processor time of the simulator", &self.simulator_cpu, "µs/lead"),
            (": processor time of the load", &self.load_cpu, "µs/lead"),
            (": written to disk", &self.written, "KiB/lead"),
            (": write-ahead log", &self.wal, "KiB/lead"),
            (": rows changed", &self.rows, "rows/lead"),
            (commits, &self.commits, "per lead"),
            (": calls to HubSpot", &self.calls, "per lead"),
        ];
        let mut figures = vec![figure(", beside one lead at a time", &self.rates, "leads/s").beside(alone)];
        let known = rows.into_iter().filter(|(_, runs, _)| !runs.is_empty());
        figures.extend(known.map(|(what, runs, unit)| figure(what, runs, unit)));
        figures
    }
}

/// What service and database wrote.
fn written(spent: Spent) -> Option<f64> {
    match spent.database {
        Some(database) => database.written_bytes,
        None => spent.service.written_bytes,
    }
}

/// Commits up to now, where the service counts them: on SQLite it is the one that commits.
async fn commits(service: &Service, database: Database) -> anyhow::Result<Option<f64>> {
    Ok(match database {
        Database::Sqlite => Some(service.counted("leadline_store_group_writes_count").await?),
        Database::Postgres => None,
    })
}

async fn one_at_a_time(choice: &Choice, database: Database, delay: u64) -> anyhow::Result<Vec<f64>> {
    let mut rates = Vec::new();
    for _ in 0..choice.runs(RUNS) {
        let service = Service::start(Setup { database, sync_delay_micros: delay, ..Setup::default() }).await?;
        service.warm_up().await?;
        let before = service.applied();
        let started = Instant::now();
        for number in 0..ALONE {
            service.post(number).await?;
            service.wait_until_applied(before + number + 1).await?;
        }
        rates.push(ALONE as f64 / started.elapsed().as_secs_f64());
        service.end().await?;
    }
    Ok(rates)
}

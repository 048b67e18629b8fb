//! The campaign: cycle after cycle of start, load and death; now and then a drain, and then the oracle.

mod drain;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hubspot_sim::{Fault, Options, Simulator, Then};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::args::Args;
use crate::clock::Clock;
use crate::dump::Database;
use crate::ending::{Ending, POINT_WAIT};
use crate::faults;
use crate::oracle::{self, Canary, Dealer, Records, SeenCall, Violation};
use crate::portal;
use crate::random::Random;
use crate::scene;
use crate::sender::{Outbox, Sender};
use crate::service::{Launcher, Service, last_words, was_killed};

/// Then everything begins anew, with empty records: comparing ever larger ones would take all the time.
const CYCLES_A_SCENE: u32 = 50;
/// So often everything is worked off and compared.
const CYCLES_A_DRAIN: u32 = 5;
/// Senders of each dealership.
const SENDERS: usize = 2;
/// So many of a hundred leads are sent once more after their acknowledgement: some senders say everything twice.
const SENT_TWICE: u64 = 10;
/// Calls that the simulator keeps; they are taken over after each cycle.
const CALLS_KEPT: usize = 4_000;
/// More than ever arrive at once.
const CALLS_SIDE_BY_SIDE: u64 = 256;
/// Longer than a lease: whoever holds one has lost it.
const LOSES_A_LEASE: Duration = Duration::from_secs(120);

/// What a campaign came to.
#[derive(Debug, Default)]
pub struct Report {
    pub seed: u64,
    pub cycles: u32,
    pub sent: usize,
    pub acknowledged: usize,
    pub calls: usize,
    /// How often each point was armed, and how often the service died there.
    pub points: BTreeMap<&'static str, (u32, u32)>,
    pub violations: Vec<Violation>,
}

/// Runs a campaign, and says on the way what happens.
///
/// # Errors
/// When the campaign itself cannot go on. A broken promise is no error: it is in the report.
pub async fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Report> {
    let seed = args.seed.map_or_else(drawn_seed, Ok)?;
    writeln!(out, "seed {seed}: `--seed {seed} --cycles {}` makes the same choices again", args.cycles)?;
    let mut report = Report { seed, ..Report::default() };
    while report.cycles < args.cycles && report.violations.is_empty() {
        let cycles = CYCLES_A_SCENE.min(args.cycles - report.cycles);
        Scene::open(args, seed, report.cycles).await?.play(cycles, &mut report, out).await?;
    }
    Ok(report)
}

fn drawn_seed() -> anyhow::Result<u64> {
    let mut bytes = [0; 4];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes).context("cannot draw a seed")?;
    Ok(u64::from(u32::from_le_bytes(bytes)))
}

/// One service with its data, its portals and its senders, over some cycles.
struct Scene<'a> {
    args: &'a Args,
    seed: u64,
    launcher: Launcher,
    simulator: Simulator,
    clock: Clock,
    database: Database,
    dealers: Vec<Dealer>,
    canaries: Vec<Canary>,
    outbox: Outbox,
    senders: Vec<Sender>,
    /// By their numbers.
    calls: BTreeMap<u64, SeenCall>,
    plans: BTreeMap<String, String>,
    folder: TempDir,
}

impl<'a> Scene<'a> {
    async fn open(args: &'a Args, seed: u64, first_cycle: u32) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("leadline-crash-").tempdir()?;
        let options = Options { seed, calls_kept: CALLS_KEPT, ..Options::default() };
        let simulator = Simulator::start(options).await?;
        let clock = Clock::new(simulator.clone(), folder.path())?;
        let launcher = launcher(args, &simulator, &clock, folder.path())?;
        let database = Database::new(args.database.as_deref(), &launcher.data);
        database.assert_empty().await?;
        launcher.assert_armed().await?;
        // The set-up keeps its promises: only what comes after it is to break one.
        let honest = Launcher { broken: None, ..launcher.clone() };
        let dealers = scene::set_up(&honest, &simulator, folder.path()).await?;
        let outbox = Outbox::default();
        let twice = if args.never_twice { 0 } else { SENT_TWICE };
        let mut senders = Vec::new();
        for (place, dealer) in dealers.iter().enumerate() {
            for _ in 0..SENDERS {
                let number = senders.len();
                let random = Random::new(seed, 1_000_000 + u64::from(first_cycle) * 100 + number as u64);
                let (dealer, address) = ((place, dealer.clone()), launcher.address());
                senders.push(Sender::new(number, dealer, address, simulator.clone(), (random, twice), outbox.clone())?);
            }
        }
        let canaries = canaries(&simulator, &dealers);
        let (calls, plans) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self {
            args,
            seed,
            launcher,
            simulator,
            clock,
            database,
            dealers,
            canaries,
            outbox,
            senders,
            calls,
            plans,
            folder,
        })
    }

    /// Plays some cycles, or as many as it takes to break a promise.
    async fn play(mut self, cycles: u32, report: &mut Report, out: &mut dyn Write) -> anyhow::Result<()> {
        for number in 1..=cycles {
            report.cycles += 1;
            let mut random = Random::new(self.seed, u64::from(report.cycles));
            let ending = Ending::draw(self.args, &mut random)?;
            let started = Instant::now();
            let (died, mut violations) = self.cycle(&ending, &mut random, report).await?;
            let took = started.elapsed().as_millis();
            writeln!(out, "cycle {}: {ending}: {died}, {took} ms", report.cycles)?;
            if violations.is_empty() && (number % CYCLES_A_DRAIN == 0 || number == cycles) {
                let started = Instant::now();
                violations = self.drain_and_check().await?;
                let (sent, acknowledged) = self.outbox.counts();
                let took = started.elapsed().as_millis();
                writeln!(out, "  drained and compared: {sent} leads sent, {acknowledged} acknowledged, {took} ms")?;
            }
            if !violations.is_empty() {
                self.tell(&violations, &ending, report.cycles, out)?;
                report.violations = violations;
                break;
            }
        }
        let (sent, acknowledged) = self.outbox.counts();
        report.sent += sent;
        report.acknowledged += acknowledged;
        report.calls += self.calls.len();
        self.simulator.stop().await;
        if self.args.keep || !report.violations.is_empty() {
            writeln!(out, "database, log and settings are kept in {}", self.folder.keep().display())?;
        } else {
            self.database.empty().await?;
        }
        Ok(())
    }

    fn tell(&self, violations: &[Violation], ending: &Ending, cycle: u32, out: &mut dyn Write) -> anyhow::Result<()> {
        writeln!(out, "\nPROMISE BROKEN, seed {}, cycle {cycle}, which ended: {ending}", self.seed)?;
        for violation in violations {
            writeln!(out, "{violation}")?;
        }
        writeln!(out, "  the service's last words:\n{}\n", last_words(&self.launcher.log))?;
        Ok(())
    }

    /// From a start to a death, with leads and faults in between. Says how it died.
    async fn cycle(
        &mut self,
        ending: &Ending,
        random: &mut Random,
        report: &mut Report,
    ) -> anyhow::Result<(&'static str, Vec<Violation>)> {
        if let Some(time) = ending.skips().or_else(|| some_time(random)) {
            self.clock.skip(time)?;
        }
        faults::draw(random).into_iter().for_each(|fault| self.simulator.add_fault(fault));
        let loses_a_lease = matches!(ending, Ending::Kill(_)) && random.percent(25);
        if loses_a_lease {
            self.simulator.add_fault(slow_calls());
        }
        let started = self.launcher.start(ending.crash_at().as_deref()).await?;
        let mut violations = Vec::new();
        let died = match started {
            None => "died while it started",
            Some(service) => {
                let (open, gate) = watch::channel(true);
                let mut at_work = JoinSet::new();
                self.senders.drain(..).for_each(|sender| drop(at_work.spawn(sender.run(gate.clone()))));
                let died = self.end(service, ending, loses_a_lease).await?;
                open.send_replace(false);
                while let Some(sender) = at_work.join_next().await {
                    self.senders.push(sender?);
                }
                match died {
                    Died::AsTold => "died there",
                    Died::Killed => "was killed",
                    Died::Ended => "ended in order",
                    Died::Strangely(how) => {
                        violations.push(Violation::new(1, "the service lives until it is killed", how));
                        "died on its own"
                    }
                }
            }
        };
        if let Ending::Point { name, .. } = ending {
            let (armed, reached) = report.points.entry(name).or_default();
            *armed += 1;
            *reached += u32::from(died.starts_with("died"));
        }
        self.simulator.clear_faults();
        self.take_calls();
        violations.extend(self.complaints());
        let stored = self.database.events().await?;
        violations.extend(oracle::check_events(&self.outbox.sent(), &self.dealers, &stored));
        Ok((died, violations))
    }

    async fn end(&mut self, mut service: Service, ending: &Ending, loses_a_lease: bool) -> anyhow::Result<Died> {
        let died = match ending {
            Ending::Point { asked_to_end: None, .. } => service.wait(POINT_WAIT).await?,
            Ending::Point { asked_to_end: Some(after), .. } => {
                tokio::time::sleep(*after).await;
                service.terminate()?;
                service.wait(POINT_WAIT).await?
            }
            Ending::Kill(after) if loses_a_lease => {
                tokio::time::sleep(*after / 2).await;
                self.clock.skip(LOSES_A_LEASE)?;
                service.wait(*after).await?
            }
            Ending::Kill(after) => service.wait(*after).await?,
            Ending::Terminate { after, patience } => {
                tokio::time::sleep(*after).await;
                service.terminate()?;
                service.wait(*patience).await?
            }
        };
        let may_end = matches!(ending, Ending::Terminate { .. });
        Ok(match died {
            None => {
                service.kill().await?;
                Died::Killed
            }
            Some(status) if was_killed(status) && ending.crash_at().is_some() => Died::AsTold,
            Some(status) if status.success() && may_end => Died::Ended,
            Some(status) => Died::Strangely(status.to_string()),
        })
    }

    fn take_calls(&mut self) {
        // Calls that arrive side by side are not kept in the order of their numbers.
        let seen = self.calls.last_key_value().map_or(0, |(number, _)| number.saturating_sub(CALLS_SIDE_BY_SIDE));
        let calls = portal::calls_after(&self.simulator, seen);
        self.calls.extend(calls.into_iter().map(|call| (call.number, call)));
    }

    fn complaints(&self) -> Vec<Violation> {
        let complaints = self.outbox.complaints().into_iter();
        complaints.map(|complaint| Violation::new(1, "every signed lead is taken", complaint)).collect()
    }

    /// Compares everything, with the service at rest.
    async fn compare(&mut self) -> anyhow::Result<Vec<Violation>> {
        self.take_calls();
        let records = Records {
            dealers: self.dealers.clone(),
            sent: self.outbox.sent(),
            calls: self.calls.values().cloned().collect(),
            portals: portal::look(&self.simulator),
            dump: self.database.dump().await?,
            jumps: self.clock.jumps.clone(),
            plans: std::mem::take(&mut self.plans),
        };
        let mut violations = oracle::check_drained(&records);
        self.plans = records.dump.plans.into_iter().collect();
        let mut places = self.database.bytes().await?;
        places.push(("the log".to_owned(), std::fs::read(&self.launcher.log)?));
        self.canaries.extend(tokens(&self.simulator, self.canaries.len()));
        violations.extend(oracle::check_secrets(&self.canaries, &places));
        Ok(violations)
    }
}

/// How a service came to its end.
enum Died {
    /// At its point.
    AsTold,
    Killed,
    /// By itself, because it was asked to.
    Ended,
    Strangely(String),
}

/// Time that passes while the service is down: none mostly, now and then enough for retries.
fn some_time(random: &mut Random) -> Option<Duration> {
    match random.between(0, 9) {
        0 | 1 => Some(Duration::from_secs(6)),
        2 => Some(Duration::from_secs(6 * 60)),
        _ => None,
    }
}

/// Calls that are on their way while their lease ends.
fn slow_calls() -> Fault {
    Fault { times: Some(6), then: Then { delay_ms: 400, ..Then::default() }, ..Fault::default() }
        .on_path("/crm/objects/")
}

fn launcher(args: &Args, simulator: &Simulator, clock: &Clock, folder: &Path) -> anyhow::Result<Launcher> {
    let client_secret_file = folder.join("client-secret");
    std::fs::write(&client_secret_file, scene::CLIENT_SECRET)?;
    Ok(Launcher {
        binary: binary(args)?,
        data: folder.join("data"),
        database: args.database.clone(),
        hubspot_url: simulator.base_url(),
        client_id: scene::CLIENT_ID.to_owned(),
        client_secret_file,
        port: free_port()?,
        clock_file: clock.file().to_owned(),
        broken: args.broken.clone(),
        log: folder.join("log"),
    })
}

/// The service that was named, or the one beside this program.
fn binary(args: &Args) -> anyhow::Result<PathBuf> {
    if let Some(named) = &args.leadline {
        return Ok(named.clone());
    }
    let beside = std::env::current_exe()?.with_file_name("leadline-crash-points");
    anyhow::ensure!(
        beside.exists(),
        "there is no {}; `cargo test --workspace --no-run` makes it; or name another with `--leadline`",
        beside.display()
    );
    Ok(beside)
}

/// A port that nobody listens on now. The service keeps it through all its lives, as its public address has it.
fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Everything that must not be found anywhere.
fn canaries(simulator: &Simulator, dealers: &[Dealer]) -> Vec<Canary> {
    let client = Canary { name: "the client secret".to_owned(), secret: scene::CLIENT_SECRET.to_owned() };
    let secrets = dealers.iter().map(|dealer| Canary {
        name: format!("the signing secret of source {}", dealer.source_id),
        secret: dealer.secret.trim_start_matches("whsec_").to_owned(),
    });
    let portals = simulator
        .portals()
        .into_iter()
        .map(|portal| Canary { name: format!("the token of portal {}", portal.id), secret: portal.access_token });
    secrets.chain(portals).chain([client]).collect()
}

/// The tokens that consent gave, as they are now.
fn tokens(simulator: &Simulator, number: usize) -> Vec<Canary> {
    let installs = simulator.portals().into_iter().flat_map(|portal| simulator.installs(portal.id));
    let tokens = installs.flat_map(|install| [install.access_token, install.refresh_token]);
    tokens.map(|secret| Canary { name: format!("token {number} of the app"), secret }).collect()
}

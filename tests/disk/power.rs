//! The power fails: what was acknowledged was synced, so it is there.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use leadline::seal::KeyRing;

use crate::random::Random;
use crate::scene::{Disk, Scene, Service};
use crate::trace::{Syncs, Trace};

/// Senders that wait for one another only at the disk.
const SENDERS: usize = 6;
/// Leads of each.
const LEADS: usize = 25;
/// Repetitions in a long conversation.
const LONG: usize = 3_000;
/// How often the power fails.
const CUTS: u64 = 80;
/// Of these, the service is started so often on what is left.
const STARTS: usize = 2;

/// An event whose sender was told so, and how much had happened on the disk by then.
struct Acked {
    event: String,
    cut: usize,
}

/// Leads that came in and went to HubSpot, with all that the disk did for them.
struct Recorded {
    scene: Arc<Scene>,
    trace: Trace,
    acked: Vec<Acked>,
}

async fn record() -> Recorded {
    let scene = Arc::new(Scene::set_up(Disk::Recorded).await);
    let service = Arc::new(scene.serve(Disk::Recorded, &[]));
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..SENDERS {
        let (scene, service) = (scene.clone(), service.clone());
        senders.spawn(async move {
            let mut acked = Vec::new();
            for lead in 0..LEADS {
                // Every other one is long, so that the power fails during checkpoints too.
                let text = "Is it still there? ".repeat(if lead % 2 == 0 { 1 } else { LONG });
                let answer = scene.post_saying(&service, &format!("p{sender}x{lead}"), &text).await;
                let event = answer.event().unwrap_or_else(|| panic!("{answer:?}: {}", service.said()));
                let cut = usize::try_from(std::fs::metadata(scene.trace()).unwrap().len()).unwrap();
                acked.push(Acked { event, cut });
            }
            acked
        });
    }
    let acked = senders.join_all().await.into_iter().flatten().collect();
    scene.until_delivered(SENDERS * LEADS).await;
    drop(service);
    let trace = Trace::read(&scene.trace());
    Recorded { scene, trace, acked }
}

impl Recorded {
    /// The power fails here and there; what is then broken, with the seed that brings it back.
    fn failures(&self, syncs: Syncs) -> impl Iterator<Item = String> {
        (0..CUTS).filter_map(move |seed| self.failure(seed, syncs).err())
    }

    fn failure(&self, seed: u64, syncs: Syncs) -> Result<(), String> {
        let (left, cut) = self.lose_power(seed, syncs);
        self.look(left.path(), cut).map_err(|found| format!("seed {seed}, cut {cut}, {syncs:?}: {found}"))
    }

    /// What is left, and of which moment. Every other time it is the moment of an acknowledgement.
    fn lose_power(&self, seed: u64, syncs: Syncs) -> (tempfile::TempDir, usize) {
        let mut random = Random(seed);
        let cut = match random.coin() {
            true => self.acked[random.up_to(self.acked.len() - 1)].cut,
            false => self.trace.any_cut(&mut random),
        };
        let left = tempfile::tempdir().unwrap();
        std::fs::create_dir(left.path().join("secrets")).unwrap();
        let root = self.scene.disk().canonicalize().unwrap();
        self.trace.rebuild(cut, syncs, &mut random, (&root, left.path()));
        (left, cut)
    }

    fn acked_before(&self, cut: usize) -> impl Iterator<Item = &str> {
        self.acked.iter().filter(move |acked| acked.cut <= cut).map(|acked| acked.event.as_str())
    }

    /// Whether all is there that has to be.
    fn look(&self, left: &Path, cut: usize) -> Result<(), String> {
        let file = left.join("data/leadline.db");
        let missing = || self.acked_before(cut).next().map_or(Ok(()), |event| Err(format!("event {event} is missing")));
        if !file.exists() {
            return missing();
        }
        let database = rusqlite::Connection::open(&file).map_err(|error| error.to_string())?;
        let said = |sql: &str| database.query_row(sql, (), |row| row.get::<_, String>(0));
        let integrity = said("PRAGMA integrity_check").map_err(|error| error.to_string())?;
        if integrity != "ok" {
            return Err(integrity);
        }
        if said("SELECT name FROM sqlite_schema WHERE name = 'events'").is_err() {
            return missing();
        }
        let texts = |sql: &str| {
            let mut select = database.prepare(sql).unwrap();
            let rows = select.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            rows.collect::<rusqlite::Result<Vec<(String, String)>>>().unwrap()
        };
        let stored: HashSet<_> = texts("SELECT id, state FROM events").into_iter().map(|(id, _)| id).collect();
        if let Some(event) = self.acked_before(cut).find(|event| !stored.contains(*event)) {
            return Err(format!("event {event} is missing"));
        }
        let sealed = texts("SELECT id, secret FROM source_secrets");
        if sealed.is_empty() {
            return Ok(());
        }
        let keys = left.join("secrets/keys");
        if !keys.exists() {
            return Err("the key ring is missing".to_owned());
        }
        let keys = KeyRing::open_file(&keys).map_err(|error| error.to_string())?;
        sealed.iter().try_for_each(|(id, secret)| {
            keys.open(&format!("source_secrets/{id}/secret"), secret).map(drop).map_err(|error| error.to_string())
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_power_loss() {
    let recorded = record().await;
    let failures = recorded.failures(Syncs::All).collect::<Vec<_>>();
    assert!(failures.is_empty(), "{failures:#?}");

    // The test is worth something only if it notices.
    for syncs in [Syncs::NoneOfFiles, Syncs::NoneOfFolders] {
        let found = recorded.failures(syncs).any(|failure| failure.contains("is missing"));
        assert!(found, "nobody notices {syncs:?}");
    }

    // The service goes on with what is left: all that was acknowledged is delivered, and nobody becomes two contacts. The
    // portal has heard of later leads too; they are not doubled either.
    let mut starts = 0;
    for seed in 1_000.. {
        let (left, cut) = recorded.lose_power(seed, Syncs::All);
        if recorded.acked_before(cut).next().is_none() {
            continue;
        }
        let mut command = recorded.scene.binary(left.path(), None);
        let service = Service::start(command.args(["serve", "--listen", "127.0.0.1:0"]));
        let answer = recorded.scene.post(&service, &format!("after{seed}")).await;
        assert!(answer.event().is_some(), "seed {seed}: {answer:?}");
        starts += 1;
        recorded.scene.until_delivered(SENDERS * LEADS + starts).await;
        recorded.scene.until_settled(left.path()).await;
        let planned = recorded.scene.events(left.path(), "planned").into_iter().collect::<HashSet<_>>();
        assert_eq!(recorded.acked_before(cut).find(|event| !planned.contains(*event)), None, "seed {seed}");
        if starts == STARTS {
            break;
        }
    }
}

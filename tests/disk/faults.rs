//! A disk that is full, short of room, read-only, or does not sync: nothing is acknowledged that is not stored, nothing
//! that was acknowledged is lost, and the log says it once.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use crate::scene::{Disk, Scene, Service};

/// Leads that senders try while the disk takes nothing.
const TRIES: usize = 8;
/// Long leads, of which a few hundred come to a checkpoint.
const LEADS_MAX: usize = 500;
/// A conversation that takes many pages, so that the log soon has to be moved.
static LONG: LazyLock<String> = LazyLock::new(|| "Is it still there? ".repeat(12_000));

/// What the log says of our own failures.
fn errors(service: &Service) -> Vec<String> {
    service.said().lines().filter(|line| line.contains("ERROR")).map(str::to_owned).collect()
}

async fn a_disk_that_takes_nothing_for_a_while(switch: &str) {
    let scene = Scene::set_up(Disk::Switched).await;
    let service = scene.serve(Disk::Switched, &[]);
    let mut acked = BTreeSet::from([scene.post(&service, "before").await.event().unwrap()]);
    scene.until_delivered(1).await;

    scene.switch(switch, true);
    for number in 0..TRIES {
        let refused = scene.post(&service, &format!("during{number}")).await;
        let told = (refused.status, refused.content_type.as_str(), refused.retry_after.as_str());
        assert_eq!(told, (503, "application/problem+json", "5"), "{refused:?}");
        assert_eq!(refused.body["code"], "ingest.store_down");
    }
    scene.until_ready(&service, false).await;
    assert_eq!(scene.get(&service, "/healthz").await.0, 200, "the process stays up");
    assert_eq!(errors(&service).len(), 1, "{}", service.said());

    scene.switch(switch, false);
    scene.until_ready(&service, true).await;
    for number in 0..TRIES {
        acked.extend(scene.post(&service, &format!("during{number}")).await.event());
    }
    assert_eq!(acked.len(), 1 + TRIES);
    scene.until_delivered(1 + TRIES).await;
    assert_eq!(errors(&service).len(), 1, "{}", service.said());
    assert!(service.said().contains("the database answers again"), "{}", service.said());
    drop(service);
    assert_eq!(scene.events(&scene.disk(), "%").into_iter().collect::<BTreeSet<_>>(), acked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_no_lead_and_the_service_goes_on_when_there_is_room() {
    a_disk_that_takes_nothing_for_a_while("full").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_becomes_read_only_takes_no_lead_and_the_service_goes_on_afterwards() {
    a_disk_that_takes_nothing_for_a_while("read-only").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_read_only_disk_nothing_starts_and_a_sentence_says_why() {
    let scene = Scene::set_up(Disk::Switched).await;
    scene.switch("read-only", true);
    let ended = scene.run(Disk::Switched, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8(ended.stderr).unwrap();
    let lock = scene.data().join("lock");
    let expected = format!("error: cannot write to the data folder: {}: Read-only file system", lock.display());
    assert!(said.starts_with(&expected) && said.contains("\nhint: the folder has to be on a disk that"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_sync_nothing_is_acknowledged_and_the_process_ends() {
    let scene = Scene::set_up(Disk::Switched).await;
    let mut service = scene.serve(Disk::Switched, &[]);
    let mut acked = BTreeSet::from([scene.post(&service, "before").await.event().unwrap()]);
    scene.until_delivered(1).await;

    scene.switch("sync-fails", true);
    assert_eq!(scene.post(&service, "during").await.event(), None);
    // The disk says that it is well again; nobody may believe it.
    scene.switch("sync-fails", false);
    assert_eq!(scene.post(&service, "during").await.event(), None);
    assert_eq!(service.ended().await.code(), Some(9), "{}", service.said());
    let said = service.said();
    // It may be the first thing that it says at all.
    let says = |start: &str| said.lines().any(|line| line.starts_with(start));
    assert!(says("error: the disk did not do a sync") && says("hint: look at the disk"), "{said}");

    let service = scene.serve(Disk::Switched, &[]);
    acked.extend(scene.post(&service, "during").await.event());
    scene.until_delivered(2).await;
    drop(service);
    let stored = scene.events(&scene.disk(), "%").into_iter().collect::<BTreeSet<_>>();
    assert_eq!((acked.len(), &stored), (2, &acked), "what was not acknowledged was taken as a repeat, or not kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_in_a_checkpoint_ends_the_process_too() {
    let scene = Scene::set_up(Disk::Switched).await;
    let mut command = scene.binary(&scene.disk(), Some(Disk::Switched));
    // Only checkpoints sync the file itself; commits sync the log beside it.
    command.env("LEADLINE_DISK_SYNC_OF", "leadline.db");
    let mut service = Service::start(command.args(["serve", "--listen", "127.0.0.1:0"]));
    scene.switch("sync-fails", true);
    let mut acked = BTreeSet::new();
    for number in 0..LEADS_MAX {
        let answer = scene.post_saying(&service, &format!("lead{number}"), LONG.as_str()).await;
        match answer.event() {
            Some(event) => drop(acked.insert(event)),
            None => break,
        }
    }
    assert_eq!(service.ended().await.code(), Some(9), "{}", service.said());
    scene.switch("sync-fails", false);
    let service = scene.serve(Disk::Switched, &[]);
    scene.until_settled(&scene.disk()).await;
    drop(service);
    let stored = scene.events(&scene.disk(), "%").into_iter().collect::<BTreeSet<_>>();
    assert!(stored.is_superset(&acked), "{acked:?} {stored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn below_its_reserve_the_disk_takes_no_lead() {
    let scene = Scene::set_up(Disk::Switched).await;
    let service = scene.serve(Disk::Switched, &["--disk-reserve-mib", "1000000000"]);
    let words = scene.until_ready(&service, false).await;
    assert_eq!(words, "the disk has less room than its reserve\n");
    let refused = scene.post(&service, "ana").await;
    let told = (refused.status, refused.content_type.as_str(), refused.retry_after.as_str());
    assert_eq!(told, (503, "application/problem+json", "5"), "{refused:?}");
    assert_eq!(refused.body["code"], "ingest.no_room");
    assert_eq!(errors(&service).len(), 1, "{}", service.said());
    drop(service);
    let service = scene.serve(Disk::Switched, &["--disk-reserve-mib", "0"]);
    assert!(scene.post(&service, "ana").await.event().is_some());
    scene.until_delivered(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn short_of_room_leads_are_taken_in_and_planned_when_there_is_room() {
    let scene = Scene::set_up(Disk::Switched).await;
    let system = rustix::fs::statvfs(scene.disk()).unwrap();
    // Between one and two reserves are free.
    let reserve_mib = (system.f_bavail * system.f_frsize / 3 * 2) >> 20;
    let service = scene.serve(Disk::Switched, &["--disk-reserve-mib", &reserve_mib.to_string()]);
    scene.until_said(&service, "planned when there is room").await;
    for number in 0..TRIES {
        assert!(scene.post(&service, &format!("lead{number}")).await.event().is_some());
    }
    // That nothing happens can only be waited for: without the rest, all of them would be planned by then.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.events(&scene.disk(), "received").len(), TRIES);
    drop(service);
    let _service = scene.serve(Disk::Switched, &["--disk-reserve-mib", "0"]);
    scene.until_delivered(TRIES).await;
}

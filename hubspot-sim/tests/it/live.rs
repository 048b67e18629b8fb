//! The suite against a portal that is not its own, as against a live one.

use std::process::Command;

use hubspot_sim::{Knobs, Options, Preset, Simulator};

use crate::support::{TOKEN, URL, is_live};

#[tokio::test(flavor = "multi_thread")]
async fn suite_runs_against_a_foreign_portal_and_leaves_nothing_there() {
    if is_live() {
        return;
    }
    let simulator = Simulator::start(Options::default()).await.unwrap();
    simulator.set_knobs(|knobs: &mut Knobs| knobs.rate_limit = None);
    let portal = simulator.add_portal(Preset::Ready, "Foreign");
    let (url, token) = (simulator.base_url(), portal.access_token);
    let run = move || {
        let mut suite = Command::new(std::env::current_exe().unwrap());
        suite.env(URL, url).env(TOKEN, token).args(["--test-threads", "4"]).output().unwrap()
    };
    let run = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    assert!(simulator.call_count() > 100);
    for object_type in ["0-1", "0-3", "0-46"] {
        assert_eq!(simulator.record_count(portal.id, object_type), 0, "{object_type}");
    }
}

//! Versions that are not in memory: from what was compiled before, or compiled anew while everybody else goes on.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use leadline::digest::sha256_hex;
use leadline::housekeeping::{self, Swept};
use leadline::model::event::EventState;
use leadline::model::time::machine_clock;
use leadline::stock;
use leadline::transform::compatibility;
use leadline::upload::{self, Upload, Uploaded};

use crate::guests::guest;
use crate::support::{TestApp, compiled, compiler};

#[tokio::test]
async fn a_restarted_service_compiles_nothing_again() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let app = app.restart_with(|config| config.compiler = Some("/nowhere/leadline".into())).await;
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish().await;
}

/// A compiler that begins when `gate` is there.
fn gated_compiler(folder: &Path, gate: &Path) -> std::path::PathBuf {
    let program = folder.join("compiler");
    let text = format!(
        "#!/bin/sh\nwhile [ ! -e '{}' ]; do /bin/sleep 0.02; done\nexec '{}' compile\n",
        gate.display(),
        compiler().display()
    );
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// A folder of what was compiled, with nothing in it but this component.
fn compiled_only(folder: &Path, component: &[u8]) -> std::path::PathBuf {
    let (engine, hash) = (&compatibility().unwrap()[..16], sha256_hex(component));
    let kept = folder.join("compiled").join(engine);
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::copy(compiled().join(engine).join(&hash), kept.join(&hash)).unwrap();
    folder.join("compiled")
}

#[tokio::test]
async fn a_version_that_has_to_be_compiled_makes_nobody_else_wait() {
    let app = TestApp::start().await;
    let (slow, other) = (app.connected("slow").await, app.connected("other").await);
    app.install(&slow, "own", &guest("honest")).await;
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    let app = app
        .restart_with(|config| {
            config.compiler = Some(gated_compiler(folder.path(), &gate));
            config.compiled = Some(compiled_only(folder.path(), stock::DEFAULT));
        })
        .await;

    let (waits, goes) = (app.send_lead(&slow, "ana").await, app.send_lead(&other, "bob").await);
    app.run_until_idle().await;
    assert_eq!(app.fate(&goes).await, "delivered, 1 attempts");
    assert_eq!(app.event(&waits).await.event.state, EventState::Received);

    std::fs::write(&gate, "").unwrap();
    while app.event(&waits).await.event.state == EventState::Received {
        tokio::time::sleep(Duration::from_millis(20)).await; // for the compiler; nextest ends a test that waits for ever
        app.advance(Duration::from_millis(100));
        app.run_until_idle().await;
    }
    assert_eq!(app.fate(&waits).await, "skipped (transform.skipped): transformation `own@1` returned no actions");
    app.finish().await;
}

#[tokio::test]
async fn a_machine_that_cannot_compile_holds_nothing_and_tries_again() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("compiled");
    let app = app
        .restart_with(|config| {
            config.compiler = Some("/nowhere/leadline".into());
            config.compiled = Some(nothing.clone());
        })
        .await;
    let event = app.send_lead(&dealer, "ana").await;
    for _ in 0..3 {
        app.run_until_idle().await;
        app.advance(Duration::from_secs(5));
    }
    assert_eq!(app.event(&event).await.event.state, EventState::Received);
    let app = app.restart().await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish().await;
}

#[tokio::test]
async fn what_was_compiled_goes_when_no_version_needs_it_and_not_before() {
    let app = TestApp::start_with(|config, _, _| config.compiled = None).await;
    let account = app.account("acme").await;
    app.upload(account.id.as_str(), "own", &guest("honest")).await;
    // Refused after it was compiled.
    let bytes = guest("greedy_start");
    let hash = sha256_hex(&bytes);
    let refused = Upload { account: account.id.as_str(), name: "bad", note: "", by: "ana", bytes, samples: Vec::new() };
    let (store, transformer) = (&app.app.store, &app.app.transformer);
    let refused = upload::upload(store, transformer, refused, app.now()).await.unwrap();
    assert!(matches!(refused, Uploaded::Refused(_)), "{refused:?}");

    let folder = app.data().join("compiled").join(&compatibility().unwrap()[..16]);
    let count = || std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(
        (count(), folder.join(&hash).exists()),
        (4, true),
        "two of the house, one of its own, and the refused one"
    );
    let sweep = async |at| housekeeping::sweep(store, transformer, None, at).await.unwrap();
    let written = machine_clock();
    assert_eq!(sweep(written + Duration::from_secs(30 * 60)).await, Swept { removed: 0, next: None }, "just written");
    assert_eq!(sweep(written + Duration::from_secs(2 * 60 * 60)).await, Swept { removed: 1, next: None });
    assert_eq!((count(), folder.join(&hash).exists()), (3, false));
    assert_eq!(sweep(written + Duration::from_secs(48 * 60 * 60)).await, Swept { removed: 0, next: None });
    app.finish().await;
}

#[tokio::test]
async fn the_versions_that_most_use_are_loaded_first() {
    let app = TestApp::start().await;
    let mut dealers = Vec::new();
    for slug in ["first", "second", "quiet", "loud", "gone"] {
        dealers.push(app.connected(slug).await);
    }
    let [.., quiet, loud, gone] = &dealers[..] else { unreachable!() };
    for (dealer, name) in [(loud, "loud"), (quiet, "quiet"), (gone, "gone")] {
        app.install(dealer, name, &guest("honest")).await;
    }
    // Nobody uses `gone` any more.
    let sign = leadline::model::account::Sign::new("ana", "");
    leadline::rollout::roll_back(&app.app.store, &gone.connection, None, &sign, app.now()).await.unwrap();
    app.advance(Duration::from_secs(60));
    app.send_lead(loud, "ana").await;
    app.plan().await;
    let mut labels = Vec::new();
    for version in app.app.store.versions_in_use(10).await.unwrap() {
        labels.push(app.app.store.version_by_id(version.as_str()).await.unwrap().unwrap().label());
    }
    assert_eq!(labels, ["default@1", "loud@1", "quiet@1"]);
    assert_eq!(app.app.store.versions_in_use(1).await.unwrap().len(), 1);
    app.finish().await;
}

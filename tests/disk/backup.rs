//! A backup is made while the service works, and a service on it goes on.

use crate::scene::{Disk, Scene, Service};

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_service_is_whole_and_goes_on_elsewhere() {
    let scene = Scene::set_up(Disk::Switched).await;
    let service = scene.serve(Disk::Switched, &[]);
    for name in ["ana", "ben"] {
        assert!(scene.post(&service, name).await.event().is_some());
    }
    scene.until_delivered(2).await;
    let backup = scene.beside("backup.db");
    let args = ["backup", backup.to_str().unwrap()];
    let made = scene.run(Disk::Switched, &args);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&backup).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let size = std::fs::metadata(&backup).unwrap().len();
    assert!(scene.post(&service, "cleo").await.event().is_some());
    assert_eq!(scene.run(Disk::Switched, &args).status.code(), Some(6), "a backup is never overwritten");
    assert_eq!(std::fs::metadata(&backup).unwrap().len(), size);
    scene.until_delivered(3).await;
    drop(service);

    // As the guide says.
    let restored = scene.beside("restored");
    std::fs::create_dir_all(restored.join("data")).unwrap();
    std::fs::create_dir_all(restored.join("secrets")).unwrap();
    std::fs::copy(&backup, restored.join("data/leadline.db")).unwrap();
    std::fs::copy(scene.key_ring(), restored.join("secrets/keys")).unwrap();
    assert_eq!(scene.events(&restored, "planned").len(), 2);
    let service = Service::start(scene.binary(&restored, None).args(["serve", "--listen", "127.0.0.1:0"]));
    assert!(scene.post(&service, "dora").await.event().is_some());
    scene.until_delivered(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_fails_leaves_nothing_behind() {
    let scene = Scene::set_up(Disk::Switched).await;
    let backup = scene.disk().join("backup.db");
    // Moves what the commands before it left in the log.
    assert!(scene.run(Disk::Switched, &["account", "list"]).status.success());
    let mut command = scene.binary(&scene.disk(), Some(Disk::Switched));
    let failed = command.env("LEADLINE_DISK_FULL_AFTER_BYTES", "100000").arg("backup").arg(&backup).output().unwrap();
    let said = String::from_utf8(failed.stderr).unwrap();
    assert!(failed.status.code() == Some(1) && said.contains("disk is full"), "{said}");
    let left = std::fs::read_dir(scene.disk()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("backup")), "{left:?}");
}

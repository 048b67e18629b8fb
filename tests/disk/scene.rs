//! The service as a process with `disk.c` below it, its senders, and the simulator, which lives in the test.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use hubspot_sim::{Options, Preset, Simulator};
use leadline::hubspot::CONTACT;
use leadline::signature::Secret;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Nothing in these tests takes this long on any machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at another process.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One dealership on a disk of its own.
pub(crate) struct Scene {
    folder: TempDir,
    pub(crate) hubspot: Simulator,
    portal: i64,
    source: String,
    secret: String,
    client: reqwest::Client,
}

/// What `disk.c` does to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    Recorded,
    /// As its switches say.
    Switched,
}

/// What a sender was told.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: String,
    pub(crate) body: Value,
}

impl Answer {
    /// The event's id, if the lead was acknowledged.
    pub(crate) fn event(&self) -> Option<String> {
        (self.status == 202).then(|| self.body["event_id"].as_str().unwrap().to_owned())
    }
}

impl Scene {
    /// Makes a dealership by the command line. Where everything is recorded, so is this.
    pub(crate) async fn set_up(disk: Disk) -> Self {
        let hubspot = Simulator::start(Options { rate_limit: None, ..Options::default() }).await.unwrap();
        let portal = hubspot.add_portal(Preset::Ready, "Ocean Honda");
        let folder = tempfile::tempdir().unwrap();
        for name in ["disk/secrets", "switches"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let (source, secret) = (String::new(), String::new());
        let mut scene = Self { folder, hubspot, portal: portal.id, source, secret, client };
        let token = scene.folder.path().join("token");
        std::fs::write(&token, &portal.access_token).unwrap();
        scene.json(disk, &["account", "create", "Ocean Honda"]);
        let token = token.to_str().unwrap();
        scene.json(disk, &["connection", "connect", "--account", "ocean-honda", "--token-file", token]);
        let source = scene.json(disk, &["source", "create", "--account", "ocean-honda"]);
        scene.source = source["id"].as_str().unwrap().to_owned();
        scene.secret = source["secret"].as_str().unwrap().to_owned();
        scene
    }

    /// Everything that `disk.c` stands before.
    pub(crate) fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.disk().join("data")
    }

    /// The key ring, in another folder than the database: nobody syncs that but who writes the ring.
    pub(crate) fn key_ring(&self) -> PathBuf {
        self.disk().join("secrets/keys")
    }

    pub(crate) fn trace(&self) -> PathBuf {
        self.folder.path().join("trace")
    }

    /// A path beside the disk.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn switch(&self, name: &str, on: bool) {
        let switch = self.folder.path().join("switches").join(name);
        if on { std::fs::write(switch, "").unwrap() } else { std::fs::remove_file(switch).unwrap() }
    }

    /// The binary, on this disk or on what is left of one.
    pub(crate) fn binary(&self, root: &Path, disk: Option<Disk>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadline"));
        command.env_clear().arg("--data").arg(root.join("data")).arg("--keys").arg(root.join("secrets/keys"));
        command.args(["--hubspot-url", &self.hubspot.base_url()]).env("NO_COLOR", "1").stdin(Stdio::null());
        if let Some(disk) = disk {
            command.env("LD_PRELOAD", library()).env("LEADLINE_DISK_FOLDER", root);
            match disk {
                Disk::Recorded => command.env("LEADLINE_DISK_TRACE", self.trace()),
                Disk::Switched => command.env("LEADLINE_DISK_SWITCHES", self.folder.path().join("switches")),
            };
        }
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, disk: Disk, args: &[&str]) -> Output {
        self.binary(&self.disk(), Some(disk)).args(args).output().unwrap()
    }

    fn json(&self, disk: Disk, args: &[&str]) -> Value {
        let ended = self.run(disk, &[args, &["--json"]].concat());
        assert!(ended.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ended.stderr));
        serde_json::from_slice::<Value>(&ended.stdout).unwrap()["data"].take()
    }

    pub(crate) fn serve(&self, disk: Disk, more: &[&str]) -> Service {
        Service::start(self.binary(&self.disk(), Some(disk)).args(["serve", "--listen", "127.0.0.1:0"]).args(more))
    }

    /// Posts the lead of a person.
    pub(crate) async fn post(&self, service: &Service, name: &str) -> Answer {
        self.post_saying(service, name, &format!("Hello, this is {name}.")).await
    }

    /// The same, with this conversation.
    pub(crate) async fn post_saying(&self, service: &Service, name: &str, text: &str) -> Answer {
        let body = json!({
            "type": "lead.captured.v1", "timestamp": "2026-11-23T08:00:00Z",
            "data": {
                "id": format!("lead_{name}"), "name": name, "email": format!("{name}@example.com"), "status": "new",
                "notes": [{ "at": "2026-11-23T07:58:00Z", "text": text }],
                "dealership": { "name": "Ocean Honda", "slug": "ocean-honda" },
            }
        });
        let (id, at, body) = (format!("msg_{name}"), self.hubspot.now() / 1000, body.to_string());
        let signature = Secret::parse(&self.secret).unwrap().sign(&id, at, body.as_bytes());
        let request = self.client.post(format!("{}/v1/sources/{}/events", service.address, self.source));
        let request = request.header("webhook-id", &id).header("webhook-timestamp", at);
        let answer = request.header("webhook-signature", signature).body(body).send().await;
        // A process that ended meanwhile acknowledges nothing.
        let Ok(answer) = answer else {
            return Answer { status: 0, content_type: String::new(), retry_after: String::new(), body: Value::Null };
        };
        let header =
            |name: &str| answer.headers().get(name).map_or_else(String::new, |v| v.to_str().unwrap().to_owned());
        let (content_type, retry_after) = (header("content-type"), header("retry-after"));
        let status = answer.status().as_u16();
        Answer { status, content_type, retry_after, body: answer.json().await.unwrap_or(Value::Null) }
    }

    /// The status and the words of an address.
    pub(crate) async fn get(&self, service: &Service, path: &str) -> (u16, String) {
        let answer = self.client.get(format!("{}{path}", service.address)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Waits until the service is ready, or is not.
    pub(crate) async fn until_ready(&self, service: &Service, ready: bool) -> String {
        let begun = Instant::now();
        loop {
            let (status, words) = self.get(service, "/readyz").await;
            if (status == 200) == ready {
                return words;
            }
            assert!(begun.elapsed() < PATIENCE, "the service still says {words}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the service has said this.
    pub(crate) async fn until_said(&self, service: &Service, words: &str) {
        let begun = Instant::now();
        while !service.said().contains(words) {
            assert!(begun.elapsed() < PATIENCE, "the service did not say `{words}`: {}", service.said());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the portal has so many contacts: each person is one.
    pub(crate) async fn until_delivered(&self, people: usize) {
        let begun = Instant::now();
        while self.hubspot.record_count(self.portal, CONTACT) < people {
            let count = self.hubspot.record_count(self.portal, CONTACT);
            assert!(begun.elapsed() < PATIENCE, "{count} of {people} people came to HubSpot");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        assert_eq!(self.hubspot.record_count(self.portal, CONTACT), people);
    }

    /// Waits until the service on a folder has delivered all that it knows.
    pub(crate) async fn until_settled(&self, root: &Path) {
        let database = rusqlite::Connection::open(root.join("data/leadline.db")).unwrap();
        let open = "SELECT (SELECT count(*) FROM events WHERE state = 'received')
                         + (SELECT count(*) FROM deliveries WHERE state <> 'delivered')";
        let begun = Instant::now();
        while database.query_row(open, (), |row| row.get::<_, i64>(0)).unwrap() > 0 {
            assert!(begun.elapsed() < PATIENCE, "not everything is delivered");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What a search for a state finds in the database of a folder.
    pub(crate) fn events(&self, root: &Path, state: &str) -> Vec<String> {
        let connection = rusqlite::Connection::open(root.join("data/leadline.db")).unwrap();
        let mut select = connection.prepare("SELECT id FROM events WHERE state LIKE ?1 ORDER BY id").unwrap();
        let ids = select.query_map([state], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>();
        ids.unwrap()
    }
}

/// A running service. It is killed when the test is done with it.
pub(crate) struct Service {
    child: Child,
    pub(crate) address: String,
    errors: tempfile::NamedTempFile,
}

impl Service {
    /// Starts it; it listens when this returns.
    pub(crate) fn start(command: &mut Command) -> Self {
        let errors = tempfile::NamedTempFile::new().unwrap();
        command.stdout(Stdio::piped()).stderr(errors.reopen().unwrap());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some((_, rest)) = line.split_once("http://") else {
            panic!("the service does not start: {}", std::fs::read_to_string(errors.path()).unwrap());
        };
        let address = format!("http://{}", rest.split(';').next().unwrap());
        Self { child, address, errors }
    }

    /// What it said so far on its standard error.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.errors.path()).unwrap()
    }

    /// How it ended, which it has to do by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the service goes on: {}", self.said());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Fails where it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `disk.c`, compiled when it is younger than what was compiled last.
fn library() -> PathBuf {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/disk/disk.c"));
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("disk.so");
    let changed = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    if changed(&library) <= changed(source) {
        // Several tests may do so at once: none of them must load half of it.
        let fresh = library.with_extension(std::process::id().to_string());
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&fresh).arg(source);
        assert!(compile.arg("-ldl").status().unwrap().success(), "cc cannot compile {}", source.display());
        std::fs::rename(fresh, &library).unwrap();
    }
    library
}

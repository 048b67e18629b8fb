//! The loops around the steps: work while there is work, then sleep until something is due or somebody knocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::app::App;
use crate::config::Role;
use crate::connection::{ending, fill_job};
use crate::deletion;
use crate::deliver;
use crate::housekeeping::{self, Limits};
use crate::model::lane::{LaneKind, Step};
use crate::operate::fleet::oldest;
use crate::operate::processes::{self, HEED_EVERY, SAY_EVERY};
use crate::operate::pulse::{BEAT, Sample};
use crate::store::Room;
use crate::{alerts, clock, post, privacy, process, replay, retry, store};

/// Plan steps at once: one a core is enough, since guests burn processor time only.
const PLANNERS: usize = 2;
/// Deliver steps at once: they wait for HubSpot most of the time, each for another portal, and a portal that hangs
/// holds one of them for a minute.
const DELIVERERS: usize = 64;
/// The shortest sleep: what is due now has been knocked for already, and this is only the second look.
const SLEEP_MIN: Duration = Duration::from_millis(25);
/// The shortest sleep of the replays: one that is due may have no room yet.
const REPLAY_SLEEP_MIN: Duration = Duration::from_millis(100);
/// The longest sleep: work that a command left in the database is found by then.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// The longest sleep where other processes leave work: nobody knocks across processes.
const SLEEP_MAX_BESIDE_OTHERS: Duration = Duration::from_millis(150);
/// After our own failure, before the next try.
const MEND: Duration = Duration::from_secs(1);
/// How often housekeeping looks for what is old: what falls due at midnight is gone within the hour.
const KEEP_HOUSE_EVERY: Duration = Duration::from_secs(60 * 60);
/// Between two pages of old rows, at least, so that events at the door do not wait for them.
const KEEP_HOUSE_REST: Duration = Duration::from_millis(50);
/// After a failure of housekeeping: a lock that was not to be had, most likely.
const KEEP_HOUSE_MEND: Duration = Duration::from_secs(60);

/// How often it is looked whether an account was deleted.
const CLEAR_ACCOUNTS_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether a connection ends.
const END_CONNECTIONS_EVERY: Duration = Duration::from_secs(1);
/// How often the words of new leads are merged where there are few. Until then a search reads them where they are.
const MERGE_WORDS_EVERY: Duration = Duration::from_secs(1);

/// Loops of the outbox: one that waits for a slow server does not keep the others waiting.
const POSTERS: usize = 4;
/// The longest sleep of the outbox: a command or another process may have left a message there.
const POST_SLEEP_MAX: Duration = Duration::from_secs(2);
/// The shortest one: another process may be about to take what is due.
const POST_SLEEP_MIN: Duration = Duration::from_millis(100);
/// Between two looks for an account whose rules are due.
const LOOK_SLEEP: Duration = Duration::from_secs(5);

/// How often the room on the disk is looked at: at a thousand leads a second, a hundredth of the reserve.
const MEASURE_ROOM_EVERY: Duration = Duration::from_secs(2);

/// Runs every loop until `stop` says so; a round that is under way is finished.
pub async fn run(app: Arc<App>, roles: Vec<Role>, (keep, disk_reserve): (Limits, u64), stop: watch::Receiver<bool>) {
    let mut loops = tokio::task::JoinSet::new();
    if disk_reserve > 0 {
        loops.spawn(keep_room(app.clone(), disk_reserve, stop.clone()));
    }
    if roles.contains(&Role::Plan) {
        loops.spawn(keep_house(app.clone(), keep, stop.clone()));
        loops.spawn(clear_accounts(app.clone(), stop.clone()));
    }
    if roles.contains(&Role::Deliver) {
        loops.spawn(end_connections(app.clone(), stop.clone()));
    }
    if roles.contains(&Role::Plan) {
        loops.spawn(merge_words(app.clone(), stop.clone()));
    }
    loops.spawn(keep_pulse(app.clone(), stop.clone()));
    loops.spawn(keep_process(app.clone(), roles.clone(), stop.clone()));
    // Whatever a process does, it may compile.
    loops.spawn(sweep(app.clone(), stop.clone()));
    for (role, kind, count) in [(Role::Plan, LaneKind::Plan, PLANNERS), (Role::Deliver, LaneKind::Deliver, DELIVERERS)]
    {
        if !roles.contains(&role) {
            continue;
        }
        for number in 0..count {
            let (app, stop) = (app.clone(), stop.clone());
            let hand = Arc::new(Hand { kind, owner: app.process.owner(kind, number), failed: AtomicBool::new(false) });
            loops.spawn(keep_running(kind.as_str(), move || run_loop(app.clone(), hand.clone(), stop.clone())));
        }
        loops.spawn(keep_time(app.clone(), kind, stop.clone()));
    }
    if !app.store.is_for_one_process() {
        loops.spawn(keep_clock(app.clone(), stop.clone()));
    }
    if roles.contains(&Role::Deliver) {
        let (app, stop) = (app.clone(), stop.clone());
        loops.spawn(keep_running("fill", move || run_fills(app.clone(), stop.clone())));
    }
    let (erasing, erasing_stop) = (app.clone(), stop.clone());
    if roles.contains(&Role::Web) {
        let (watched, ended) = (app.clone(), stop.clone());
        loops.spawn(keep_running("alert", move || run_looks(watched.clone(), ended.clone())));
        for _ in 0..POSTERS {
            let (app, stop) = (app.clone(), stop.clone());
            loops.spawn(keep_running("message", move || run_post(app.clone(), stop.clone())));
        }
    }
    if roles.contains(&Role::Plan) {
        loops.spawn(keep_running("replay", move || run_replays(app.clone(), stop.clone())));
    }
    if roles.contains(&Role::Plan) {
        loops.spawn(keep_running("erasure", move || run_erasures(erasing.clone(), erasing_stop.clone())));
    }
    while let Some(ended) = loops.join_next().await {
        if let Err(error) = ended {
            tracing::error!("a worker ended: {error}");
        }
    }
}

/// Takes a sample of what was counted, each minute.
async fn keep_pulse(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let (Some(metrics), true) = (&app.metrics, app.store.answers()) {
            let now = (app.clock)();
            match app.store.due_work(now).await {
                Ok(due) => app.pulse.add(Sample::of(&metrics.render(), oldest(&due, now), now)),
                Err(error) => tracing::debug!("no sample of the counters was taken: {error}"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Says now and then that this process lives, and heeds whether it is to take no more lanes, until `stop` says so.
async fn keep_process(app: Arc<App>, roles: Vec<Role>, mut stop: watch::Receiver<bool>) {
    let mut said: Option<tokio::time::Instant> = None;
    while !*stop.borrow() {
        let done = async {
            if said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
                processes::say(&app, &roles).await?;
                said = Some(tokio::time::Instant::now());
            }
            processes::heed(&app).await
        };
        if let Err(error) = done.await
            && !error.is_away()
        {
            tracing::error!("this process cannot say that it lives, and heeds nothing: {error}");
        }
        tokio::select! {
            () = tokio::time::sleep(HEED_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
    if let Err(error) = app.store.forget_process(&app.process.id).await {
        tracing::debug!("that this process ends is not noted: {error}");
    }
}

/// Runs a loop, and starts it again when it panics: one bad round must not cost the service a worker.
async fn keep_running<L>(name: &'static str, start: impl Fn() -> L)
where
    L: Future<Output = ()> + Send + 'static,
{
    while let Err(error) = tokio::spawn(start()).await {
        tracing::error!("a {name} step panicked and is started again: {error}");
        tokio::time::sleep(MEND).await;
    }
}

/// Who runs a loop: the owner of its leases.
struct Hand {
    kind: LaneKind,
    owner: String,
    /// Its last round failed or panicked, and may have left a lane leased.
    failed: AtomicBool,
}

impl Hand {
    /// One round. What an earlier one left leased is given back first: nobody is at work there, and it would rest until
    /// the lease ends.
    async fn step(&self, app: &App) -> anyhow::Result<Step> {
        if self.failed.load(Ordering::Relaxed) {
            app.store.void_leases_of(&self.owner).await?;
        }
        self.failed.store(true, Ordering::Relaxed);
        let step = round(app, self.kind, &self.owner).await?;
        self.failed.store(false, Ordering::Relaxed);
        Ok(step)
    }
}

/// One round of a loop. While the process drains it takes no lane, and so finds nothing to do.
///
/// # Errors
/// The store's.
pub async fn round(app: &App, kind: LaneKind, owner: &str) -> anyhow::Result<Step> {
    let Some(_round) = app.process.begin_round() else { return Ok(Step::Idle) };
    match kind {
        LaneKind::Plan => process::plan_next(&app.store, &app.transformer, owner, &app.clock).await,
        LaneKind::Deliver => deliver::deliver_next(&app.store, &app.hubspot, owner, &app.clock).await,
    }
}

/// Works while there is work, then waits for a knock.
async fn run_loop(app: Arc<App>, hand: Arc<Hand>, mut stop: watch::Receiver<bool>) {
    let kind = hand.kind;
    let knock = app.wake.of(kind);
    let mut worked = false;
    while !*stop.borrow() {
        // What was planned is still delivered: that takes little room, and somebody waits for it.
        if kind == LaneKind::Plan && app.store.room() != Room::Enough {
            tokio::select! {
                () = tokio::time::sleep(MEND) => continue,
                _ = stop.changed() => continue,
            }
        }
        let round = tokio::select! {
            round = app.clock_watch.begin(&app.store) => round,
            _ = stop.changed() => continue,
        };
        let done = match round {
            Ok(_round) => hand.step(&app).await,
            Err(error) => Err(error),
        };
        match done {
            // Where one lane had work another may have some: wake a neighbour, who does the same.
            Ok(Step::Worked) => {
                worked = true;
                knock.notify_one();
                if kind == LaneKind::Plan {
                    app.wake.deliver.notify_one();
                }
            }
            Ok(Step::Idle) => {
                if std::mem::take(&mut worked) {
                    // What was left for later may be due before the timekeeper looks again.
                    app.wake.timekeeper(kind).notify_one();
                }
                tokio::select! {
                    () = knock.notified() => {}
                    _ = stop.changed() => {}
                }
            }
            Err(error) => tokio::select! {
                () = mend(&app, kind.as_str(), &error) => {}
                _ = stop.changed() => {}
            },
        }
    }
}

/// Waits after a failure of ours, before the next try. That the database is away was said once, by the store, and is
/// over by itself.
async fn mend(app: &App, step: &str, error: &anyhow::Error) {
    if store::is_away(error) {
        tracing::debug!("a {step} step waits for the database: {error:#}");
        app.store.wait_until_it_answers().await;
    } else {
        tracing::error!("a {step} step failed and is tried again: {error:#}");
        tokio::time::sleep(MEND).await;
    }
}

/// Does one round after another until `stop` says so, and rests after each for as long as it says, or until somebody knocks.
/// A round that is under way is finished.
async fn run_rounds<R>(
    app: &App,
    step: &'static str,
    (knock, mut stop): (Option<&Notify>, watch::Receiver<bool>),
    round: impl Fn() -> R,
) where
    R: Future<Output = anyhow::Result<Duration>>,
{
    while !*stop.borrow() {
        let done = round().await;
        let rest = async {
            match done {
                Ok(rest) if rest.is_zero() => {}
                Ok(rest) => tokio::time::sleep(rest).await,
                Err(error) => mend(app, step, &error).await,
            }
        };
        let knocked = async {
            match knock {
                Some(knock) => knock.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = rest => {}
            () = knocked => {}
            _ = stop.changed() => {}
        }
    }
}

/// A round that goes by the clock: it begins once that is trusted, and not at all where `stop` comes first.
async fn by_the_clock(
    app: &App,
    mut stop: watch::Receiver<bool>,
    round: impl Future<Output = anyhow::Result<Duration>>,
) -> anyhow::Result<Duration> {
    let _begun = tokio::select! {
        begun = app.clock_watch.begin(&app.store) => begun?,
        _ = stop.changed() => return Ok(Duration::ZERO),
    };
    round.await
}

/// How long to rest after a step: not at all where there may be more to do.
fn rest_after(step: Step, idle: Duration) -> Duration {
    match step {
        Step::Worked => Duration::ZERO,
        Step::Idle => idle,
    }
}

/// Does the pages of replays as they fall due. One at a time: each is one commit, and knocks for what it put into the
/// queue.
async fn run_replays(app: Arc<App>, stop: watch::Receiver<bool>) {
    let round = || by_the_clock(&app, stop.clone(), replay_round(&app));
    run_rounds(&app, "replay", (None, stop.clone()), round).await;
}

/// One page, and how long to rest after it.
async fn replay_round(app: &App) -> anyhow::Result<Duration> {
    let now = (app.clock)();
    match replay::next(&app.store, now).await? {
        Step::Worked => {
            app.wake.plan.notify_one();
            app.wake.deliver.notify_one();
            Ok(Duration::ZERO)
        }
        Step::Idle => {
            let next = app.store.next_replay_at().await?;
            Ok(next.map_or(SLEEP_MAX, |next| next.since(now).clamp(REPLAY_SLEEP_MIN, SLEEP_MAX)))
        }
    }
}

/// Sends messages to people and programs outside as they fall due. A knock ends a rest, and no attempt: that would be made
/// once more.
async fn run_post(app: Arc<App>, stop: watch::Receiver<bool>) {
    run_rounds(&app, "message", (Some(&app.wake.post), stop), || post_round(&app)).await;
}

/// Sends some of what is due, and says how long to rest after it.
async fn post_round(app: &Arc<App>) -> anyhow::Result<Duration> {
    if post::send_next(app).await? == Step::Worked {
        return Ok(Duration::ZERO);
    }
    let next = app.store.next_message_at().await?;
    Ok(next.map_or(POST_SLEEP_MAX, |next| next.since((app.clock)()).clamp(POST_SLEEP_MIN, POST_SLEEP_MAX)))
}

/// Looks at the rules of each account as its time comes.
async fn run_looks(app: Arc<App>, stop: watch::Receiver<bool>) {
    run_rounds(&app, "alert", (None, stop), || look_round(&app)).await;
}

async fn look_round(app: &App) -> anyhow::Result<Duration> {
    Ok(rest_after(alerts::look_next(app).await?, LOOK_SLEEP))
}

/// Does the pages of the jobs that fill in what leads went without.
async fn run_fills(app: Arc<App>, stop: watch::Receiver<bool>) {
    let round = || by_the_clock(&app, stop.clone(), fill_round(&app));
    run_rounds(&app, "fill", (None, stop.clone()), round).await;
}

async fn fill_round(app: &App) -> anyhow::Result<Duration> {
    let step = fill_job::next(&app.store, &app.hubspot, &app.clock).await?;
    if step == Step::Worked {
        app.wake.deliver.notify_one();
    }
    Ok(rest_after(step, SLEEP_MAX))
}

/// Does the pages of erasures as they fall due, one at a time.
async fn run_erasures(app: Arc<App>, stop: watch::Receiver<bool>) {
    let round = || by_the_clock(&app, stop.clone(), erasure_round(&app));
    run_rounds(&app, "erasure", (None, stop.clone()), round).await;
}

async fn erasure_round(app: &App) -> anyhow::Result<Duration> {
    Ok(rest_after(privacy::next(&app.store, &app.hubspot, &app.clock).await?, SLEEP_MAX))
}

/// Knocks when something falls due. One for all loops of a kind: if each looked for itself, idle ones would keep the
/// database busy.
async fn keep_time(app: Arc<App>, kind: LaneKind, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let due = async {
            match time_until_due(&app, kind).await {
                Ok(rest) => tokio::time::sleep(rest).await,
                Err(error) => mend(&app, kind.as_str(), &error).await,
            }
        };
        tokio::select! {
            () = due => app.wake.of(kind).notify_one(),
            () = app.wake.timekeeper(kind).notified() => {}
            _ = stop.changed() => {}
        }
    }
}

/// Compares the clock with that of the database, by which other processes work too.
async fn keep_clock(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = app.clock_watch.look(&app.store).await
            && !store::is_away(&error)
        {
            tracing::error!("the database's clock cannot be read: {error:#}");
        }
        tokio::select! {
            () = tokio::time::sleep(clock::LOOK_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Looks how much room the disk has.
async fn keep_room(app: Arc<App>, reserve: u64, mut stop: watch::Receiver<bool>) {
    let mut failed = false;
    while !*stop.borrow() {
        match app.store.measure_room(reserve) {
            Ok(()) => failed = false,
            Err(error) if !std::mem::replace(&mut failed, true) => {
                tracing::error!("nobody knows how much room the disk has: {error}");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(MEASURE_ROOM_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Keeps house until `stop` says so.
async fn keep_house(app: Arc<App>, limits: Limits, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let started = tokio::time::Instant::now();
        let rest = match housekeeping::next(&app.store, &limits, (app.clock)()).await {
            // As long as the page took: never more than half of the time of the database's one writer.
            Ok(Step::Worked) => started.elapsed().max(KEEP_HOUSE_REST),
            Ok(Step::Idle) => KEEP_HOUSE_EVERY,
            Err(error) => {
                if !store::is_away(&error) {
                    tracing::error!("housekeeping failed and is tried again: {error:#}");
                }
                KEEP_HOUSE_MEND
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Removes what is left of deleted accounts, until `stop` says so.
async fn clear_accounts(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let started = tokio::time::Instant::now();
        let rest = match deletion::sweep(&app.store, (app.clock)()).await {
            Ok(Step::Worked) => started.elapsed().max(KEEP_HOUSE_REST),
            Ok(Step::Idle) => CLEAR_ACCOUNTS_EVERY,
            Err(error) => {
                if !error.is_away() {
                    tracing::error!(
                        "what is left of a deleted account cannot be removed, and is tried again: {error:#}"
                    );
                }
                KEEP_HOUSE_MEND
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Ends connections whose time to think better of it is over, until `stop` says so.
async fn end_connections(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match ending::end_due(&app.store, &app.hubspot, &*app.clock).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) if store::is_away(&error) => {}
            Err(error) => tracing::error!("{error:#}; it is tried again"),
        }
        tokio::select! {
            () = tokio::time::sleep(END_CONNECTIONS_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Merges the words of what was planned into those that stand for good, beside the work, until `stop` says so.
async fn merge_words(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let started = tokio::time::Instant::now();
        let rest = match app.store.merge_words(store::MERGED_AT_ONCE).await {
            // As long as that took: never more than half of the time of the database's one writer.
            Ok(merged) if merged == u64::from(store::MERGED_AT_ONCE) => started.elapsed().max(KEEP_HOUSE_REST),
            Ok(_) => MERGE_WORDS_EVERY,
            Err(error) => {
                if !error.is_away() {
                    tracing::error!("the words that leads are found by are merged later: {error}");
                }
                MERGE_WORDS_EVERY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Takes away compiled code that nobody needs, a page at a time, until `stop` says so.
async fn sweep(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut after = None;
    while !*stop.borrow() {
        let rest = match housekeeping::sweep(&app.store, &app.transformer, after.take(), (app.clock)()).await {
            Ok(swept) => {
                after = swept.next;
                if after.is_some() { KEEP_HOUSE_REST } else { KEEP_HOUSE_EVERY }
            }
            Err(error) => {
                if !store::is_away(&error) {
                    tracing::warn!("compiled code is swept later: {error:#}");
                }
                KEEP_HOUSE_MEND
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn time_until_due(app: &App, kind: LaneKind) -> anyhow::Result<Duration> {
    let now = (app.clock)();
    // Each process at a time of its own, so that they do not ask all at once.
    let beside_others = || retry::jittered(SLEEP_MAX_BESIDE_OTHERS, &app.process.id, now);
    let longest = if app.store.is_for_one_process() { SLEEP_MAX } else { beside_others() };
    let due = app.store.next_due_before(kind, now, now + longest).await?;
    Ok(due.map_or(longest, |due| due.since(now).clamp(SLEEP_MIN, longest)))
}

//! The server's side of compiling: starts the child, limits it, and tells apart how it ended.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getpriority_process, prlimit, setpriority_process};

use super::{Answer, CompileError, Compiled, Step, UploadError};
use crate::transform::limits::{COMPILE_BYTES_MAX, COMPILE_TIME_MAX};

/// Serving comes first.
const NICE: i32 = 5;
/// What is kept of what the child says on its way down.
const LAST_WORDS_BYTES_MAX: u64 = 4096;
/// What is read of a child's answer: many times the machine code of the largest component that is let through.
const ARTIFACT_BYTES_MAX: u64 = 512 << 20;
/// How a program that cannot have more memory ends, in Rust's own words.
const OUT_OF_MEMORY: &str = "memory allocation of";

/// Checks and compiles in a child of `program`.
pub(super) fn compile(program: &Path, bytes: &[u8]) -> Result<Compiled, CompileError> {
    compile_within(COMPILE_TIME_MAX, program, bytes)
}

fn compile_within(patience: Duration, program: &Path, bytes: &[u8]) -> Result<Compiled, CompileError> {
    let mut child = start(program)?;
    let mut input = child.stdin.take().expect("its input is a pipe");
    let output = child.stdout.take().expect("its output is a pipe");
    let errors = child.stderr.take().expect("its errors are a pipe");
    std::thread::scope(|scope| {
        // A child that ends before it has read everything breaks the pipe; how it ended says more than that.
        scope.spawn(move || input.write_all(bytes));
        let last_words = scope.spawn(move || {
            let mut words = String::new();
            match errors.take(LAST_WORDS_BYTES_MAX).read_to_string(&mut words) {
                Ok(_) => words,
                Err(error) => format!("its words cannot be read: {error}"),
            }
        });
        let (done, is_done) = channel();
        let pid = Pid::from_child(&child);
        let waiting = scope.spawn(move || end_in_time(patience, pid, &is_done));
        let heard = listen(output);
        let status = child.wait();
        drop(done);
        let late = waiting.join().expect("waiting does not panic");
        let words = last_words.join().expect("reading does not panic");
        let status = status.map_err(|error| ours(format!("the compiler cannot be waited for: {error}")))?;
        judge(heard, &Ending { status, late, words })
    })
}

/// Starts the child with nothing of ours but the pipes.
fn start(program: &Path) -> Result<Child, CompileError> {
    let mut command = Command::new(program);
    command.arg("compile").env_clear();
    // Its allocator would reserve a gigabyte of addresses at the start, of the two that it may have. In KiB.
    command.env("MIMALLOC_ARENA_RESERVE", "65536");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn();
    let mut child = child.map_err(|error| ours(format!("the compiler {} cannot start: {error}", program.display())))?;
    let seconds = COMPILE_TIME_MAX.as_secs();
    let pid = Pid::from_child(&child);
    // It waits for the bytes until then.
    let bytes = COMPILE_BYTES_MAX as u64;
    // Between the two limits of processor time the kernel sends a signal that says so; at the second one it kills.
    let limits = [(Resource::As, bytes, bytes), (Resource::Cpu, seconds, seconds + 5), (Resource::Core, 0, 0)];
    let limited = limits
        .into_iter()
        .try_for_each(|(resource, current, maximum)| {
            prlimit(Some(pid), resource, Rlimit { current: Some(current), maximum: Some(maximum) }).map(drop)
        })
        // A service that is nicer than that stays so: nobody may be less nice than its parent.
        .and_then(|()| setpriority_process(Some(pid), NICE.max(getpriority_process(None)?)));
    if let Err(error) = limited {
        end(pid);
        drop(child.wait());
        return Err(ours(format!("the compiler cannot be limited: {error}")));
    }
    Ok(child)
}

/// What the child said, as far as it came.
struct Heard {
    step: Step,
    answer: Option<Answer>,
    artifact: Vec<u8>,
}

fn listen(output: impl std::io::Read) -> std::io::Result<Heard> {
    let mut output = BufReader::new(output.take(ARTIFACT_BYTES_MAX));
    let mut heard = Heard { step: Step::Read, answer: None, artifact: Vec::new() };
    let mut line = String::new();
    while output.read_line(&mut line)? > 0 {
        match serde_json::from_str(&line)? {
            Answer::Step(step) => heard.step = step,
            answer => {
                heard.answer = Some(answer);
                break;
            }
        }
        line.clear();
    }
    output.read_to_end(&mut heard.artifact)?;
    Ok(heard)
}

/// Ends the child when its time is up, unless it is done before. Says whether it did.
fn end_in_time(patience: Duration, pid: Pid, is_done: &Receiver<()>) -> bool {
    let late = is_done.recv_timeout(patience) == Err(RecvTimeoutError::Timeout);
    if late {
        end(pid);
    }
    late
}

/// Ends the child. It may have ended by itself just now.
fn end(pid: Pid) {
    if let Err(error) = rustix::process::kill_process(pid, rustix::process::Signal::KILL) {
        tracing::debug!("the compiler could not be ended: {error}");
    }
}

/// How the child came to its end.
struct Ending {
    status: ExitStatus,
    /// We ended it.
    late: bool,
    words: String,
}

fn judge(heard: std::io::Result<Heard>, ending: &Ending) -> Result<Compiled, CompileError> {
    let heard = heard.map_err(|error| ours(format!("the compiler's answer cannot be read: {error}")))?;
    match (heard.answer, ending.status.success()) {
        (Some(Answer::Refused(refused)), true) => Err(CompileError::Refused(refused)),
        (Some(Answer::Compiled { checked, compatibility }), true) => {
            if compatibility != super::compatibility().map_err(|error| ours(format!("{error:#}")))? {
                return Err(ours("the compiler is of another release than the service; restart the service".into()));
            }
            Ok(Compiled { checked: *checked, artifact: heard.artifact })
        }
        _ => Err(unfinished(heard.step, ending)),
    }
}

/// Why there is no answer.
fn unfinished(step: Step, Ending { status, late, words }: &Ending) -> CompileError {
    let words = words.trim();
    if words.contains(OUT_OF_MEMORY) {
        return CompileError::Refused(UploadError::CompileMemory);
    }
    // Our patience, or the kernel's limit of processor time.
    if *late || status.signal() == Some(rustix::process::Signal::XCPU.as_raw()) {
        return CompileError::Refused(UploadError::CompileTime);
    }
    if step == Step::Read {
        return ours(format!("the compiler ended before it read anything, with {status}: {words}"));
    }
    tracing::error!("the compiler ended in step {step:?}, with {status}: {words}");
    CompileError::Refused(UploadError::CompileCrashed)
}

fn ours(reason: String) -> CompileError {
    CompileError::Ours(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// Compiles with a stand-in: a shell script that is given the bytes as the compiler is.
    fn with(script: &str, patience: Duration) -> Result<Compiled, CompileError> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("compiler");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        compile_within(patience, &program, &[0; 100_000])
    }

    const LONG: Duration = Duration::from_secs(60);
    const SAYS_COMPILE: &str = r#"cat > /dev/null; echo '{"step":"compile"}';"#;

    #[test]
    fn however_the_compiler_ends_it_has_a_sentence_and_the_service_lives() {
        let aborts = format!("{SAYS_COMPILE} kill -ABRT $$");
        let floods = format!("{SAYS_COMPILE} echo 'memory allocation of 4096 bytes failed' >&2; kill -ABRT $$");
        let burns = format!("{SAYS_COMPILE} kill -XCPU $$");
        let hangs = format!("{SAYS_COMPILE} exec sleep 600");
        let stranger = r#"cat > /dev/null; echo '{"compiled":{"checked":CHECKED,"compatibility":"another"}}'"#;
        let checked = super::super::check(include_bytes!(env!("LEADLINE_GUEST_DEFAULT"))).unwrap().0;
        let stranger = stranger.replace("CHECKED", &serde_json::to_string(&checked).unwrap());
        for (what, script, patience, expected) in [
            ("aborts", aborts.as_str(), LONG, "the compiler stopped while it worked on this file"),
            ("has no more memory", &floods, LONG, "compiling took more than 2 GiB of memory"),
            ("used up its processor time", &burns, LONG, "compiling took more than 60 s"),
            ("hangs", &hangs, Duration::from_millis(300), "compiling took more than 60 s"),
            ("does not read", "exit 3", LONG, "the compiler ended before it read anything, with exit status: 3"),
            ("says nothing we know", "cat > /dev/null; echo hello", LONG, "the compiler's answer cannot be read"),
            ("is of another release", &stranger, LONG, "the compiler is of another release than the service"),
        ] {
            let error = with(script, patience).map(|compiled| compiled.artifact.len()).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{what}: {error}");
        }
        let error = compile(Path::new("/nowhere/leadline"), b"").map(|_| ()).unwrap_err();
        assert!(
            matches!(&error, CompileError::Ours(text) if text.contains("/nowhere/leadline cannot start")),
            "{error}"
        );
    }

    #[test]
    fn the_compiler_has_limits_and_nothing_of_ours() {
        let script = r#"cat > /dev/null
            seen="$(ulimit -v) KiB, $(ulimit -t) s, $(ulimit -c) core, home ${HOME-none}, path ${LEADLINE_DATA-none}"
            printf '{"refused":{"why":"describe","problem":"%s"}}\n' "$seen""#;
        let error = with(script, LONG).map(|_| ()).unwrap_err().to_string();
        assert_eq!(error, "`describe` 2097152 KiB, 60 s, 0 core, home none, path none");
    }
}

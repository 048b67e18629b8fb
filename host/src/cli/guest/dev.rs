//! `leadline guest dev`: build, check and test at every save.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::project::Project;
use super::{build, check, test};

/// How often the files are looked at. People do not notice, and neither does the machine.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// What a component is made of and tested with; all else, such as `target`, changes by itself.
const WATCHED: [&str; 8] =
    ["Cargo.toml", "Cargo.lock", "build.rs", "leadline.toml", "src", "sdk/src", "wit", "examples"];

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder of the crate.
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    dir: PathBuf,
}

/// Every watched file, and when it was written.
type Files = BTreeMap<PathBuf, (SystemTime, u64)>;

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    Project::read(&args.dir)?;
    let mut ended = std::pin::pin!(tokio::signal::ctrl_c());
    let mut seen = Files::new();
    loop {
        let files = files(&args.dir)?;
        if let Some(file) = changed(&seen, &files) {
            if !seen.is_empty() && !context.json {
                writeln!(context.out, "\n{} changed", file.display())?;
            }
            seen = files;
            step(&args.dir, context)?;
            context.out.flush()?;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = &mut ended => return Ok(()),
        }
    }
}

/// Builds, checks and tests once. What is wrong is said, and the watch goes on.
fn step(folder: &Path, context: &mut Context<'_>) -> Result<()> {
    match once(folder, context) {
        Err(failure) if failure.is_closed_pipe() => Err(failure),
        Err(failure) => {
            failure.print();
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

fn once(folder: &Path, context: &mut Context<'_>) -> Result<()> {
    let project = Project::read(folder)?;
    let checked = check::checked(&build::build(&project)?)?;
    check::show(&checked, context)?;
    test::run_on(&checked, &project, context)
}

/// The first file that is new, gone or written since.
fn changed<'a>(seen: &'a Files, now: &'a Files) -> Option<&'a Path> {
    let other = |one: &Files, path: &PathBuf, file: &(SystemTime, u64)| one.get(path) != Some(file);
    let new = now.iter().find(|(path, file)| other(seen, path, file));
    new.or_else(|| seen.iter().find(|(path, file)| other(now, path, file))).map(|(path, _)| path.as_path())
}

fn files(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    for name in WATCHED {
        // Between two writes of an editor a file may be gone.
        look(&folder.join(name), &mut files)
            .or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
            .map_err(|error| Failure::failed(format!("cannot read {}: {error}", folder.join(name).display())))?;
    }
    Ok(files)
}

fn look(path: &Path, files: &mut Files) -> std::io::Result<()> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path)? {
            look(&entry?.path(), files)?;
        }
    } else {
        files.insert(path.to_owned(), (metadata.modified()?, metadata.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_a_new_file_and_a_deleted_one_are_noticed() {
        let at = |seconds: u64| (SystemTime::UNIX_EPOCH + Duration::from_secs(seconds), 1);
        let files = |list: &[(&str, u64)]| -> Files {
            list.iter().map(|&(path, time)| (PathBuf::from(path), at(time))).collect()
        };
        let seen = files(&[("a", 1), ("b", 1)]);
        for (now, expected) in [
            (files(&[("a", 1), ("b", 1)]), None),
            (files(&[("a", 1), ("b", 2)]), Some("b")),
            (files(&[("a", 1), ("b", 1), ("c", 1)]), Some("c")),
            (files(&[("a", 1)]), Some("b")),
        ] {
            assert_eq!(changed(&seen, &now), expected.map(Path::new));
        }
    }

    #[test]
    fn what_the_build_writes_is_not_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["src/lib.rs", "examples/a/event.json", "target/release/x.wasm"] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let files = files(folder.path()).unwrap();
        let names: Vec<_> = files.keys().map(|path| path.strip_prefix(folder.path()).unwrap()).collect();
        assert_eq!(names, [Path::new("examples/a/event.json"), Path::new("src/lib.rs")]);
    }
}

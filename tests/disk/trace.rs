//! What `disk.c` recorded, and what is left of it when the power fails: everything that was synced, and by chance some
//! of what was not.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::random::Random;

const HEADER_BYTES: usize = 24;

/// A recording.
pub(crate) struct Trace {
    bytes: Vec<u8>,
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    /// Where its record stands in the trace.
    place: usize,
    end: usize,
    what: What,
}

/// Files have numbers, because names and inodes are used again.
#[derive(Debug)]
enum What {
    Make {
        file: usize,
        path: PathBuf,
    },
    MakeFolder {
        path: PathBuf,
    },
    Write {
        file: usize,
        at: usize,
        bytes: Range<usize>,
    },
    Cut {
        file: usize,
        length: usize,
    },
    /// A sync of what was written before `began` returned.
    Synced {
        file: usize,
        began: usize,
    },
    /// The same of the names in a folder.
    FolderSynced {
        path: PathBuf,
        began: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
}

/// Which syncs count. A test of the test leaves some out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syncs {
    All,
    /// As if nobody synced a file.
    NoneOfFiles,
    /// As if nobody synced a folder.
    NoneOfFolders,
}

impl Trace {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let mut files = Files::default();
        let mut folders = HashMap::new();
        let (mut steps, mut place) = (Vec::new(), 0);
        while place < bytes.len() {
            let number = |at: usize| u64::from_le_bytes(bytes[place + at..place + at + 8].try_into().unwrap());
            let [kind, length] =
                [0, 4].map(|at| u32::from_le_bytes(bytes[place + at..place + at + 4].try_into().unwrap()));
            let (inode, at) = (number(8), usize::try_from(number(16)).unwrap());
            let content = place + HEADER_BYTES..place + HEADER_BYTES + length as usize;
            let path = || PathBuf::from(std::str::from_utf8(&bytes[content.clone()]).unwrap());
            let what = match kind {
                1 => Some(What::Make { file: files.make(inode), path: path() }),
                2 => Some(What::MakeFolder { path: path() }),
                3 => Some(What::Write { file: files.known(inode), at, bytes: content.clone() }),
                4 => Some(What::Cut { file: files.known(inode), length: at }),
                5 => {
                    if length > 0 {
                        folders.insert(place, path());
                    }
                    None
                }
                6 => Some(match folders.remove(&at) {
                    Some(path) => What::FolderSynced { path, began: at },
                    None => What::Synced { file: files.known(inode), began: at },
                }),
                7 => {
                    let both = std::str::from_utf8(&bytes[content.clone()]).unwrap();
                    let (from, to) = both.split_once('\0').unwrap();
                    Some(What::Rename { from: from.into(), to: to.into() })
                }
                8 => Some(What::Remove { path: path() }),
                other => panic!("there is no record of the kind {other}"),
            };
            steps.extend(what.map(|what| Step { place, end: content.end, what }));
            place = content.end;
        }
        Self { bytes, steps }
    }

    /// Where the power may fail: after a random step.
    pub(crate) fn any_cut(&self, random: &mut Random) -> usize {
        self.steps[random.up_to(self.steps.len() - 1)].end
    }

    /// Puts into `target` what is left of the folder `root` when the power fails at `cut`.
    pub(crate) fn rebuild(&self, cut: usize, syncs: Syncs, random: &mut Random, (root, target): (&Path, &Path)) {
        let past: Vec<_> = self.steps.iter().take_while(|step| step.end <= cut).collect();
        let (mut synced, mut folders_synced) = (HashMap::new(), HashMap::new());
        for step in &past {
            match &step.what {
                What::Synced { file, began } if syncs != Syncs::NoneOfFiles => {
                    let until = synced.entry(*file).or_insert(0);
                    *until = (*until).max(*began);
                }
                What::FolderSynced { path, began } if syncs != Syncs::NoneOfFolders => {
                    let until = folders_synced.entry(path.as_path()).or_insert(0);
                    *until = (*until).max(*began);
                }
                _ => {}
            }
        }
        let mut contents = self.contents(&past, &synced, random);
        for (path, entry) in names(&past, &folders_synced, random) {
            let path = target.join(path.strip_prefix(root).unwrap());
            // The index of the log lies in shared memory and is made anew.
            if path.to_string_lossy().ends_with("-shm") || !path.parent().unwrap().is_dir() {
                continue;
            }
            match entry {
                Entry::Folder => std::fs::create_dir(path).unwrap(),
                Entry::File(file) => std::fs::write(path, contents.remove(&file).unwrap_or_default()).unwrap(),
            }
        }
    }

    /// What is in the files: what was synced, and of the rest nothing, everything, or some. The last of it is torn.
    fn contents(&self, past: &[&Step], synced: &HashMap<usize, usize>, random: &mut Random) -> HashMap<usize, Vec<u8>> {
        let luck = random.up_to(3);
        let kept = |file: &usize, place: usize| synced.get(file).is_some_and(|until| place < *until);
        let last = past.iter().rev().find_map(|step| matches!(step.what, What::Write { .. }).then_some(step.place));
        let mut contents = HashMap::<usize, Vec<u8>>::new();
        for step in past {
            match &step.what {
                What::Write { file, at, bytes } => {
                    let mut bytes = &self.bytes[bytes.clone()];
                    if !kept(file, step.place) {
                        let survives = match luck {
                            0 => false,
                            1 => true,
                            _ => random.coin(),
                        };
                        if !survives {
                            continue;
                        }
                        if last == Some(step.place) {
                            bytes = &bytes[..random.up_to(bytes.len())];
                        }
                    }
                    let content = contents.entry(*file).or_default();
                    content.resize(content.len().max(at + bytes.len()), 0);
                    content[*at..at + bytes.len()].copy_from_slice(bytes);
                }
                What::Cut { file, length } if kept(file, step.place) || random.coin() => {
                    contents.entry(*file).or_default().resize(*length, 0);
                }
                _ => {}
            }
        }
        contents
    }
}

/// Which number an inode has at the moment.
#[derive(Default)]
struct Files {
    numbers: HashMap<u64, usize>,
    next: usize,
}

impl Files {
    fn make(&mut self, inode: u64) -> usize {
        self.numbers.insert(inode, self.next);
        self.next += 1;
        self.next - 1
    }

    fn known(&mut self, inode: u64) -> usize {
        match self.numbers.get(&inode) {
            Some(number) => *number,
            None => self.make(inode),
        }
    }
}

enum Entry {
    File(usize),
    Folder,
}

/// What has a name: what was done before the folder was synced, and by chance the first of what was done after it.
fn names(past: &[&Step], synced: &HashMap<&Path, usize>, random: &mut Random) -> BTreeMap<PathBuf, Entry> {
    let mut until: HashMap<&Path, usize> = HashMap::new();
    let mut entries = BTreeMap::new();
    for step in past {
        let (What::Make { path, .. }
        | What::MakeFolder { path }
        | What::Rename { to: path, .. }
        | What::Remove { path }) = &step.what
        else {
            continue;
        };
        let folder = path.parent().unwrap();
        let until = until.entry(folder).or_insert_with(|| {
            let kept = synced.get(folder).copied().unwrap_or(0);
            if random.coin() { kept } else { kept + random.up_to(past.last().unwrap().end.saturating_sub(kept)) }
        });
        if step.place >= *until {
            continue;
        }
        match &step.what {
            What::Make { file, path } => drop(entries.insert(path.clone(), Entry::File(*file))),
            What::MakeFolder { path } => drop(entries.insert(path.clone(), Entry::Folder)),
            What::Remove { path } => drop(entries.remove(path)),
            What::Rename { from, to } => {
                if let Some(entry) = entries.remove(from) {
                    entries.insert(to.clone(), entry);
                }
            }
            What::Write { .. } | What::Cut { .. } | What::Synced { .. } | What::FolderSynced { .. } => {}
        }
    }
    entries
}

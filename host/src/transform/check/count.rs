//! How much there is to compile. The compiler takes whatever is valid: 500,000 empty functions cost it 76 s and 2.8 GiB,
//! one function of 700 KB 23 s. So what is counted here has limits that honest guests do not come near.

use serde::{Deserialize, Serialize};
use wasmparser::{Encoding, FunctionBody, Operator, Parser, Payload};

use super::UploadError;
use super::error::mib;
use crate::transform::limits::MEMORY_BYTES_MAX;

/// What was counted, over all modules of a component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub functions: usize,
    /// The largest body, in bytes.
    pub body_bytes: usize,
    pub types: usize,
    pub globals: usize,
    pub tables: usize,
    pub modules: usize,
    pub data_bytes: usize,
    /// What all memories have at the start.
    pub memory_bytes: usize,
}

/// 20,000 empty ones take 4 s; of 600 bytes each, 24 s. The stock guests have some 300.
const FUNCTIONS_MAX: usize = 20_000;
/// 229 KB of nested conditions take 5 s and 384 MiB.
const BODY_BYTES_MAX: usize = 256 << 10;
/// 200 functions of 50,000 locals fit in a kilobyte and take a second.
const LOCALS_MAX: usize = 5_000;
const TYPES_MAX: usize = 5_000;
const GLOBALS_MAX: usize = 1_000;
/// A run may have as many.
const TABLES_MAX: usize = 4;
/// Elements of one table at the start.
const TABLE_ELEMENTS_MAX: u64 = 20_000;
/// A component that was made with the WASI adapter has four.
const MODULES_MAX: usize = 8;
const DEPTH_MAX: usize = 3;
const IMPORTS_MAX: usize = 200;
const EXPORTS_MAX: usize = 200;
const DATA_BYTES_MAX: usize = 2 << 20;
/// Pieces of data, and of tables: each costs the start of every run.
const SEGMENTS_MAX: usize = 10_000;
const BR_TABLE_MAX: u32 = 10_000;
/// Names, and whatever else tools put into a file.
const CUSTOM_BYTES_MAX: usize = 1 << 20;
/// Declarations of a component outside of its modules: types, instances, aliases, canonical functions.
const DECLARATIONS_MAX: usize = 20_000;
/// Of a page of linear memory.
const PAGE_BYTES: u64 = 64 << 10;

/// Counts, and stops at the first thing that is too much. What cannot be parsed is left to the validator, whose words are
/// better.
pub(super) fn count(bytes: &[u8]) -> Result<Counts, UploadError> {
    let mut counter = Counter::default();
    for payload in Parser::new(0).parse_all(bytes) {
        let Ok(payload) = payload else { break };
        counter.add(payload)?;
    }
    Ok(counter.counts)
}

#[derive(Default)]
struct Counter {
    counts: Counts,
    /// Of modules and components around what is read.
    depth: usize,
    locals: usize,
    imports: usize,
    exports: usize,
    segments: usize,
    custom_bytes: usize,
    declarations: usize,
}

impl Counter {
    fn add(&mut self, payload: Payload<'_>) -> Result<(), UploadError> {
        let counts = &mut self.counts;
        match payload {
            Payload::Version { encoding, .. } => {
                self.depth += 1;
                counts.modules += usize::from(encoding == Encoding::Module);
                most("the component", counts.modules, MODULES_MAX, "core modules")?;
                most("the component", self.depth, DEPTH_MAX + 1, "levels of nesting")
            }
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::TypeSection(types) => {
                counts.types += types.count() as usize;
                most("the file", counts.types, TYPES_MAX, "types")
            }
            Payload::FunctionSection(functions) => {
                counts.functions += functions.count() as usize;
                most("the file", counts.functions, FUNCTIONS_MAX, "functions")
            }
            Payload::GlobalSection(globals) => {
                counts.globals += globals.count() as usize;
                most("the file", counts.globals, GLOBALS_MAX, "globals")
            }
            Payload::TableSection(tables) => {
                counts.tables += tables.count() as usize;
                most("the file", counts.tables, TABLES_MAX * MODULES_MAX, "tables")?;
                let elements = tables.into_iter().flatten().map(|table| table.ty.initial).max().unwrap_or(0);
                match elements > TABLE_ELEMENTS_MAX {
                    true => Err(UploadError::Resources {
                        wanted: format!("a table of {elements} elements"),
                        most: TABLE_ELEMENTS_MAX.to_string(),
                    }),
                    false => Ok(()),
                }
            }
            Payload::MemorySection(memories) => {
                let pages: u64 = memories.into_iter().flatten().map(|memory| memory.initial).sum();
                let bytes = usize::try_from(pages.saturating_mul(PAGE_BYTES)).unwrap_or(usize::MAX);
                counts.memory_bytes = counts.memory_bytes.saturating_add(bytes);
                match counts.memory_bytes > MEMORY_BYTES_MAX {
                    true => Err(UploadError::Resources {
                        wanted: format!("{} of memory", mib(counts.memory_bytes)),
                        most: format!("{} MiB", MEMORY_BYTES_MAX >> 20),
                    }),
                    false => Ok(()),
                }
            }
            Payload::ImportSection(imports) => {
                self.imports += imports.count() as usize;
                most("the file", self.imports, IMPORTS_MAX * MODULES_MAX, "imports")
            }
            Payload::ExportSection(exports) => {
                self.exports += exports.count() as usize;
                most("the file", self.exports, EXPORTS_MAX * MODULES_MAX, "exports")
            }
            Payload::ElementSection(segments) => {
                self.segments += segments.count() as usize;
                most("the file", self.segments, SEGMENTS_MAX, "segments")
            }
            Payload::DataSection(segments) => {
                self.segments += segments.count() as usize;
                most("the file", self.segments, SEGMENTS_MAX, "segments")?;
                counts.data_bytes += length(&segments.range());
                most("the data of the file", counts.data_bytes, DATA_BYTES_MAX, "bytes")
            }
            Payload::CodeSectionEntry(body) => self.add_body(&body),
            Payload::CustomSection(section) => {
                self.custom_bytes += section.data().len();
                most("the custom sections of the file", self.custom_bytes, CUSTOM_BYTES_MAX, "bytes")
            }
            Payload::ComponentTypeSection(section) => self.declare(section.count()),
            Payload::CoreTypeSection(section) => self.declare(section.count()),
            Payload::InstanceSection(section) => self.declare(section.count()),
            Payload::ComponentInstanceSection(section) => self.declare(section.count()),
            Payload::ComponentAliasSection(section) => self.declare(section.count()),
            Payload::ComponentCanonicalSection(section) => self.declare(section.count()),
            Payload::ComponentImportSection(section) => {
                self.declare(section.count())?;
                most("the component", section.count() as usize, IMPORTS_MAX, "imports")
            }
            Payload::ComponentExportSection(section) => {
                self.declare(section.count())?;
                most("the component", section.count() as usize, EXPORTS_MAX, "exports")
            }
            _ => Ok(()),
        }
    }

    fn declare(&mut self, count: u32) -> Result<(), UploadError> {
        self.declarations += count as usize;
        most("the component", self.declarations, DECLARATIONS_MAX, "declarations")
    }

    fn add_body(&mut self, body: &FunctionBody<'_>) -> Result<(), UploadError> {
        let bytes = length(&body.range());
        self.counts.body_bytes = self.counts.body_bytes.max(bytes);
        let what = || format!("the function at byte {}", body.range().start);
        most(&what(), bytes, BODY_BYTES_MAX, "bytes")?;
        let Ok(locals) = body.get_locals_reader() else { return Ok(()) };
        let of_body: usize = locals.into_iter().flatten().map(|(count, _)| count as usize).sum();
        self.locals += of_body;
        most(&what(), of_body, LOCALS_MAX, "locals")?;
        let Ok(operators) = body.get_operators_reader() else { return Ok(()) };
        for operator in operators.into_iter().flatten() {
            if let Operator::BrTable { targets } = operator {
                most(&what(), targets.len() as usize, BR_TABLE_MAX as usize, "targets of a `br_table`")?;
            }
        }
        Ok(())
    }
}

fn most(what: &str, found: usize, limit: usize, unit: &str) -> Result<(), UploadError> {
    if found <= limit {
        return Ok(());
    }
    Err(UploadError::TooComplex { what: what.to_owned(), found: format!("{found} {unit}"), most: limit.to_string() })
}

fn length(range: &std::ops::Range<u64>) -> usize {
    usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
}

//! How much there is to compile. The parser's own limits are far wider: half a million empty functions, a file of
//! 1.9 MB, would take the compiler 76 s and 2.8 GiB.

use serde::{Deserialize, Serialize};
use wasmparser::{
    ComponentInstance, ElementItems, Instance, KnownCustom, Name, Operator, Parser, Payload, SectionLimited,
};

use super::refusal::{UploadError, bytes, words};
use crate::transform::limits::{INSTANCES_MAX, MEMORY_BYTES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};

/// Twenty thousand of 600 bytes each take 24 s. The stock components have some 200.
const FUNCTIONS_MAX: u64 = 20_000;
/// One body of 703 KB of small branches took 23.5 s and 1.2 GiB, one of 229 KB 5.3 s.
const BODY_BYTES_MAX: u64 = 256 * 1024;
/// A kilobyte can declare millions, and each costs the compiler.
const LOCALS_MAX: u64 = 5_000;
/// Entries of one jump table. A `match` over all of Unicode's blocks has some three hundred.
const JUMPS_MAX: u64 = 10_000;
/// The contract and all of WASI have some two hundred.
const TYPES_MAX: u64 = 5_000;
/// A Rust guest has three.
const GLOBALS_MAX: u64 = 1_000;
/// A Rust guest has some 20 KiB, one with a JavaScript engine some 7 MiB.
const DATA_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Segments of data and of tables: each is a step of every single start. A JavaScript engine with a script has 10,001.
const SEGMENTS_MAX: u64 = 12_000;
/// A component that a toolchain makes has four modules: guest, adapter, and two small ones between them.
const MODULES_MAX: u64 = 8;
/// Components within a component. Toolchains make none for this contract.
const COMPONENTS_MAX: u64 = 4;
/// How deep components may lie in each other.
const DEPTH_MAX: u64 = 3;
/// Functions that cross the border of a component. The contract has four, all of the closed WASI some hundred.
const CROSSINGS_MAX: u64 = 500;
/// Of each module and of each component.
const IMPORTS_AND_EXPORTS_MAX: u64 = 200;
/// Names of functions and what else is for people. They are kept, so that a backtrace can be read.
const CUSTOM_BYTES_MAX: u64 = 1024 * 1024;
/// A name of an import or an export: people read them.
const NAME_BYTES_MAX: u64 = 1024;

const SPLIT: &str = "Split it, or move the table in it into data";
const SMALLER: &str = "Build with `opt-level = \"s\"` and `lto = true`, and use fewer or smaller crates";

/// What was counted, all modules together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ComponentCounts)]
pub struct Counts {
    pub modules: u64,
    pub functions: u64,
    pub largest_body_bytes: u64,
    pub types: u64,
    pub globals: u64,
    pub tables: u64,
    pub data_bytes: u64,
    pub custom_bytes: u64,
    /// Linear memory at the start.
    pub memory_bytes: u64,
    #[serde(skip)]
    components: u64,
    #[serde(skip)]
    instances: u64,
    #[serde(skip)]
    component_instances: u64,
    #[serde(skip)]
    crossings: u64,
    #[serde(skip)]
    segments: u64,
}

/// A module or a component on the way through its sections.
#[derive(Default)]
struct Level {
    is_component: bool,
    names: u64,
    imported_functions: u32,
    bodies: u32,
}

/// Counts everything that costs the compiler, and stops at the first thing that there is too much of. A file that is
/// damaged is counted as far as it goes: validation says what is wrong with it.
pub(super) fn count(file: &[u8]) -> Result<Counts, UploadError> {
    let mut counts = Counts::default();
    let mut levels = vec![Level::default()];
    for payload in Parser::new(0).parse_all(file) {
        let Ok(payload) = payload else { break };
        match &payload {
            Payload::ModuleSection { .. } => {
                add(&mut counts.modules, 1, MODULES_MAX, "modules", SMALLER)?;
                levels.push(Level::default());
            }
            Payload::ComponentSection { .. } => {
                add(&mut counts.components, 1, COMPONENTS_MAX, "components inside", SMALLER)?;
                levels.push(Level { is_component: true, ..Level::default() });
                let depth = levels.iter().filter(|level| level.is_component).count() as u64;
                most(depth, DEPTH_MAX, || format!("components lie {depth} deep in each other"), SMALLER)?;
            }
            Payload::End(_) => {
                levels.pop();
            }
            payload => {
                let Some(level) = levels.last_mut() else { break };
                // A section that cannot be read is left to validation.
                if let Ok(counted) = section(&mut counts, level, payload) {
                    counted.map_err(|error| named(error, file, payload, level))?;
                }
            }
        }
    }
    if counts.modules == 0 {
        counts.modules = 1;
    }
    Ok(counts)
}

type Counted = Result<(), UploadError>;

/// One section. The outer result says whether it could be read.
fn section(counts: &mut Counts, level: &mut Level, payload: &Payload<'_>) -> wasmparser::Result<Counted> {
    Ok(match payload {
        Payload::Version { encoding, .. } => {
            level.is_component = *encoding == wasmparser::Encoding::Component;
            Ok(())
        }
        Payload::TypeSection(section) => types(counts, section.count()),
        Payload::CoreTypeSection(section) => types(counts, section.count()),
        Payload::ComponentTypeSection(section) => types(counts, section.count()),
        Payload::FunctionSection(section) => {
            add(&mut counts.functions, section.count().into(), FUNCTIONS_MAX, "functions", SMALLER)
        }
        Payload::GlobalSection(section) => {
            add(&mut counts.globals, section.count().into(), GLOBALS_MAX, "globals", SMALLER)
        }
        Payload::TableSection(section) => return tables(counts, section),
        Payload::MemorySection(section) => return memories(counts, section),
        Payload::ImportSection(section) => {
            let counted = names(level, section);
            for import in section.clone().into_imports().take(IMPORTS_AND_EXPORTS_MAX as usize) {
                let import = import?;
                level.imported_functions += u32::from(matches!(import.ty, wasmparser::TypeRef::Func(_)));
                if let Err(error) = name(import.module).and_then(|()| name(import.name)) {
                    return Ok(Err(error));
                }
            }
            counted
        }
        Payload::ExportSection(section) => {
            let counted = names(level, section);
            if counted.is_ok() {
                for export in section.clone() {
                    if let Err(error) = name(export?.name) {
                        return Ok(Err(error));
                    }
                }
            }
            counted
        }
        Payload::ComponentImportSection(section) => {
            let counted = names(level, section);
            if counted.is_ok() {
                for import in section.clone() {
                    if let Err(error) = name(import?.name.name) {
                        return Ok(Err(error));
                    }
                }
            }
            counted
        }
        Payload::ComponentExportSection(section) => {
            let counted = names(level, section);
            if counted.is_ok() {
                for export in section.clone() {
                    if let Err(error) = name(export?.name.name) {
                        return Ok(Err(error));
                    }
                }
            }
            counted
        }
        Payload::ElementSection(section) => return elements(counts, section),
        Payload::DataSection(section) => return data(counts, section),
        Payload::CodeSectionEntry(body) => {
            level.bodies += 1;
            return self::body(counts, body);
        }
        Payload::InstanceSection(section) => {
            let mut instances = 0;
            for instance in section.clone() {
                instances += u64::from(matches!(instance?, Instance::Instantiate { .. }));
            }
            add(&mut counts.instances, instances, INSTANCES_MAX.into(), "instances of modules", SMALLER)
        }
        // Counted like those of modules: they may double with each level.
        Payload::ComponentInstanceSection(section) => {
            let mut instances = 0;
            for instance in section.clone() {
                instances += u64::from(matches!(instance?, ComponentInstance::Instantiate { .. }));
            }
            add(&mut counts.component_instances, instances, INSTANCES_MAX.into(), "instances of components", SMALLER)
        }
        Payload::ComponentCanonicalSection(section) => {
            let what = "functions that cross its border";
            add(&mut counts.crossings, section.count().into(), CROSSINGS_MAX, what, SMALLER)
        }
        Payload::CustomSection(section) => {
            counts.custom_bytes += section.data().len() as u64 + section.name().len() as u64;
            let remedy = "Build with `strip = \"debuginfo\"`";
            let what =
                || format!("names, debug information and other custom sections have {}", bytes(counts.custom_bytes));
            most_bytes(counts.custom_bytes, CUSTOM_BYTES_MAX, what, remedy)
        }
        _ => Ok(()),
    })
}

fn types(counts: &mut Counts, more: u32) -> Counted {
    add(&mut counts.types, more.into(), TYPES_MAX, "types", SMALLER)
}

fn names<T>(level: &mut Level, section: &SectionLimited<'_, T>) -> Counted {
    add(&mut level.names, section.count().into(), IMPORTS_AND_EXPORTS_MAX, "imports and exports", SMALLER)
}

fn name(name: &str) -> Counted {
    let length = name.len() as u64;
    let what = || format!("the name of an import or export, `{}`, has {}", start_of(name), bytes(length));
    most_bytes(length, NAME_BYTES_MAX, what, "Give it a shorter name")
}

/// As much of a name as tells which one it is.
fn start_of(name: &str) -> String {
    words(&crate::text::cut(name, 40))
}

fn tables(counts: &mut Counts, section: &wasmparser::TableSectionReader<'_>) -> wasmparser::Result<Counted> {
    let counted = add(&mut counts.tables, section.count().into(), TABLES_MAX.into(), "tables", SMALLER);
    if counted.is_ok() {
        for table in section.clone() {
            let elements = table?.ty.initial;
            let what = || format!("a table has {elements} elements at the start");
            if let Err(error) = most(elements, TABLE_ELEMENTS_MAX as u64, what, SMALLER) {
                return Ok(Err(error));
            }
        }
    }
    Ok(counted)
}

/// More than one of a module is a feature that is switched off.
fn memories(counts: &mut Counts, section: &wasmparser::MemorySectionReader<'_>) -> wasmparser::Result<Counted> {
    if section.count() == 1 {
        for memory in section.clone() {
            let memory = memory?;
            counts.memory_bytes = counts.memory_bytes.saturating_add(memory.initial.saturating_mul(65_536));
        }
    }
    if counts.memory_bytes > MEMORY_BYTES_MAX as u64 {
        return Ok(Err(UploadError::Resources { bytes: counts.memory_bytes }));
    }
    Ok(Ok(()))
}

fn elements(counts: &mut Counts, section: &wasmparser::ElementSectionReader<'_>) -> wasmparser::Result<Counted> {
    let counted = segments(counts, section.count());
    if counted.is_ok() {
        for segment in section.clone() {
            let items = match segment?.items {
                ElementItems::Functions(functions) => functions.count(),
                ElementItems::Expressions(_, expressions) => expressions.count(),
            };
            let what = || format!("a segment of a table has {items} elements");
            if let Err(error) = most(items.into(), TABLE_ELEMENTS_MAX as u64, what, SMALLER) {
                return Ok(Err(error));
            }
        }
    }
    Ok(counted)
}

fn data(counts: &mut Counts, section: &wasmparser::DataSectionReader<'_>) -> wasmparser::Result<Counted> {
    let counted = segments(counts, section.count());
    if counted.is_ok() {
        for segment in section.clone() {
            counts.data_bytes += segment?.data.len() as u64;
        }
        let what = || format!("its data have {}", bytes(counts.data_bytes));
        return Ok(most_bytes(counts.data_bytes, DATA_BYTES_MAX, what, "Keep large tables out of a transformation"));
    }
    Ok(counted)
}

fn segments(counts: &mut Counts, more: u32) -> Counted {
    add(&mut counts.segments, more.into(), SEGMENTS_MAX, "segments of data and tables", SMALLER)
}

fn body(counts: &mut Counts, body: &wasmparser::FunctionBody<'_>) -> wasmparser::Result<Counted> {
    let length = body.range().end - body.range().start;
    counts.largest_body_bytes = counts.largest_body_bytes.max(length);
    if let Err(error) = most_bytes(length, BODY_BYTES_MAX, || format!("FUNCTION has {}", bytes(length)), SPLIT) {
        return Ok(Err(error));
    }
    let mut locals = 0_u64;
    for group in body.get_locals_reader()? {
        locals += u64::from(group?.0);
    }
    if let Err(error) = most(locals, LOCALS_MAX, || format!("FUNCTION has {locals} locals"), SPLIT) {
        return Ok(Err(error));
    }
    for operator in body.get_operators_reader()? {
        if let Operator::BrTable { targets } = operator? {
            let jumps = targets.len();
            let what = || format!("a jump table of FUNCTION has {jumps} entries");
            if let Err(error) = most(jumps.into(), JUMPS_MAX, what, SPLIT) {
                return Ok(Err(error));
            }
        }
    }
    Ok(Ok(()))
}

fn add(sum: &mut u64, more: u64, limit: u64, what: &str, remedy: &str) -> Counted {
    *sum += more;
    most(*sum, limit, || format!("it has {sum} {what}"), remedy)
}

fn most(found: u64, limit: u64, what: impl FnOnce() -> String, remedy: &str) -> Counted {
    if found <= limit {
        return Ok(());
    }
    Err(UploadError::TooComplex { what: what(), most: limit.to_string(), remedy: remedy.to_owned() })
}

fn most_bytes(found: u64, limit: u64, what: impl FnOnce() -> String, remedy: &str) -> Counted {
    if found <= limit {
        return Ok(());
    }
    Err(UploadError::TooComplex { what: what(), most: bytes(limit), remedy: remedy.to_owned() })
}

/// Puts the name of the function, or its index, into a refusal that is about one.
fn named(error: UploadError, file: &[u8], payload: &Payload<'_>, level: &Level) -> UploadError {
    match (error, payload) {
        (UploadError::TooComplex { what, most, remedy }, Payload::CodeSectionEntry(body)) => {
            let index = level.imported_functions + level.bodies - 1;
            let function = function_name(file, body.range().start, index)
                .map_or_else(|| format!("function {index}"), |name| format!("function `{}`", start_of(&name)));
            UploadError::TooComplex { what: what.replace("FUNCTION", &function), most, remedy }
        }
        (error, _) => error,
    }
}

/// What the names section of its module calls the function. `place` lies in its code, and names come after the code.
fn function_name(file: &[u8], place: u64, index: u32) -> Option<String> {
    for payload in Parser::new(0).parse_all(file) {
        let Payload::CustomSection(section) = payload.ok()? else { continue };
        let (KnownCustom::Name(names), true) = (section.as_known(), section.data_offset() > place) else { continue };
        for subsection in names {
            if let Name::Function(functions) = subsection.ok()? {
                return functions
                    .into_iter()
                    .flatten()
                    .find(|name| name.index == index)
                    .map(|name| name.name.to_owned());
            }
        }
    }
    None
}

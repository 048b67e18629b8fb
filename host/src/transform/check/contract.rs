//! Whether a component fits the contract: its types against those of our world, down to the first difference. WIT has
//! no subtypes, so they have to be equal; a component may import less than we offer, and export more than we call.

use std::sync::LazyLock;

use wasmparser::Validator;
use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentEntityType, ComponentFuncType, ComponentFuncTypeId,
    ComponentItem, ComponentType, ComponentTypeId, ComponentValType,
};
use wasmparser::types::{Types, TypesRef};

use super::refusal::{UploadError, words};
use crate::contract::CONTRACT;

/// The released versions that this server runs.
const VERSIONS: [&str; 1] = ["1.0.0"];
const PACKAGE: &str = "leadline:transform/";
/// How deep a type is written out where it differs.
const WRITTEN_DEPTH: u32 = 2;
/// Names that a sentence lists.
const LISTED_MAX: usize = 6;

/// Our world as the types of a component.
struct World {
    types: Types,
    id: ComponentTypeId,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut resolve = wit_parser::Resolve::default();
    let wit = include_str!("../../../../wit/1.0.0/transform.wit");
    let package = resolve.push_str("transform.wit", wit).expect("our own contract is valid");
    let bytes = wit_component::encode(&resolve, package, false).expect("our own contract can be encoded");
    let types = Validator::new().validate_all(&bytes).expect("our own contract is valid");
    let id = {
        let outer = component(types.component_item_for_export("transformation"));
        let world = format!("{PACKAGE}transformation@1.0.0");
        component(types[outer].exports.get(&world))
    };
    World { types, id }
});

/// The type of a component that an entry of an encoded world stands for.
fn component(item: Option<&ComponentItem>) -> ComponentTypeId {
    match item.expect("an encoded package holds its worlds").ty {
        ComponentEntityType::Component(id) => id,
        ComponentEntityType::Type { referenced: ComponentAnyTypeId::Component(id), .. } => id,
        _ => unreachable!("a world is encoded as the type of a component"),
    }
}

impl World {
    fn world(&self) -> &ComponentType {
        &self.types[self.id]
    }
}

/// The names that a component imports and exports at its border.
#[derive(Debug, Default)]
pub(super) struct Border {
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
}

/// The version of the contract that the component was made for.
pub(super) fn fit(theirs: &Types, border: &Border) -> Result<&'static str, UploadError> {
    let ours = &*WORLD;
    let version = version(border)?;
    let exported = || {
        let names: Vec<_> = border.exports.iter().take(LISTED_MAX).map(|name| format!("`{}`", words(name))).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    for (name, wanted) in &ours.world().exports {
        let ComponentEntityType::Func(wanted) = wanted.ty else { continue };
        match theirs.component_item_for_export(name).map(|item| item.ty) {
            Some(ComponentEntityType::Func(found)) => functions(name, (&ours.types, wanted), (theirs, found))?,
            Some(_) => return Err(differs(format!("its export `{name}` is no function"))),
            None => return Err(differs(format!("export `{name}` is missing; it exports {}", exported()))),
        }
    }
    for name in border.imports.iter().filter(|name| name.starts_with(PACKAGE)) {
        interface(ours, theirs, name)?;
    }
    Ok(version)
}

/// What it imports of one of our interfaces is what we have there.
fn interface(ours: &World, theirs: &Types, name: &str) -> Result<(), UploadError> {
    let unknown = || differs(format!("it imports `{}`, which the contract does not have", words(name)));
    let found = theirs.component_item_for_import(name).map(|item| item.ty);
    let wanted = ours.world().imports.get(name).map(|item| item.ty);
    let (Some(ComponentEntityType::Instance(found)), Some(ComponentEntityType::Instance(wanted))) = (found, wanted)
    else {
        return Err(unknown());
    };
    let wanted = &ours.types[wanted].exports;
    for (item, found) in &theirs[found].exports {
        let missing = || differs(format!("it imports `{}` of `{name}`, which the contract does not have", words(item)));
        let wanted = wanted.get(item).ok_or_else(missing)?;
        match (wanted.ty, found.ty) {
            (ComponentEntityType::Func(wanted), ComponentEntityType::Func(found)) => {
                functions(item, (&ours.types, wanted), (theirs, found))?;
            }
            (
                ComponentEntityType::Type { referenced: ComponentAnyTypeId::Defined(wanted), .. },
                ComponentEntityType::Type { referenced: ComponentAnyTypeId::Defined(found), .. },
            ) => {
                let (wanted, found) = (ComponentValType::Type(wanted), ComponentValType::Type(found));
                let pair = Pair { ours: ours.types.as_ref(), theirs: theirs.as_ref() };
                pair.values(wanted, found, &format!("type `{item}` of `{name}`")).map_err(differs)?;
            }
            _ => return Err(differs(format!("`{item}` of `{name}` is of another kind"))),
        }
    }
    Ok(())
}

/// Which version it was made for, by the names of what it imports.
fn version(border: &Border) -> Result<&'static str, UploadError> {
    for name in border.imports.iter().filter(|name| name.starts_with(PACKAGE)) {
        let version = name.split_once('@').map_or("", |(_, version)| version);
        if !VERSIONS.contains(&version) {
            let version = if version.is_empty() { "no version".to_owned() } else { words(version) };
            return Err(differs(format!("it was made for {version}; this server knows {}", VERSIONS.join(" and "))));
        }
    }
    Ok(CONTRACT)
}

fn differs(difference: String) -> UploadError {
    UploadError::Contract { difference }
}

fn functions(
    name: &str,
    (ours, wanted): (&Types, ComponentFuncTypeId),
    (theirs, found): (&Types, ComponentFuncTypeId),
) -> Result<(), UploadError> {
    let pair = Pair { ours: ours.as_ref(), theirs: theirs.as_ref() };
    pair.functions(&ours[wanted], &theirs[found], &format!("`{name}`")).map_err(differs)
}

/// The types of our world and those of the component.
#[derive(Clone, Copy)]
struct Pair<'a> {
    ours: TypesRef<'a>,
    theirs: TypesRef<'a>,
}

/// Where and in what they differ. Ours has no cycles, so a comparison ends however theirs is made.
type Compared = Result<(), String>;

impl Pair<'_> {
    fn functions(self, wanted: &ComponentFuncType, found: &ComponentFuncType, at: &str) -> Compared {
        if wanted.async_ != found.async_ {
            return Err(format!("{at} is asynchronous"));
        }
        let names =
            |function: &ComponentFuncType| function.params.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
        same_names(&names(wanted), &names(found), at, "parameter")?;
        for ((name, wanted), (_, found)) in wanted.params.iter().zip(&found.params) {
            self.values(*wanted, *found, &format!("{at}, parameter `{name}`"))?;
        }
        self.optional(wanted.result, found.result, &format!("{at}, result"))
    }

    fn optional(self, wanted: Option<ComponentValType>, found: Option<ComponentValType>, at: &str) -> Compared {
        match (wanted, found) {
            (Some(wanted), Some(found)) => self.values(wanted, found, at),
            (None, None) => Ok(()),
            (Some(wanted), None) => Err(format!("{at}: nothing instead of `{}`", written(self.ours, wanted, 0))),
            (None, Some(found)) => Err(format!("{at}: `{}` instead of nothing", written(self.theirs, found, 0))),
        }
    }

    fn values(self, wanted: ComponentValType, found: ComponentValType, at: &str) -> Compared {
        use ComponentDefinedType as T;
        let other = || {
            let (found, wanted) = (written(self.theirs, found, 0), written(self.ours, wanted, 0));
            Err(format!("{at}: `{found}` instead of `{wanted}`"))
        };
        let (ours, theirs) = (defined(self.ours, wanted), defined(self.theirs, found));
        match (ours, theirs) {
            (T::Primitive(wanted), T::Primitive(found)) if wanted == found => Ok(()),
            (T::Record(wanted), T::Record(found)) => {
                same_names(&keys(wanted.fields.keys()), &keys(found.fields.keys()), at, "field")?;
                for ((name, wanted), found) in wanted.fields.iter().zip(found.fields.values()) {
                    self.values(*wanted, *found, &format!("{at}, field `{name}`"))?;
                }
                Ok(())
            }
            (T::Variant(wanted), T::Variant(found)) => {
                same_names(&keys(wanted.cases.keys()), &keys(found.cases.keys()), at, "case")?;
                for ((name, wanted), found) in wanted.cases.iter().zip(found.cases.values()) {
                    self.optional(wanted.ty, found.ty, &format!("{at}, case `{name}`"))?;
                }
                Ok(())
            }
            (T::Enum(wanted), T::Enum(found)) => same_names(&keys(wanted.iter()), &keys(found.iter()), at, "case"),
            (T::Flags(wanted), T::Flags(found)) => same_names(&keys(wanted.iter()), &keys(found.iter()), at, "flag"),
            (T::List { element: wanted, .. }, T::List { element: found, .. }) => {
                self.values(*wanted, *found, &format!("{at}, element"))
            }
            (T::Option { ty: wanted, .. }, T::Option { ty: found, .. }) => self.values(*wanted, *found, at),
            (T::Tuple(wanted), T::Tuple(found)) if wanted.types.len() == found.types.len() => {
                wanted.types.iter().zip(&found.types).try_for_each(|(wanted, found)| self.values(*wanted, *found, at))
            }
            (T::Result { ok: ours, err: our_error, .. }, T::Result { ok: theirs, err: their_error, .. }) => {
                self.optional(*ours, *theirs, at)?;
                self.optional(*our_error, *their_error, &format!("{at}, error"))
            }
            _ => other(),
        }
    }
}

/// A type that is only a name for a primitive is the primitive.
fn defined(types: TypesRef<'_>, value: ComponentValType) -> &ComponentDefinedType {
    use ComponentDefinedType as T;
    use wasmparser::PrimitiveValType as P;
    match value {
        ComponentValType::Type(id) => types.get(id).expect("a validated type is there"),
        ComponentValType::Primitive(primitive) => match primitive {
            P::Bool => &T::Primitive(P::Bool),
            P::S8 => &T::Primitive(P::S8),
            P::U8 => &T::Primitive(P::U8),
            P::S16 => &T::Primitive(P::S16),
            P::U16 => &T::Primitive(P::U16),
            P::S32 => &T::Primitive(P::S32),
            P::U32 => &T::Primitive(P::U32),
            P::S64 => &T::Primitive(P::S64),
            P::U64 => &T::Primitive(P::U64),
            P::F32 => &T::Primitive(P::F32),
            P::F64 => &T::Primitive(P::F64),
            P::Char => &T::Primitive(P::Char),
            P::String => &T::Primitive(P::String),
            P::ErrorContext => &T::Primitive(P::ErrorContext),
        },
    }
}

fn keys<'a>(names: impl Iterator<Item = &'a wasmparser::names::KebabString>) -> Vec<String> {
    names.map(ToString::to_string).collect()
}

/// The first name that is missing, is not known, or stands in another place.
fn same_names(wanted: &[String], found: &[String], at: &str, kind: &str) -> Compared {
    if let Some(missing) = wanted.iter().find(|name| !found.contains(name)) {
        return Err(format!("{at}: {kind} `{missing}` is missing"));
    }
    if let Some(unknown) = found.iter().find(|name| !wanted.contains(name)) {
        return Err(format!("{at}: {kind} `{}` is not in the contract", words(unknown)));
    }
    if wanted == found { Ok(()) } else { Err(format!("{at}: the {kind}s are in another order")) }
}

/// A type as WIT writes it, not deeper than what one can read.
fn written(types: TypesRef<'_>, value: ComponentValType, depth: u32) -> String {
    use ComponentDefinedType as T;
    let inner = |value: ComponentValType| {
        if depth < WRITTEN_DEPTH { written(types, value, depth + 1) } else { "…".to_owned() }
    };
    let optional = |value: Option<ComponentValType>| value.map_or_else(|| "_".to_owned(), inner);
    match defined(types, value) {
        T::Primitive(primitive) => primitive.to_string(),
        T::Record(_) => "record".to_owned(),
        T::Variant(_) => "variant".to_owned(),
        T::Enum(_) => "enum".to_owned(),
        T::Flags(_) => "flags".to_owned(),
        T::List { element, .. } => format!("list<{}>", inner(*element)),
        T::FixedLengthList { element, length, .. } => format!("list<{}, {length}>", inner(*element)),
        T::Map { key, value, .. } => format!("map<{}, {}>", inner(*key), inner(*value)),
        T::Tuple(tuple) => {
            let types: Vec<_> = tuple.types.iter().take(LISTED_MAX).map(|value| inner(*value)).collect();
            format!("tuple<{}>", types.join(", "))
        }
        T::Option { ty, .. } => format!("option<{}>", inner(*ty)),
        T::Result { ok, err, .. } => format!("result<{}, {}>", optional(*ok), optional(*err)),
        T::Own(_) | T::Borrow(_) => "resource".to_owned(),
        T::Future { .. } => "future".to_owned(),
        T::Stream { .. } => "stream".to_owned(),
    }
}

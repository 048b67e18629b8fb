//! What answers look like: one thing, or a page of a list.

use std::str::FromStr;

use axum::Json;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use crate::store::Count;

/// Things that one page lists at most.
const PAGE_MAX: u32 = 200;
/// Things that a page lists where nobody says otherwise.
const PAGE_DEFAULT: u32 = 50;

/// One thing.
#[derive(Serialize, ToSchema)]
pub(super) struct Data<T> {
    pub(super) data: T,
}

/// An answer of one thing.
pub(super) type One<T> = Json<Data<T>>;

pub(super) fn one<T>(data: T) -> One<T> {
    Json(Data { data })
}

/// A page of a list, newest first where it is about time.
#[derive(Serialize, ToSchema)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    /// Goes as `after` to the page behind this one; null on the last page.
    next: Option<String>,
    /// Goes as `before` to the page in front of this one; null on the first page.
    prev: Option<String>,
    #[serde(skip)]
    link: Option<HeaderValue>,
}

/// A page of a list, with how many there are where that was asked for.
#[derive(Serialize, ToSchema)]
pub(super) struct CountedList<T> {
    #[serde(flatten)]
    list: List<T>,
    /// All that match, as far as they are counted. Only with `count=approx`.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<Count>,
}

/// Whether what matches is counted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Counting {
    /// `approx` counts what matches, up to a thousand leads, or among the newest ten thousand events. It takes its time.
    #[param(inline)]
    count: Option<How>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum How {
    Approx,
}

impl Counting {
    pub(super) fn is_wanted(&self) -> bool {
        matches!(self.count, Some(How::Approx))
    }
}

/// Which page of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// So many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Those behind this one: the `next` of the page before.
    after: Option<String>,
    /// Those in front of this one: the `prev` of the page behind.
    before: Option<String>,
}

/// Whether something is done.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Dry {
    /// `true`: nothing is done, and the answer says what would be.
    dry_run: Option<bool>,
}

impl Dry {
    pub(super) fn is_on(&self) -> bool {
        self.dry_run == Some(true)
    }
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Start,
    After(String),
    Before(String),
}

/// The page that a request asks for, and the address that its neighbours have.
pub(super) struct Page {
    pub(super) limit: u32,
    pub(super) place: Place,
    /// Path and filters, without the place.
    address: String,
}

impl<S: Sync> FromRequestParts<S> for Page {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        const FIX: &str = "Send `limit` from 1 to 200, and either `after` or `before`.";
        let wanted = Query::<Wanted>::try_from_uri(&parts.uri);
        let Query(wanted) = wanted.map_err(|error| ApiError::BadRequest(error.body_text(), FIX))?;
        let limit = wanted.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(ApiError::BadRequest(format!("a page has 1 to {PAGE_MAX} entries, not {limit}"), FIX));
        }
        let place = match (wanted.after, wanted.before) {
            (None, None) => Place::Start,
            (Some(id), None) => Place::After(id),
            (None, Some(id)) => Place::Before(id),
            (Some(_), Some(_)) => {
                let text = "a page is after one thing or before it, not both".to_owned();
                return Err(ApiError::BadRequest(text, FIX));
            }
        };
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let kept = url::form_urlencoded::parse(query).filter(|(name, _)| name != "after" && name != "before");
        let kept: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
        let path = parts.uri.path();
        let address = if kept.is_empty() { format!("{path}?") } else { format!("{path}?{kept}&") };
        Ok(Self { limit, place, address })
    }
}

impl Page {
    /// A page of what is there as a whole.
    pub(super) fn of<T>(self, mut all: Vec<T>, id: impl Fn(&T) -> &str) -> Result<List<T>, ApiError> {
        let at = |cursor: &str| all.iter().position(|one| id(one) == cursor).ok_or_else(|| unknown(cursor));
        let limit = self.limit as usize;
        let (from, to) = match &self.place {
            Place::Start => (0, limit),
            Place::After(cursor) => (at(cursor)? + 1, at(cursor)? + 1 + limit),
            Place::Before(cursor) => (at(cursor)?.saturating_sub(limit), at(cursor)?),
        };
        let (to, has_next) = (to.min(all.len()), to < all.len());
        all.truncate(to);
        Ok(self.list(all.split_off(from), id, (from > 0, has_next)))
    }

    /// Where to read from, as the ids of entries: the one that those of the page are behind, and the one that they are in
    /// front of.
    pub(super) fn ends<Id: FromStr>(&self) -> Result<(Option<Id>, Option<Id>), ApiError> {
        let read = |id: &str| id.parse().map(Some).map_err(|_| unknown(id));
        match &self.place {
            Place::Start => Ok((None, None)),
            Place::After(id) => Ok((read(id)?, None)),
            Place::Before(id) => Ok((None, read(id)?)),
        }
    }

    /// So many entries are read: one more than the page has, which shows whether there is another page.
    pub(super) fn read_max(&self) -> u32 {
        self.limit + 1
    }

    /// The page of what was read from [`Self::ends`] on, in the order in which it was read.
    pub(super) fn of_read<T>(self, mut read: Vec<T>, id: impl Fn(&T) -> &str) -> List<T> {
        let has_more = read.len() > self.limit as usize;
        read.truncate(self.limit as usize);
        let around = match self.place {
            Place::Start => (false, has_more),
            Place::After(_) => (true, has_more),
            Place::Before(_) => {
                read.reverse();
                (has_more, true)
            }
        };
        self.list(read, id, around)
    }

    /// A page that was read, and whether there are others in front of it and behind it.
    pub(super) fn list<T>(self, data: Vec<T>, id: impl Fn(&T) -> &str, (has_prev, has_next): (bool, bool)) -> List<T> {
        let cursor = |is_there: bool, one: Option<&T>| one.filter(|_| is_there).map(|one| id(one).to_owned());
        let cursors = [cursor(has_prev, data.first()), cursor(has_next, data.last())];
        self.list_at(data, cursors)
    }

    /// The same, with the cursors of the page in front of it and of the one behind it.
    pub(super) fn list_at<T>(self, data: Vec<T>, [prev, next]: [Option<String>; 2]) -> List<T> {
        let link = |name: &str, rel: &str, cursor: &Option<String>| {
            let cursor = cursor.as_ref()?;
            let cursor: String = url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
            Some(format!("<{}{name}={cursor}>; rel=\"{rel}\"", self.address))
        };
        let links = [link("after", "next", &next), link("before", "prev", &prev)];
        let links = links.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let link = HeaderValue::from_str(&links).ok().filter(|link| !link.is_empty());
        List { data, next, prev, link }
    }
}

/// There is nothing with the id of a cursor: it never was there, or is not there any more.
pub(super) fn unknown(cursor: &str) -> ApiError {
    let cursor: String = cursor.chars().take(100).collect();
    ApiError::BadRequest(format!("the list has no entry `{cursor}`"), "Begin again without `after` and `before`.")
}

impl<T> List<T> {
    /// A list that cannot be long: all of it.
    pub(super) fn whole(data: Vec<T>) -> Self {
        Self { data, next: None, prev: None, link: None }
    }

    /// With how many there are.
    pub(super) fn counted(self, count: Option<Count>) -> CountedList<T> {
        CountedList { list: self, count }
    }

    /// The header that names the neighbours of the page.
    pub(super) fn link(&mut self) -> Option<HeaderValue> {
        self.link.take()
    }
}

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(mut self) -> Response {
        let link = self.link();
        with_link(link, Json(self).into_response())
    }
}

impl<T: Serialize> IntoResponse for CountedList<T> {
    fn into_response(mut self) -> Response {
        let link = self.list.link();
        with_link(link, Json(self).into_response())
    }
}

pub(super) fn with_link(link: Option<HeaderValue>, mut response: Response) -> Response {
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(limit: u32, place: Place) -> Page {
        Page { limit, place, address: "/v1/things?account=a&".to_owned() }
    }

    #[test]
    fn a_list_is_walked_forwards_and_back() {
        let all = || ["e", "d", "c", "b", "a"].map(str::to_owned).to_vec();
        let rows = [
            (Place::Start, "ed", (None, Some("d"))),
            (Place::After("d".into()), "cb", (Some("c"), Some("b"))),
            (Place::After("b".into()), "a", (Some("a"), None)),
            (Place::After("a".into()), "", (None, None)),
            (Place::Before("c".into()), "ed", (None, Some("d"))),
            (Place::Before("b".into()), "dc", (Some("d"), Some("c"))),
        ];
        for (place, data, (prev, next)) in rows {
            let list = page(2, place.clone()).of(all(), String::as_str).ok().unwrap();
            assert_eq!(list.data.concat(), data, "{place:?}");
            assert_eq!((list.prev.as_deref(), list.next.as_deref()), (prev, next), "{place:?}");
        }
        assert!(page(2, Place::After("x".into())).of(all(), String::as_str).is_err(), "an unknown cursor");
    }

    #[test]
    fn one_entry_too_many_shows_that_there_is_another_page() {
        let rows = [
            (Place::Start, "ed", "ed", (None, None)),
            (Place::Start, "edc", "ed", (None, Some("d"))),
            (Place::After("e".into()), "dcb", "dc", (Some("d"), Some("c"))),
            (Place::After("c".into()), "ba", "ba", (Some("b"), None)),
            // What lies in front is read from the cursor on, the nearest first.
            (Place::Before("b".into()), "cde", "dc", (Some("d"), Some("c"))),
            (Place::Before("c".into()), "de", "ed", (None, Some("d"))),
        ];
        for (place, read, data, (prev, next)) in rows {
            let read = read.chars().map(String::from).collect();
            let list = page(2, place.clone()).of_read(read, String::as_str);
            assert_eq!(list.data.concat(), data, "{place:?}");
            assert_eq!((list.prev.as_deref(), list.next.as_deref()), (prev, next), "{place:?}");
        }
    }

    #[test]
    fn the_neighbours_have_the_same_filters() {
        let mut list = page(1, Place::After("b c".into())).of(vec!["d", "b c", "a", "e"], |one| one).ok().unwrap();
        let expected = "</v1/things?account=a&after=a>; rel=\"next\", </v1/things?account=a&before=a>; rel=\"prev\"";
        assert_eq!(list.link().unwrap(), expected);
    }
}

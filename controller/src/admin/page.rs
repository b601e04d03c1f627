//! Pages and refusals, as all lists have them.

use std::{
    fmt::Display,
    hash::{DefaultHasher, Hash, Hasher as _},
};

use tonic::Status;

/// Elements of a page if nothing is said, and at most.
const DEFAULT: usize = 100;
const MOST: usize = 1000;

/// A refusal that names field and value.
pub(super) fn invalid(field: &str, value: impl Display, problem: impl Display) -> Status {
    Status::invalid_argument(format!("{field}: {value}: {problem}"))
}

pub(super) fn unknown(field: &str, value: impl Display) -> Status {
    Status::not_found(format!("{field}: {value}: is unknown"))
}

/// How many elements a page may have.
pub(super) fn size(page_size: i32) -> Result<usize, Status> {
    match usize::try_from(page_size) {
        Ok(0) => Ok(DEFAULT),
        Ok(size) => Ok(size.min(MOST)),
        Err(_) => Err(invalid("page_size", page_size, "must not be negative")),
    }
}

/// A place in a list of what some filter lets through: only good with the same filter.
pub(super) fn token(cursor: u32, filter: &impl Hash) -> String {
    format!("{cursor:08x}{:016x}", digest(filter))
}

/// The place that a token says; the beginning for none.
pub(super) fn cursor(token: &str, filter: &impl Hash) -> Result<u32, Status> {
    if token.is_empty() {
        return Ok(0);
    }
    let parts = token.split_at_checked(8).and_then(|(cursor, digest)| {
        Some((u32::from_str_radix(cursor, 16).ok()?, u64::from_str_radix(digest, 16).ok()?))
    });
    match parts {
        Some((cursor, of)) if of == digest(filter) => Ok(cursor),
        Some(_) => Err(invalid("page_token", token, "is of a list with other filters")),
        None => Err(invalid("page_token", token, "is none")),
    }
}

fn digest(filter: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    filter.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_bounded() {
        assert_eq!((size(0).unwrap(), size(7).unwrap(), size(i32::MAX).unwrap()), (DEFAULT, 7, MOST));
        assert_eq!(size(-1).unwrap_err().message(), "page_size: -1: must not be negative");
    }

    proptest! {
        #[test]
        fn tokens_lead_back_with_the_same_filter_only(at in 1u32.., filter in ".*", other in ".*") {
            let token = token(at, &filter);
            prop_assert_eq!(cursor(&token, &filter).unwrap(), at);
            prop_assert!(other == filter || cursor(&token, &other).is_err());
        }

        #[test]
        fn any_token_is_read_or_refused(token in "\\PC*") {
            let _ = cursor(&token, &0);
        }
    }
}

//! Parts of a body (RFC 9110 §14), and whether they belong together (§13.1.5, §15.3.7.3). Pure.

use std::ops::Range;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

/// What all parts of one body have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    /// Bytes.
    pub(super) size: u64,
    /// A strong validator.
    pub(super) tag: HeaderValue,
}

/// The value of `Range` for these bytes, of which there is at least one.
pub(super) fn header(range: &Range<u64>) -> String {
    format!("bytes={}-{}", range.start, range.end.saturating_sub(1))
}

/// What the response with a part says about the whole, and where the part begins and ends. None if it is not one part, or parts of
/// this body cannot be told from those of another: it has no strong validator.
pub(super) fn part(head: &Response<()>) -> Option<(Whole, Range<u64>)> {
    if head.status() != StatusCode::PARTIAL_CONTENT || is_encoded(head.headers()) {
        return None;
    }
    let tag = head.headers().get(header::ETAG)?;
    if !tag.as_bytes().starts_with(b"\"") {
        return None;
    }
    let text = head.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then(|| (Whole { size, tag: tag.clone() }, first..last + 1))
}

/// Parts of what is encoded anew for each response do not fit together.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)]) -> Response<()> {
        let builder = Response::builder().status(status);
        headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value)).body(()).unwrap()
    }

    #[test]
    fn one_part_of_a_known_whole() {
        assert_eq!(header(&(5..7)), "bytes=5-6");
        let tag = ("etag", "\"a\"");
        let good = response(206, &[tag, ("content-range", "bytes 5-6/10")]);
        assert_eq!(part(&good), Some((Whole { size: 10, tag: HeaderValue::from_static("\"a\"") }, 5..7)));
        for (status, headers) in [
            (200, vec![tag, ("content-range", "bytes 5-6/10")]),
            (206, vec![tag]),
            (206, vec![("content-range", "bytes 5-6/10")]),
            (206, vec![("etag", "W/\"a\""), ("content-range", "bytes 5-6/10")]),
            (206, vec![tag, ("content-range", "bytes 5-6/*")]),
            (206, vec![tag, ("content-range", "bytes 7-6/10")]),
            (206, vec![tag, ("content-range", "bytes 5-10/10")]),
            (206, vec![tag, ("content-range", "bytes 5-99999999999999999999/10")]),
            (206, vec![tag, ("content-range", "lines 5-6/10")]),
            (206, vec![tag, ("content-type", "multipart/byteranges; boundary=x")]),
            (206, vec![tag, ("content-range", "bytes 5-6/10"), ("content-encoding", "gzip")]),
        ] {
            assert_eq!(part(&response(status, &headers)), None, "{status} {headers:?}");
        }
    }
}

//! Where an authority is.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use serde::Deserialize;

/// `http://HOST[:PORT][/PATH]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl {
    /// As in a request.
    pub(crate) host: String,
    /// To connect to.
    pub(crate) address: String,
    /// Without a slash at its end.
    path: String,
}

/// It is another kind of URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not http://HOST[:PORT][/PATH]")]
pub struct BaseUrlError(String);

impl BaseUrl {
    /// A path (with a slash in front) behind it.
    pub(crate) fn path(&self, more: &str) -> String {
        format!("{}{more}", self.path)
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let refused = || BaseUrlError(text.chars().take(200).collect());
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let (Some("http"), Some(authority), None) = (uri.scheme_str(), uri.authority(), uri.query()) else {
            return Err(refused());
        };
        let host = authority.as_str().to_owned();
        if authority.host().is_empty() || host.contains('@') || text.contains('#') {
            return Err(refused());
        }
        let address = match authority.port_u16() {
            Some(_) => host.clone(),
            None if authority.host() == host => format!("{host}:80"),
            None => return Err(refused()),
        };
        Ok(Self { host, address, path: uri.path().trim_end_matches('/').to_owned() })
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = BaseUrlError;

    fn try_from(text: String) -> Result<Self, BaseUrlError> {
        text.parse()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.host, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_plain_http_with_a_host() {
        for (text, address, path) in [
            ("http://192.0.2.1:9580", "192.0.2.1:9580", "/v1/state"),
            ("http://[2001:db8::1]:9580/", "[2001:db8::1]:9580", "/v1/state"),
            ("http://authority.example/a/b/", "authority.example:80", "/a/b/v1/state"),
        ] {
            let url: BaseUrl = text.parse().unwrap();
            assert_eq!((url.address.as_str(), url.path("/v1/state").as_str()), (address, path));
            assert_eq!(url.to_string().parse::<BaseUrl>().unwrap(), url);
        }
        for text in [
            "",
            "a",
            "/a",
            "https://a",
            "http://",
            "http://:80",
            "http://a:",
            "http://a:99999",
            "http://b@a",
            "http://a?b",
            "http://a#b",
            "ftp://a",
            "http://a b",
        ] {
            let refused = text.parse::<BaseUrl>().unwrap_err().to_string();
            assert_eq!(refused, format!("{text:?} is not http://HOST[:PORT][/PATH]"));
        }
    }
}

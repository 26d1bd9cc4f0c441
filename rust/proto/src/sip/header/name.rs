//! Names of header fields: known ones by identity, any other by its text (RFC 3261 §7.3.1, §7.3.3, §20).

macro_rules! header_names {
    ($($variant:ident = $text:literal $(| $compact:literal)?;)*) => {
        /// A header field's name. Make it with [`HeaderName::from`], which knows every spelling and the compact forms.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum HeaderName<'a> {
            $(#[doc = $text] $variant,)*
            /// Any other name as written; never one of the above.
            Other(&'a str),
        }

        /// A [`HeaderName`] in one byte, without the text of other names.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub(crate) enum HeaderId { $($variant,)* Other }

        const SPELLINGS: &[(&str, HeaderId)] = &[
            $(($text, HeaderId::$variant), $(($compact, HeaderId::$variant),)?)*
        ];

        impl<'a> HeaderName<'a> {
            /// The canonical spelling.
            pub fn as_str(self) -> &'a str {
                match self { $(Self::$variant => $text,)* Self::Other(text) => text }
            }

            pub(crate) fn id(self) -> HeaderId {
                match self { $(Self::$variant => HeaderId::$variant,)* Self::Other(_) => HeaderId::Other }
            }

            pub(crate) fn from_id(id: HeaderId, text: &'a str) -> Self {
                match id { $(HeaderId::$variant => Self::$variant,)* HeaderId::Other => Self::Other(text) }
            }
        }
    };
}

header_names! {
    Accept = "Accept";
    Allow = "Allow";
    AllowEvents = "Allow-Events" | "u";
    AuthenticationInfo = "Authentication-Info";
    Authorization = "Authorization";
    CallId = "Call-ID" | "i";
    Contact = "Contact" | "m";
    ContentDisposition = "Content-Disposition";
    ContentEncoding = "Content-Encoding" | "e";
    ContentLength = "Content-Length" | "l";
    ContentType = "Content-Type" | "c";
    CSeq = "CSeq";
    Date = "Date";
    Event = "Event" | "o";
    Expires = "Expires";
    From = "From" | "f";
    MaxForwards = "Max-Forwards";
    MinExpires = "Min-Expires";
    MinSe = "Min-SE";
    Path = "Path";
    ProxyAuthenticate = "Proxy-Authenticate";
    ProxyAuthorization = "Proxy-Authorization";
    ProxyRequire = "Proxy-Require";
    Reason = "Reason";
    RecordRoute = "Record-Route";
    ReferTo = "Refer-To" | "r";
    ReferredBy = "Referred-By" | "b";
    Replaces = "Replaces";
    Require = "Require";
    RetryAfter = "Retry-After";
    Route = "Route";
    Server = "Server";
    ServiceRoute = "Service-Route";
    SessionExpires = "Session-Expires" | "x";
    Subject = "Subject" | "s";
    Supported = "Supported" | "k";
    Timestamp = "Timestamp";
    To = "To" | "t";
    Unsupported = "Unsupported";
    UserAgent = "User-Agent";
    Via = "Via" | "v";
    Warning = "Warning";
    WwwAuthenticate = "WWW-Authenticate";
}

impl<'a> From<&'a str> for HeaderName<'a> {
    fn from(text: &'a str) -> Self {
        Self::from_id(HeaderId::of(text), text)
    }
}

impl HeaderId {
    /// Looks a spelling up, in any case.
    pub(crate) fn of(text: &str) -> Self {
        let mut slot = bucket(text.as_bytes());
        loop {
            let index = TABLE.get(slot).copied().unwrap_or(EMPTY);
            let Some((spelling, id)) = SPELLINGS.get(usize::from(index)) else {
                return Self::Other;
            };
            if *spelling == text || spelling.eq_ignore_ascii_case(text) {
                return *id;
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}

const SLOTS: usize = 256;
const EMPTY: u8 = u8::MAX;
/// Hash table with linear probing, filled at compile time; a value is an index into `SPELLINGS`.
const TABLE: [u8; SLOTS] = table();

const fn bucket(text: &[u8]) -> usize {
    let (Some(first), Some(last)) = (text.first(), text.last()) else {
        return 0;
    };
    let middle = text.len() / 2;
    // the split instead of an index, as an index could panic
    let (_, from_middle) = text.split_at(middle);
    let Some(middle) = from_middle.first() else { return 0 };
    let (first, middle, last) = (*first | 0x20, *middle | 0x20, *last | 0x20);
    (first as usize * 31 + middle as usize * 7 + last as usize * 3 + text.len() * 17) % SLOTS
}

#[allow(clippy::indexing_slicing)] // evaluated by the compiler: an index out of bounds does not compile
const fn table() -> [u8; SLOTS] {
    let mut table = [EMPTY; SLOTS];
    let mut index = 0;
    while index < SPELLINGS.len() {
        let mut slot = bucket(SPELLINGS[index].0.as_bytes());
        while table[slot] != EMPTY {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = index as u8;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_found_in_any_case() {
        for (spelling, id) in SPELLINGS {
            assert_eq!(HeaderId::of(spelling), *id);
            assert_eq!(HeaderId::of(&spelling.to_ascii_uppercase()), *id);
            assert_eq!(HeaderId::of(&spelling.to_ascii_lowercase()), *id);
        }
    }

    #[test]
    fn other_names_keep_their_text() {
        assert_eq!(HeaderName::from("X-Source"), HeaderName::Other("X-Source"));
        assert_eq!(HeaderName::from(""), HeaderName::Other(""));
        assert_eq!(HeaderName::from("z"), HeaderName::Other("z"));
    }

    #[test]
    fn compact_forms_have_canonical_spelling() {
        assert_eq!(HeaderName::from("v").as_str(), "Via");
        assert_eq!(HeaderName::from("X").as_str(), "Session-Expires");
    }
}

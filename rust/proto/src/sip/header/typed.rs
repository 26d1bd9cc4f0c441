//! Typed access to the fields that user agents, dialogs and transactions read.
use super::values::decimal;
use super::{CSeq, HeaderError, HeaderName, Headers, MediaType, NameAddr, Reason, SessionExpires, Via};

impl Headers {
    /// The topmost Via.
    pub fn via(&self) -> Result<Via<'_>, HeaderError> {
        self.vias().next().unwrap_or(Err(HeaderError::Missing("Via")))
    }

    /// All Vias, the topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, HeaderError>> {
        self.values(HeaderName::Via)
            .map(|value| Via::parse(value).ok_or(HeaderError::Malformed("Via")))
    }

    /// From.
    pub fn from(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.required(HeaderName::From, NameAddr::parse)
    }

    /// To.
    pub fn to(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.required(HeaderName::To, NameAddr::parse)
    }

    /// Call-ID.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        self.required(HeaderName::CallId, |value| {
            (!value.is_empty() && !value.contains(' ')).then_some(value)
        })
    }

    /// CSeq.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        self.required(HeaderName::CSeq, CSeq::parse)
    }

    /// The first Contact; `*` counts as malformed (ask `get` for it).
    pub fn contact(&self) -> Result<Option<NameAddr<'_>>, HeaderError> {
        self.contacts().next().transpose()
    }

    /// All Contacts.
    pub fn contacts(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.addresses(HeaderName::Contact)
    }

    /// All Record-Routes, the topmost first.
    pub fn record_routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.addresses(HeaderName::RecordRoute)
    }

    /// All Routes, the topmost first.
    pub fn routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.addresses(HeaderName::Route)
    }

    /// All values of a field of addresses, such as Path or Service-Route.
    pub fn addresses<'a>(
        &'a self,
        name: HeaderName<'static>,
    ) -> impl Iterator<Item = Result<NameAddr<'a>, HeaderError>> + use<'a> {
        self.values(name)
            .map(move |value| NameAddr::parse(value).ok_or(HeaderError::Malformed(name.as_str())))
    }

    /// Max-Forwards.
    pub fn max_forwards(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::MaxForwards, decimal)
    }

    /// Expires in seconds.
    pub fn expires(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::Expires, decimal)
    }

    /// Min-Expires in seconds (RFC 3261 §20.23).
    pub fn min_expires(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::MinExpires, decimal)
    }

    /// Session-Expires (RFC 4028).
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, HeaderError> {
        self.optional(HeaderName::SessionExpires, SessionExpires::parse)
    }

    /// Min-SE in seconds (RFC 4028).
    pub fn min_se(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::MinSe, |value| Some(SessionExpires::parse(value)?.seconds))
    }

    /// Content-Length.
    pub fn content_length(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::ContentLength, decimal)
    }

    /// Content-Type.
    pub fn content_type(&self) -> Result<Option<MediaType<'_>>, HeaderError> {
        self.optional(HeaderName::ContentType, MediaType::parse)
    }

    /// Reason values that can be read.
    pub fn reasons(&self) -> impl Iterator<Item = Reason<'_>> {
        self.values(HeaderName::Reason).filter_map(Reason::parse)
    }

    /// The value of a field that must be there exactly once.
    fn required<'a, T>(
        &'a self,
        name: HeaderName<'static>,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, HeaderError> {
        self.optional(name, parse)?.ok_or(HeaderError::Missing(name.as_str()))
    }

    /// The value of a field that may be there once.
    fn optional<'a, T>(
        &'a self,
        name: HeaderName<'static>,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, HeaderError> {
        let mut values = self.get_all(name);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(HeaderError::Repeated(name.as_str()));
        }
        parse(value).map(Some).ok_or(HeaderError::Malformed(name.as_str()))
    }
}

//! SIP as the scripted server reads and writes it: plain text, without the code under test.
use std::fmt::Write;

/// Where the server says it is.
pub(crate) const CONTACT: &str = "<sip:app@gateway.example;alias=127.0.0.1~53222~6>";

/// One message that the client sent.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Heard {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).expect("the client sends UTF-8");
        let (header, body) = text.split_once("\r\n\r\n").expect("end of the header");
        let mut lines = header.split("\r\n");
        let start = lines.next().expect("start line").to_owned();
        let split = |line: &str| {
            let (name, value) = line.split_once(": ").expect("header line");
            (name.to_owned(), value.to_owned())
        };
        let heard = Self {
            start,
            headers: lines.map(split).collect(),
            body: body.to_owned(),
        };
        assert_eq!(heard.header("Content-Length"), heard.body.len().to_string());
        heard
    }

    /// Method of a request, `SIP/2.0` of a response.
    pub(crate) fn method(&self) -> &str {
        self.start.split(' ').next().expect("method")
    }

    /// Request-URI of a request, status of a response.
    pub(crate) fn second(&self) -> &str {
        self.start.split(' ').nth(1).expect("second word")
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.get(name)
            .unwrap_or_else(|| panic!("no {name} in {} {:?}", self.start, self.headers))
    }

    /// Names of the header fields in their order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub(crate) fn cseq(&self) -> u32 {
        self.header("CSeq").split(' ').next().unwrap().parse().unwrap()
    }

    pub(crate) fn branch(&self) -> &str {
        self.header("Via").split("branch=").nth(1).expect("branch")
    }

    /// A response to this request, without tag and body yet.
    pub(crate) fn reply(&self, status: u16, reason: &str) -> Draft {
        let mut draft = Draft::new(format!("SIP/2.0 {status} {reason}"));
        for name in ["Via", "To", "From", "Call-ID", "CSeq"] {
            draft = draft.header(name, self.header(name));
        }
        draft
    }

    /// A response that makes or belongs to a dialog: with a tag, a Contact and two Record-Routes.
    pub(crate) fn answer(&self, status: u16, reason: &str, tag: &str) -> Draft {
        let mut draft = self.reply(status, reason).tag(tag).header("Contact", CONTACT);
        for hop in ["two", "one"] {
            draft = draft.header("Record-Route", &format!("<sip:{hop}.example;transport=ws;lr=on>"));
        }
        draft
    }
}

/// A message being written.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    start: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Draft {
    pub(crate) fn new(start: String) -> Self {
        Self {
            start,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts a tag on To.
    pub(crate) fn tag(mut self, tag: &str) -> Self {
        let to = self.headers.iter_mut().find(|(name, _)| name == "To").expect("To");
        let _ = write!(to.1, ";tag={tag}");
        self
    }

    pub(crate) fn body(mut self, content_type: &str, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self.header("Content-Type", content_type)
    }

    pub(crate) fn sdp(self, sdp: &str) -> Self {
        self.body("application/sdp", sdp)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n{}", self.body.len(), self.body);
        text.into_bytes()
    }
}

/// The server's end of a dialog.
#[derive(Clone, Debug)]
pub(crate) struct ServerDialog {
    pub(crate) call_id: String,
    /// From of its requests, with its tag.
    pub(crate) local: String,
    /// To of its requests, with the client's tag.
    pub(crate) remote: String,
    /// The client's Contact.
    pub(crate) target: String,
    pub(crate) cseq: u32,
}

impl ServerDialog {
    /// The dialog that an answer with this tag to an INVITE makes.
    pub(crate) fn new(invite: &Heard, tag: &str) -> Self {
        Self {
            call_id: invite.header("Call-ID").to_owned(),
            local: format!("{};tag={tag}", invite.header("To")),
            remote: invite.header("From").to_owned(),
            target: invite.header("Contact").trim_matches(['<', '>']).to_owned(),
            cseq: 100,
        }
    }

    /// The dialog that the client's 200 makes.
    pub(crate) fn of_response(ok: &Heard) -> Self {
        Self {
            call_id: ok.header("Call-ID").to_owned(),
            local: ok.header("From").to_owned(),
            remote: ok.header("To").to_owned(),
            target: ok.header("Contact").trim_matches(['<', '>']).to_owned(),
            cseq: 1,
        }
    }

    /// The next request in the dialog.
    pub(crate) fn request(&mut self, method: &str) -> Draft {
        self.cseq += 1;
        self.numbered(method, self.cseq)
    }

    /// A request with this CSeq number.
    pub(crate) fn numbered(&self, method: &str, cseq: u32) -> Draft {
        Draft::new(format!("{method} {} SIP/2.0", self.target))
            .header(
                "Via",
                &format!("SIP/2.0/WSS gateway.example;branch=z9hG4bKserver{cseq}{method}"),
            )
            .header("Max-Forwards", "70")
            .header("To", &self.remote)
            .header("From", &self.local)
            .header("Call-ID", &self.call_id)
            .header("CSeq", &format!("{cseq} {method}"))
            .header("Contact", CONTACT)
    }
}

/// A request outside any dialog, to this URI.
pub(crate) fn stranger(method: &str, uri: &str) -> Draft {
    Draft::new(format!("{method} {uri} SIP/2.0"))
        .header(
            "Via",
            &format!("SIP/2.0/WSS gateway.example;branch=z9hG4bKstranger{method}"),
        )
        .header("Max-Forwards", "70")
        .header("To", "<sip:caller@realm.example>")
        .header("From", "<sip:stranger@elsewhere.example>;tag=stranger")
        .header("Call-ID", "stranger-call")
        .header("CSeq", &format!("1 {method}"))
        .header("Contact", "<sip:stranger@elsewhere.example>")
}

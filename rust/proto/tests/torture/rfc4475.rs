//! Rows of RFC 4475.
use crate::Outcome::{Answered, Dropped, Refused, Unreadable};
use crate::Row;

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "wsinv",
        outcome: Answered(
            481,
            "vivekg",
            &[
                ("uri param unknownparam", ""),
                ("to tag", "1918181833n"),
                ("from display", "J Rosenberg \\\""),
                ("from tag", "98asjd8"),
                ("max-forwards", "68"),
                ("cseq", "9 INVITE"),
                ("via host", "192.0.2.2"),
                ("via branch", "390skdjuw"),
                ("vias", "3"),
                ("header Subject", ""),
                (
                    "header NewFangledHeader",
                    "newfangled value   continued newfangled value",
                ),
                ("header UnknownHeaderWithUnusualValue", ";;,,;;,;"),
                ("contact display", "Quoted string \"\""),
                ("contact param newparam", "newvalue"),
                ("contact param secondparam", ""),
                ("contact param q", "0.33"),
                ("body", "150"),
            ],
        ),
        why: "§3.1.1.1: valid in every strange spelling; its To has a tag, so it is for a dialog that we don't know",
    },
    Row {
        name: "intmeth",
        outcome: Answered(
            501,
            "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
            &[
                ("method", "!interesting-Method0123456789_*+`.%indeed'~"),
                ("uri password", "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"),
                ("uri host", "example.com"),
                ("to display", "BEL:\x07 NUL:\0 DEL:\x7f"),
                ("from display", "token1~` token2'+_ token3*%!.-"),
                ("from param fromParam''~+*_!.-%", "работающий"),
                ("from tag", "_token~1'+`*%!-."),
                ("call-id", "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"),
                ("header extensionHeader-!.%*+_`'~", "\u{feff}大停電"),
                ("max-forwards", "255"),
            ],
        ),
        why: "§3.1.1.2: every character is where it may be; a method that nobody knows gets 501 (RFC 3261 §21.5.2)",
    },
    Row {
        name: "esc01",
        outcome: Answered(
            403,
            "sips:user@example.com",
            &[
                ("uri scheme", "sip"),
                ("uri host", "example.net"),
                ("to uri user", "user"),
                ("from uri user", "I have spaces"),
                ("contact uri user", "caller"),
                ("contact uri param %6C%72", ""),
                ("contact uri param n%61me", "v%61lue%25%34%31"),
            ],
        ),
        why: "§3.1.1.3: escapes are undone once, and only where a component is used: the user is the one we are",
    },
    Row {
        name: "escnull",
        outcome: Answered(
            405,
            "user",
            &[
                ("to uri user", "null-\0-null"),
                ("contacts", "2"),
                ("contact uri user", "\0"),
                ("body", "0"),
            ],
        ),
        why: "§3.1.1.4: an escaped NUL ends nothing; a REGISTER is for a registrar, which we are not: 405 (RFC 3261 §8.2.1)",
    },
    Row {
        name: "esc02",
        outcome: Answered(
            501,
            "user",
            &[
                ("method", "RE%47IST%45R"),
                ("from display", "%Z%45"),
                ("via branch", "z9hG4bK209%fzsnel234"),
                ("contacts", "2"),
                ("header C%6Fntact", "<sip:alias2@host2.example.com>"),
            ],
        ),
        why: "§3.1.1.5: in methods, header names and tokens a percent sign escapes nothing, so this is no REGISTER and gets 501",
    },
    Row {
        name: "lwsdisp",
        outcome: Answered(200, "user", &[("from display", "caller"), ("from uri user", "caller")]),
        why: "§3.1.1.6: a display name may stand directly before its bracket",
    },
    Row {
        name: "longreq",
        outcome: Answered(
            403,
            "user",
            &[
                ("vias", "34"),
                ("via host", "sip33.example.com"),
                ("to uri port", "6000"),
                ("contact uri host", "host5.example.net"),
                ("body", "150"),
            ],
        ),
        why: "§3.1.1.7: length is no fault; all 34 Vias go back in the answer",
    },
    Row {
        name: "dblreq",
        outcome: Answered(
            405,
            "user",
            &[("method", "REGISTER"), ("body", "0"), ("cseq", "8 REGISTER")],
        ),
        why: "§3.1.1.8: what follows Content-Length is ignored, and certainly no second request; we are no registrar",
    },
    Row {
        name: "semiuri",
        outcome: Answered(
            200,
            "user;par=u@example.net",
            &[("uri host", "example.com"), ("uri param par", "-")],
        ),
        why: "§3.1.1.9: a semicolon before the @ belongs to the user",
    },
    Row {
        name: "transports",
        outcome: Answered(
            200,
            "user",
            &[("vias", "5"), ("via transport", "UDP"), ("via host", "t1.example.com")],
        ),
        why: "§3.1.1.10: transports of other hops need not be known",
    },
    Row {
        name: "mpart01",
        outcome: Answered(
            405,
            "kumiko",
            &[
                ("content-type", "multipart/mixed"),
                ("body", "553"),
                ("from tag", "2fb0dcc9"),
            ],
        ),
        why: "§3.1.1.11: a binary body is kept whole; MESSAGE is not allowed here",
    },
    Row {
        name: "unreason",
        outcome: Dropped(
            false,
            &[
                ("status", "200"),
                ("reason", "= 2**3 * 5**2 но сто девяносто девять - простое"),
                ("body", "154"),
            ],
        ),
        why: "§3.1.1.12: a reason phrase is any UTF-8; nobody here has sent that INVITE",
    },
    Row {
        name: "noreason",
        outcome: Dropped(false, &[("status", "100"), ("reason", ""), ("cseq", "35 INVITE")]),
        why: "§3.1.1.13: a reason phrase may be empty; nobody here has sent that INVITE",
    },
    Row {
        name: "badinv01",
        outcome: Refused(400, "malformed Via header"),
        why: "§3.1.2.1: separators without anything between them; 400 should follow",
    },
    Row {
        name: "clerr",
        outcome: Refused(400, "body shorter than Content-Length"),
        why: "§3.1.2.2: a message that is not all there; 400 should follow",
    },
    Row {
        name: "ncl",
        outcome: Refused(400, "malformed Content-Length header"),
        why: "§3.1.2.3: a length below zero; 400 should follow",
    },
    Row {
        name: "scalar02",
        outcome: Refused(400, "malformed CSeq header"),
        why: "§3.1.2.4: the CSeq number, 2^65, must fit 31 bits; that fault alone asks for 400",
    },
    Row {
        name: "scalarlg",
        outcome: Unreadable("malformed CSeq header"),
        why: "§3.1.2.5: the same in a response: dropped",
    },
    Row {
        name: "quotbal",
        outcome: Refused(400, "malformed To header"),
        why: "§3.1.2.6: the quote stays open; 400 should follow, to guess its end is a choice",
    },
    Row {
        name: "ltgtruri",
        outcome: Refused(400, "Request-URI: not a URI: white space, quote or angle bracket"),
        why: "§3.1.2.7: always reasonable to refuse",
    },
    Row {
        name: "lwsruri",
        outcome: Refused(400, "malformed start line"),
        why: "§3.1.2.8: white space in the Request-URI; 400 should follow",
    },
    Row {
        name: "lwsstart",
        outcome: Refused(400, "malformed start line"),
        why: "§3.1.2.9: more than one space in the request line; reasonable to refuse",
    },
    Row {
        name: "trws",
        outcome: Refused(400, "malformed start line"),
        why: "§3.1.2.10: spaces at the end of the request line; reasonable to refuse",
    },
    Row {
        name: "escruri",
        outcome: Refused(400, "Request-URI: not a URI: headers where none may be"),
        why: "§3.1.2.11: a Request-URI has no headers (RFC 3261 §19.1.1); acceptable to refuse, and the Route in it is a trap",
    },
    Row {
        name: "baddate",
        outcome: Answered(403, "user", &[("header Date", "Fri, 01 Jan 2010 16:00:00 EST")]),
        why: "§3.1.2.12: a Date that nobody reads harms nothing",
    },
    Row {
        name: "regbadct",
        outcome: Answered(405, "user", &[("contact", "malformed"), ("to uri user", "user")]),
        why: "§3.1.2.13: a registrar would say 400; we are none (405) and never read the Contact, which is malformed",
    },
    Row {
        name: "badaspec",
        outcome: Refused(400, "malformed To header"),
        why: "§3.1.2.14: spaces within the brackets; reasonable to refuse",
    },
    Row {
        name: "baddn",
        outcome: Refused(400, "no end of the header"),
        why: "§3.1.2.15: in the archive it stops before the empty line, so its header never ends",
    },
    Row {
        name: "baddn-ended",
        outcome: Refused(400, "malformed From header"),
        why: "§3.1.2.15: a comma in a display name without quotes; reasonable to refuse",
    },
    Row {
        name: "badvers",
        outcome: Refused(505, "SIP version not supported"),
        why: "§3.1.2.16: SIP/7.0 gets 505",
    },
    Row {
        name: "mismatch01",
        outcome: Refused(400, "CSeq does not match the method"),
        why: "§3.1.2.17: 400 should follow",
    },
    Row {
        name: "mismatch02",
        outcome: Refused(501, "CSeq does not match the method, which is unknown"),
        why: "§3.1.2.18: 501 should follow, as the method is unknown besides; 400 would do",
    },
    Row {
        name: "bigcode",
        outcome: Unreadable("malformed start line"),
        why: "§3.1.2.19: a status is three digits (this one is 5 modulo 2^32): dropped",
    },
    Row {
        name: "badbranch",
        outcome: Answered(200, "user", &[("via branch", "z9hG4bK")]),
        why: "§3.2.1: the cookie alone identifies nothing; the transaction is found as RFC 2543 does, and the request answered",
    },
    Row {
        name: "insuf",
        outcome: Refused(400, "no From header"),
        why: "§3.3.1: From, To and Call-ID are missing; 400 with what is there",
    },
    Row {
        name: "unkscm",
        outcome: Answered(
            416,
            "user",
            &[("uri scheme", "nobodyKnowsThisScheme"), ("uri host", "")],
        ),
        why: "§3.3.2: an unknown scheme gets 416",
    },
    Row {
        name: "novelsc",
        outcome: Answered(
            416,
            "user",
            &[("uri scheme", "soap.beep"), ("uri", "soap.beep://192.0.2.103:3002")],
        ),
        why: "§3.3.3: a scheme of something else gets 416",
    },
    Row {
        name: "unksm2",
        outcome: Answered(
            405,
            "user",
            &[
                ("to", "isbn:2983792873"),
                ("from", "http://www.example.com"),
                ("contact", "name:John_Smith"),
            ],
        ),
        why: "§3.3.4: other schemes in To, From and Contact are no syntax error; only a registrar would object",
    },
    Row {
        name: "bext01",
        outcome: Answered(
            420,
            "user",
            &[("header Require", "nothingSupportsThis, nothingSupportsThisEither")],
        ),
        why: "§3.3.5: Require names what we don't have, and Unsupported names it too (`unsupported_options_are_named`); Proxy-Require is for proxies",
    },
    Row {
        name: "invut",
        outcome: Answered(
            403,
            "user",
            &[("content-type", "application/unknownformat"), ("body", "40")],
        ),
        why: "§3.3.6: 415 where calls are taken, as `calls_are_taken` shows; here they are refused before anybody looks at the body",
    },
    Row {
        name: "regaut01",
        outcome: Answered(
            405,
            "user",
            &[
                ("credentials", "-"),
                ("header Authorization", "NoOneKnowsThisScheme opaque-data=here"),
            ],
        ),
        why: "§3.3.7: 405 from an element that is no registrar; credentials of an unknown scheme are none, and no syntax error",
    },
    Row {
        name: "multi01",
        outcome: Refused(400, "more than one From header"),
        why: "§3.3.8: fields that may come once come twice; 400 should follow",
    },
    Row {
        name: "mcl01",
        outcome: Refused(400, "more than one Content-Length header"),
        why: "§3.3.9: nobody knows where the body ends; 400 should follow",
    },
    Row {
        name: "bcast",
        outcome: Dropped(true, &[("vias", "2"), ("status", "200")]),
        why: "§3.3.10: a response with a second Via was meant for somebody else (RFC 3261 §8.1.3.3): dropped",
    },
    Row {
        name: "zeromf",
        outcome: Answered(200, "user", &[("max-forwards", "0")]),
        why: "§3.3.11: it went far enough, as it arrived where it was sent to",
    },
    Row {
        name: "cparam01",
        outcome: Answered(
            405,
            "user",
            &[
                ("contact", "sip:+19725552222@gw1.example.net"),
                ("contact param unknownparam", ""),
                ("contact uri param unknownparam", "-"),
            ],
        ),
        why: "§3.3.12: without brackets a parameter is the header's",
    },
    Row {
        name: "cparam02",
        outcome: Answered(
            405,
            "user",
            &[
                ("contact param unknownparam", "-"),
                ("contact uri param unknownparam", ""),
            ],
        ),
        why: "§3.3.13: between brackets it is the URI's",
    },
    Row {
        name: "regescrt",
        outcome: Answered(
            405,
            "user",
            &[
                ("contact uri user", "user"),
                ("contact uri headers", "Route=%3Csip:sip.example.com%3E"),
            ],
        ),
        why: "§3.3.14: in a Contact a URI may have headers, and they are kept",
    },
    Row {
        name: "sdp01",
        outcome: Answered(
            403,
            "user",
            &[("header Accept", "text/nobodyKnowsThis"), ("body", "150")],
        ),
        why: "§3.3.15: 406 where calls are taken, as `calls_are_taken` shows; here they are refused before",
    },
    Row {
        name: "inv2543",
        outcome: Answered(
            403,
            "UserB",
            &[
                ("from tag", "-"),
                ("via branch", "-"),
                ("max-forwards", "-"),
                ("contact", "-"),
                ("to param user", "phone"),
                ("body", "105"),
            ],
        ),
        why: "§3.4.1: RFC 2543 had no mandatory tag, branch, Max-Forwards, Contact or Content-Length",
    },
];

//! Rows of RFC 5118.
use crate::Outcome::{Answered, Refused};
use crate::Row;

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "ipv6-good",
        outcome: Answered(
            405,
            "user",
            &[
                ("uri host", "[2001:db8::10]"),
                ("uri port", "-"),
                ("via host", "[2001:db8::9:1]"),
                ("contact uri host", "[2001:db8::1]"),
                ("contact display", "Caller"),
            ],
        ),
        why: "§4.1: valid; each address is between its brackets",
    },
    Row {
        name: "ipv6-bad",
        outcome: Refused(400, "Request-URI: not a URI: bad host or port"),
        why: "§4.2: an IPv6 address without brackets is no host; 400 should follow",
    },
    Row {
        name: "port-ambiguous",
        outcome: Answered(405, "user", &[("uri host", "[2001:db8::10:5070]"), ("uri port", "-")]),
        why: "§4.3: what stands between the brackets is address, never port",
    },
    Row {
        name: "port-unambiguous",
        outcome: Answered(405, "user", &[("uri host", "[2001:db8::10]"), ("uri port", "5070")]),
        why: "§4.4: what stands behind the brackets is the port",
    },
    Row {
        name: "via-received-param-with-delim",
        outcome: Answered(
            481,
            "user",
            &[
                ("via host", "[2001:db8::9:1]"),
                ("via received", "[2001:db8::9:255]"),
                ("via branch", "z9hG4bKas3-111"),
            ],
        ),
        why: "§4.5: `received` may come with brackets although the grammar has none; the BYE is of no dialog of ours",
    },
    Row {
        name: "via-received-param-no-delim",
        outcome: Answered(
            404,
            "user",
            &[("via received", "2001:db8::9:255"), ("via branch", "z9hG4bKas3")],
        ),
        why: "§4.5: `received` without brackets is what the grammar says",
    },
    Row {
        name: "ipv6-in-sdp",
        outcome: Answered(
            403,
            "user",
            &[
                ("uri user", "user"),
                ("uri host", "[2001:db8::10]"),
                ("content-type", "application/sdp"),
                ("body", "251"),
            ],
        ),
        why: "§4.6: valid; a call to us is refused whatever it offers",
    },
    Row {
        name: "mult-ip-in-header",
        outcome: Answered(
            481,
            "user",
            &[("vias", "3"), ("via host", "[2001:db8::9:1]"), ("via port", "6050")],
        ),
        why: "§4.7: both families in one message; all three Vias go back in the answer",
    },
    Row {
        name: "mult-ip-in-sdp",
        outcome: Answered(403, "user", &[("content-type", "application/sdp"), ("body", "189")]),
        why: "§4.8: valid; a call to us is refused whatever it offers",
    },
    Row {
        name: "ipv4-mapped-ipv6",
        outcome: Answered(
            403,
            "user",
            &[
                ("via host", "[::ffff:192.0.2.10]"),
                ("via port", "19823"),
                ("contact uri host", "[::ffff:192.0.2.2]"),
                ("vias", "2"),
            ],
        ),
        why: "§4.9: an IPv4 address within an IPv6 address is one",
    },
    Row {
        name: "ipv6-bug-abnf-3-colons",
        outcome: Answered(
            200,
            "user",
            &[("uri host", "[2001:db8:::192.0.2.1]"), ("to uri user", "user")],
        ),
        why: "§4.10: the third colon comes from a bug of RFC 3261's grammar; \"an implementation must tolerate both of the above constructs\"",
    },
    Row {
        name: "ipv6-correct-abnf-2-colons",
        outcome: Answered(
            200,
            "user",
            &[("uri host", "[2001:db8::192.0.2.1]"), ("to uri user", "user")],
        ),
        why: "§4.10: the corrected form",
    },
];

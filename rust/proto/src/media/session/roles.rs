//! Who is what in DTLS, as `a=setup` says it (RFC 4145 §4, RFC 8842 §5).
use crate::media::description::Setup;
use crate::media::dtls::DtlsRole;
use crate::media::transport::Roles;

/// Ours towards an answer.
pub(super) fn roles_of_offerer(answered: Option<Setup>) -> Roles {
    Roles {
        is_offerer: true,
        dtls: match answered {
            Some(Setup::Passive) => DtlsRole::Client,
            // RFC 4145 §4.1: active when it is missing; actpass is wrong in an answer, and active likely meant
            Some(Setup::Active | Setup::Actpass) | None => DtlsRole::Server,
        },
    }
}

/// Whether a description asks for the DTLS role that is ours.
pub(super) fn contradicts(setup: Option<Setup>, ours: DtlsRole) -> bool {
    setup == Some(setup_of(ours))
}

/// What we write for our role.
pub(super) fn setup_of(role: DtlsRole) -> Setup {
    match role {
        DtlsRole::Client => Setup::Active,
        DtlsRole::Server => Setup::Passive,
    }
}

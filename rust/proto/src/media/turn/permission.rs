//! Which peers the server lets through (RFC 8656 §9): one permission per address, for five minutes.
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Peers of one allocation; a call's far side has a handful of addresses.
const MAX_PERMISSIONS: usize = 64;
/// A permission lives 300 s; the last minute of it is for asking again.
const REFRESH_AFTER: Duration = Duration::from_secs(240);

/// What the server said to one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Permission {
    /// Asked for.
    Requested,
    /// Granted; to be asked for again at this time.
    Granted(Instant),
    /// Granted, and asked for again.
    Renewing,
    /// Refused for good.
    Refused,
}

/// The permissions of one allocation.
#[derive(Default, Debug)]
pub(super) struct Permissions(Vec<(IpAddr, Permission)>);

impl Permissions {
    pub(super) fn get(&self, peer: IpAddr) -> Option<Permission> {
        let mut known = self.0.iter().filter(|(ip, _)| *ip == peer);
        known.next().map(|(_, permission)| *permission)
    }

    /// Notes a new address; `true` when the server is to be asked. When the table is full the address is left out.
    pub(super) fn request(&mut self, peer: IpAddr) -> bool {
        if self.get(peer).is_some() || self.0.len() >= MAX_PERMISSIONS {
            return false;
        }
        self.0.push((peer, Permission::Requested));
        true
    }

    /// A `CreatePermission` or `ChannelBind` succeeded.
    pub(super) fn grant(&mut self, peer: IpAddr, now: Instant) {
        self.set(peer, Permission::Granted(now + REFRESH_AFTER));
    }

    pub(super) fn refuse(&mut self, peer: IpAddr) {
        self.set(peer, Permission::Refused);
    }

    /// Nobody answered: the next datagram asks again.
    pub(super) fn forget(&mut self, peer: IpAddr) {
        self.0.retain(|(ip, _)| *ip != peer);
    }

    /// Whether all that the server answered so far were refusals.
    pub(super) fn all_refused(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|(_, permission)| *permission == Permission::Refused)
    }

    /// Whether data from this address may be believed (RFC 8656 §11.4).
    pub(super) fn admits(&self, peer: IpAddr) -> bool {
        !matches!(self.get(peer), None | Some(Permission::Refused))
    }

    /// One address whose permission is due; it counts as asked for.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<IpAddr> {
        let is_due = |permission: &Permission| matches!(permission, Permission::Granted(due) if now >= *due);
        let (peer, permission) = self.0.iter_mut().find(|(_, permission)| is_due(permission))?;
        *permission = Permission::Renewing;
        Some(*peer)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let due = self.0.iter().filter_map(|(_, permission)| match permission {
            Permission::Granted(due) => Some(*due),
            _ => None,
        });
        due.min()
    }

    fn set(&mut self, peer: IpAddr, permission: Permission) {
        if let Some((_, known)) = self.0.iter_mut().find(|(ip, _)| *ip == peer) {
            *known = permission;
        }
    }
}

//! Moving a call to another path: ICE restart by re-INVITE (RFC 8839 §4.4.1.1.1), when its local address is gone, its path
//! is silent, or a better address came. The path in use stays until the next one works.
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::Call;
use super::media::PathNews;
use super::our_reinvite::Purpose;
use super::state::Phase;
use crate::io::{Event, Output, Stage, UdpInput};
use crate::media::session::RestartState;
use crate::user_agent::context::Context;
use crate::user_agent::network::{are_of_one_network, best_for};

/// Restarts that may be offered in `OFFER_PERIOD`.
const MAX_OFFERS: usize = 3;
const OFFER_PERIOD: Duration = Duration::from_secs(30);
/// When to try again what could not be begun or was refused, while the path in use is silent.
const RETRY: Duration = Duration::from_secs(1);
/// How long a restart may take to bring a path once the connection to the server is back.
const RESTART_LIMIT: Duration = Duration::from_secs(30);

/// How far a restart is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// There is none.
    Idle,
    /// It waits for the connection, for an address or for its time.
    Wanted,
    /// Sockets are being bound.
    Binding,
    /// STUN and TURN servers are asked.
    Gathering,
    /// The offer waits until there may be one.
    Ready,
    /// The re-INVITE is out.
    Offered,
    /// The next path is being checked.
    Checking,
}

/// The restart of a call.
pub(super) struct Restart {
    pub(super) step: Step,
    /// What could not be done waits until then.
    not_before: Option<Instant>,
    /// The addresses that sockets were asked for last.
    asked: Vec<IpAddr>,
    /// That there are no sockets was told.
    is_told: bool,
    /// Something changed while the re-INVITE was out.
    again: bool,
    offers: VecDeque<Instant>,
}

impl Restart {
    /// `asked` are the addresses that the call's first sockets were wanted for.
    pub(super) fn new(asked: &[IpAddr]) -> Self {
        Self {
            step: Step::Idle,
            not_before: None,
            asked: asked.to_vec(),
            is_told: false,
            again: false,
            offers: VecDeque::new(),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let waits = matches!(self.step, Step::Wanted | Step::Ready);
        self.not_before.filter(|_| waits)
    }

    pub(super) fn stop(&mut self) {
        *self = Self::new(&[]);
    }

    /// Notes an offer.
    fn offered(&mut self, now: Instant) {
        self.offers.push_back(now);
        self.step = Step::Offered;
    }

    /// When the next offer may be made.
    fn next_offer(&mut self, now: Instant) -> Option<Instant> {
        let is_old = |offered: &Instant| now.saturating_duration_since(*offered) >= OFFER_PERIOD;
        while self.offers.front().is_some_and(is_old) {
            self.offers.pop_front();
        }
        let first = self.offers.front().filter(|_| self.offers.len() >= MAX_OFFERS)?;
        Some(*first + OFFER_PERIOD)
    }
}

impl Call {
    /// The machine's addresses may have changed: moves the call if the address in use is gone, or a better one came.
    pub(crate) fn check_addresses(&mut self, ctx: &mut Context<'_>) {
        if self.phase != Phase::Answered {
            return;
        }
        let used = self.media.live().and_then(|session| session.used_address());
        let is_gone = used.is_some_and(|used| !ctx.core.addresses.has(used));
        if let Some(session) = self.media.live().filter(|_| is_gone) {
            session.doubt_path(ctx.now);
        }
        let best = best_for(used, &ctx.core.addresses.wanted);
        let is_elsewhere = |best| is_gone || !used.is_some_and(|used| are_of_one_network(used, best));
        if best != best_for(used, &self.restart.asked) && best.is_some_and(is_elsewhere) {
            self.want_restart(ctx);
        }
        self.pump(ctx);
    }

    /// The system cannot send from this socket, or not to this address.
    pub(super) fn handle_unsendable(&mut self, local: SocketAddr, remote: SocketAddr, ctx: &mut Context<'_>) {
        if let Some(session) = self.media.live() {
            session.handle_unsendable(local, remote, ctx.now);
            self.pump(ctx);
        }
    }

    /// The connection to the server is lost: whether media goes on is seen later.
    pub(crate) fn keep_media(&mut self, limit: Duration, now: Instant) {
        if let Some(session) = self.media.live() {
            session.keep_until(now + limit + RESTART_LIMIT);
        }
    }

    /// The connection to the server is back: a restart that waited for it begins.
    pub(crate) fn handle_reconnected(&mut self, ctx: &mut Context<'_>) {
        if let Some(session) = self.media.live() {
            session.keep_until(ctx.now + RESTART_LIMIT);
        }
        self.restart.not_before = None;
        self.check_addresses(ctx);
    }

    /// Takes sockets for another path; those that nobody waits for are given back.
    pub(super) fn handle_more_sockets(&mut self, input: UdpInput, ctx: &mut Context<'_>) {
        let is_awaited = self.restart.step == Step::Binding && self.phase == Phase::Answered;
        match input {
            UdpInput::Bound(sockets) if is_awaited => match self.media.begin_restart(&sockets, ctx.now) {
                Ok(()) => {
                    self.restart.step = Step::Gathering;
                    self.pump(ctx);
                }
                Err(_) => self.try_later(ctx),
            },
            // all go with the call
            UdpInput::Bound(_) if self.is_over() => {}
            UdpInput::Bound(sockets) => ctx.output(Output::CloseUdp {
                call: self.id(),
                sockets,
            }),
            UdpInput::Failed(text) if is_awaited => {
                self.tell_unbound(&text, ctx);
                self.try_later(ctx);
            }
            UdpInput::Failed(_) | UdpInput::Unsendable { .. } => {}
        }
    }

    /// Goes on with a restart as far as it can: called after each input.
    pub(super) fn run_restart(&mut self, ctx: &mut Context<'_>) {
        for news in self.media.take_path_news() {
            self.follow_path(news, ctx);
        }
        if self.restart.step == Step::Gathering && self.media.is_gathered() {
            self.restart.step = Step::Ready;
        }
        if self.restart.not_before.is_some_and(|moment| moment > ctx.now) {
            return;
        }
        match self.restart.step {
            Step::Wanted if ctx.is_open => self.bind_for_restart(ctx),
            Step::Ready if self.may_reinvite(ctx) => self.offer_restart(ctx),
            _ => self.restart.not_before = None,
        }
    }

    /// What was gathered is offered again after `delay`.
    pub(super) fn restart_later(&mut self, delay: Duration, ctx: &Context<'_>) {
        if let Some(session) = self.media.live() {
            session.withdraw_offer();
        }
        self.restart.step = Step::Ready;
        self.restart.not_before = Some(ctx.now + delay);
    }

    /// The answer to the re-INVITE was taken: the next path is checked, unless there is a better one by now.
    pub(super) fn check_next_path(&mut self, ctx: &mut Context<'_>) {
        self.restart.step = Step::Checking;
        if std::mem::take(&mut self.restart.again) {
            self.want_restart(ctx);
        }
    }

    /// The restart came to nothing. While the path in use is silent it is tried again.
    pub(super) fn fail_restart(&mut self, why: &str, ctx: &mut Context<'_>) {
        self.abandon(Step::Idle, ctx);
        let is_alive = self.media.live().is_some_and(|session| session.is_path_alive());
        if is_alive && !self.restart.again {
            let text = format!("moving the call to another address failed ({why}); it stays on its path");
            ctx.emit(Event::Warning {
                stage: Stage::Ice,
                text,
            });
            return;
        }
        self.restart.again = false;
        self.try_later(ctx);
    }

    /// The far side made an offer: one that restarts ICE takes the sockets of a restart of ours that is not offered yet.
    pub(super) fn follow_remote_offer(&mut self, ctx: &Context<'_>) {
        if !matches!(self.restart.step, Step::Gathering | Step::Ready) {
            return;
        }
        match self.media.live().map(|session| session.restart_state()) {
            Some(RestartState::Prepared) => {}
            Some(RestartState::Checking) => self.restart.step = Step::Checking,
            Some(RestartState::None) | None => self.try_later(ctx),
        }
    }

    fn follow_path(&mut self, news: PathNews, ctx: &mut Context<'_>) {
        match news {
            PathNews::Silent => {
                if matches!(self.restart.step, Step::Idle) {
                    self.want_restart(ctx);
                }
            }
            PathNews::Moved => {
                self.restart.step = Step::Idle;
                (self.restart.again, self.restart.is_told) = (false, false);
                self.check_addresses(ctx);
            }
            PathNews::RestartFailed => self.fail_restart("no way from there to the far side", ctx),
        }
    }

    fn want_restart(&mut self, ctx: &mut Context<'_>) {
        if self.phase != Phase::Answered {
            return;
        }
        if self.restart.step == Step::Offered {
            self.restart.again = true;
            return;
        }
        self.restart.step = Step::Wanted;
        self.run_restart(ctx);
    }

    fn offer_restart(&mut self, ctx: &mut Context<'_>) {
        match self.media.restart_offer(ctx.now) {
            Ok(offer) if self.send_reinvite(Purpose::Restart, &offer, ctx) => self.restart.offered(ctx.now),
            Ok(_) => self.fail_restart("too many requests are unanswered", ctx),
            Err(error) => self.fail_restart(&error.to_string(), ctx),
        }
    }

    fn bind_for_restart(&mut self, ctx: &mut Context<'_>) {
        self.restart.not_before = self.restart.next_offer(ctx.now);
        if self.restart.not_before.is_some() {
            return;
        }
        let addresses = ctx.core.addresses.wanted.clone();
        if addresses.is_empty() {
            return self.try_later(ctx);
        }
        self.restart.step = Step::Binding;
        self.restart.asked.clone_from(&addresses);
        ctx.output(Output::BindUdp {
            call: self.id(),
            addresses,
        });
    }

    /// Without sockets there is no other path; told once, though it is tried each second.
    fn tell_unbound(&mut self, why: &str, ctx: &mut Context<'_>) {
        if !std::mem::replace(&mut self.restart.is_told, true) {
            let text = format!("moving the call to another address waits for a UDP socket: {why}");
            ctx.emit(Event::Warning {
                stage: Stage::Ice,
                text,
            });
        }
    }

    fn try_later(&mut self, ctx: &Context<'_>) {
        self.restart.step = Step::Wanted;
        self.restart.not_before = Some(ctx.now + RETRY);
    }

    fn abandon(&mut self, step: Step, ctx: &Context<'_>) {
        if let Some(session) = self.media.live() {
            session.abandon_restart(ctx.now);
        }
        self.restart.step = step;
        self.restart.not_before = None;
    }
}
